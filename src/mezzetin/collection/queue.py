"""The queue of review: texts by what people ask for, a page at a time, however many there are.

Enters: a `Filter`. Leaves: pages, counts and shares, read from indexes; nothing is held in memory but a page.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from mezzetin.collection.opening import Reader
from mezzetin.collection.pictures import picture_of
from mezzetin.collection.rows import KINDS, STATUSES, Picture, Text
from mezzetin.collection.texts import text_of
from mezzetin.errors import InputError

_CERTAINTY = "coalesce(texts.confidence, -1.0)"
#: Per order: what is sorted by, whether downwards.
ORDERS = {"uncertain": (_CERTAINTY, False), "sure": (_CERTAINTY, True), "newest": ("texts.act_id", True)}
_PICTURE = ", ".join(f"pictures.{name} AS picture__{name}" for name in Picture.__dataclass_fields__)
_FROM = "FROM texts JOIN pictures ON pictures.id = texts.picture_id"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which texts are meant; None and () ask for nothing.

    `captioner` is a text's source, `source` a collected place, `run` the run that changed the text last;
    `min_confidence` is included, `max_confidence` is not, but at 1.0; `words` are looked for in text, title and artist
    (letters A to Z in either case); `chosen_only` leaves out texts that do not count.
    """

    statuses: tuple[str, ...] = ("machine",)
    kind: str | None = "alt"
    lang: str | None = None
    captioner: str | None = None
    source: str | None = None
    run: int | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None
    words: str | None = None
    picture_statuses: tuple[str, ...] = ()
    chosen_only: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """A text and its picture."""

    text: Text
    picture: Picture


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the queue; `next` is where the next one begins, None at the end."""

    items: list[Item]
    next: str | None


def page(
    reader: Reader, wanted: Filter, *, after: str | None = None, limit: int = 50, order: str = "uncertain"
) -> Page:
    """A page of the texts that a filter asks for: the least certain first, the surest, or the newest.

    Raises:
        InputError: the order, a status or `after` is none.

    """
    if order not in ORDERS:
        raise InputError(f"{order!r} is no order of the queue: choose one of {', '.join(ORDERS)}")
    key, down = ORDERS[order]
    where, values = condition(wanted)
    if after is not None:
        where += f" AND ({key}, texts.id) {'<' if down else '>'} (?, ?)"
        values += _position(after)
    way = "DESC" if down else "ASC"
    rows = list(
        reader.rows(
            f"SELECT texts.*, acts.at AS changed, acts.who AS changed_by, acts.who_is AS changed_by_a, {_PICTURE},"
            f" {key} AS position {_FROM} JOIN acts ON acts.id = texts.act_id WHERE {where}"
            f" ORDER BY {key} {way}, texts.id {way} LIMIT ?",
            (*values, limit + 1),
        )
    )
    items = [item_of(row) for row in rows[:limit]]
    more = f"{rows[limit - 1]['position']!r}:{rows[limit - 1]['id']}" if len(rows) > limit else None
    return Page(items, more)


def count(reader: Reader, wanted: Filter) -> int:
    """How many texts a filter asks for."""
    where, values = condition(wanted)
    row = reader.one(f"SELECT count(*) {_FROM} WHERE {where}", values)
    return row[0] if row else 0


def text_ids(reader: Reader, wanted: Filter) -> Iterator[int]:
    """The numbers of the texts that a filter asks for, in order, one by one."""
    where, values = condition(wanted)
    for row in reader.rows(f"SELECT texts.id {_FROM} WHERE {where} ORDER BY texts.id", values):
        yield row[0]


def confidences(reader: Reader, wanted: Filter, bins: int = 20) -> list[int]:
    """How many texts lie in each of `bins` equal bands of confidence, 0..1; those without one are left out."""
    where, values = condition(wanted)
    counts = [0] * bins
    for row in reader.rows(
        f"SELECT min(CAST(texts.confidence * ? AS INTEGER), ?) AS band, count(*) {_FROM}"
        f" WHERE {where} AND texts.confidence IS NOT NULL GROUP BY band",
        (bins, bins - 1, *values),
    ):
        counts[row[0]] = row[1]
    return counts


def statuses(reader: Reader, *, kind: str = "alt", lang: str | None = None) -> dict[str, int]:
    """How many texts of a kind there are of each status, whether or not they count."""
    found = reader.rows(
        "SELECT status, count(*) FROM texts WHERE kind = ? AND (? IS NULL OR lang = ?) GROUP BY status",
        (kind, lang, lang),
    )
    return {row[0]: row[1] for row in found}


def languages(reader: Reader) -> dict[str, int]:
    """How many texts there are in each language."""
    return _grouped(reader, "lang", "texts")


def captioners(reader: Reader) -> dict[str, int]:
    """How many texts there are of each source."""
    return _grouped(reader, "source", "texts")


def sources(reader: Reader) -> dict[str, int]:
    """How many pictures there are of each collected place."""
    return _grouped(reader, "source", "pictures")


def _grouped(reader: Reader, column: str, table: str) -> dict[str, int]:
    rows = reader.rows(f"SELECT {column}, count(*) FROM {table} GROUP BY {column} ORDER BY {column}")  # noqa: S608
    return {row[0]: row[1] for row in rows}


def condition(wanted: Filter) -> tuple[str, tuple[object, ...]]:
    """The filter as SQL over `texts` and `pictures`, and its values.

    Raises:
        InputError: a status or kind is none.

    """
    for status in wanted.statuses:
        if status not in STATUSES:
            raise InputError(f"{status!r} is no status: choose from {', '.join(STATUSES)}")
    if wanted.kind is not None and wanted.kind not in KINDS:
        raise InputError(f"{wanted.kind!r} is no kind of text: choose one of {', '.join(KINDS)}")
    high = "<=" if wanted.max_confidence is not None and wanted.max_confidence >= 1 else "<"
    parts: list[tuple[str, tuple[object, ...]]] = [("texts.status <> 'withdrawn'", ())]
    if wanted.statuses:
        parts.append((f"texts.status IN ({', '.join('?' * len(wanted.statuses))})", wanted.statuses))
    if wanted.picture_statuses:
        marks = ", ".join("?" * len(wanted.picture_statuses))
        parts.append((f"pictures.status IN ({marks})", wanted.picture_statuses))
    for sql, value in (
        ("texts.kind = ?", wanted.kind),
        ("texts.lang = ?", wanted.lang),
        ("texts.source = ?", wanted.captioner),
        ("pictures.source = ?", wanted.source),
        ("texts.act_id IN (SELECT id FROM acts WHERE run_id = ?)", wanted.run),
        (f"{_CERTAINTY} >= ?", wanted.min_confidence),
        (f"texts.confidence {high} ?", wanted.max_confidence),
    ):
        if value is not None:
            parts.append((sql, (value,)))
    if wanted.words:
        within = " || char(10) || ".join(f"coalesce({name}, '')" for name in ("texts.text", "title", "artist"))
        parts.append((f"instr(lower({within}), lower(?)) > 0", (wanted.words,)))
    if wanted.chosen_only:
        parts.append(("EXISTS (SELECT 1 FROM chosen WHERE text_id = texts.id)", ()))
    return " AND ".join(sql for sql, _ in parts), tuple(value for _, values in parts for value in values)


def item_of(row: sqlite3.Row) -> Item:
    """An item as a row holds it."""
    return Item(text_of(row), picture_of(row, "picture__"))


def _position(after: str) -> tuple[float, int]:
    key, _, number = after.rpartition(":")
    try:
        return float(key), int(number)
    except ValueError as error:
        raise InputError("this is no place in the queue: begin at its first page") from error
