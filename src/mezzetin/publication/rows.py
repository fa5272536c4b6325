"""What of a collection may be published: the pictures, each with the texts that count.

Enters: a reading of a collection and what was asked for. Leaves: one `Published` a picture, in the order of their
numbers and in flat memory. Only the chosen text of a kind and a language counts: what was rejected, deleted or put
aside for a better one never leaves the house.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from mezzetin.collection.opening import Reader
from mezzetin.collection.pictures import picture_of
from mezzetin.collection.rows import KINDS, Picture, Text
from mezzetin.collection.texts import text_of
from mezzetin.errors import InputError

Label = Literal["person", "approved", "sampled", "museum", "machine"]
"""Who stands behind a text: see `label`."""
LABELS: dict[str, Label] = {
    "edited": "person",
    "approved": "approved",
    "sampled": "sampled",
    "given": "museum",
    "machine": "machine",
}
"""The label of each status that a text which counts can have."""
_PICTURE = ", ".join(f"pictures.{name} AS picture_{name}" for name in Picture.__dataclass_fields__ if name != "id")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for.

    `texts` is "approved" (what people wrote, read, gave with their records, or, unless `sampled` is False, approved by
    sample) or "all" (machine texts too); `langs` are BCP 47 tags, where "en" takes "en-GB" along, and `sources` are
    what the pictures were collected from: empty means every one. Pictures that must not leave the house come only
    `with_restricted`; pictures that are gone never do.
    """

    texts: str = "approved"
    sampled: bool = True
    langs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = KINDS
    sources: tuple[str, ...] = ()
    with_restricted: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """A picture and what is said of it, at most one text a kind and language, alternative texts first."""

    picture: Picture
    texts: tuple[Text, ...]


def published(reader: Reader, selection: Selection | None = None, *, after: int = 0) -> Iterator[Published]:
    """The pictures that have a text to publish, by their numbers, above `after`; memory does not grow with them.

    Raises:
        InputError: the selection asks for texts, a kind or a language that can't be.

    """
    where, values = _where(selection or Selection())
    yield from _read(reader, f"chosen.picture_id > ? AND {where}", (after, *values))


def published_one(reader: Reader, picture_id: int, selection: Selection | None = None) -> Published | None:
    """One picture with its texts, or None where nothing of it may be published."""
    where, values = _where(selection or Selection())
    return next(_read(reader, f"chosen.picture_id = ? AND {where}", (picture_id, *values)), None)


def published_pages(reader: Reader, uri: str, selection: Selection | None = None) -> list[Published]:
    """The pages of one file that have a text to publish, in the order of the pages."""
    where, values = _where(selection or Selection())
    here = "chosen.picture_id IN (SELECT id FROM pictures WHERE uri = ?)"
    return sorted(_read(reader, f"{here} AND {where}", (uri, *values)), key=lambda one: one.picture.page)


def published_count(reader: Reader, selection: Selection | None = None) -> int:
    """How many pictures `published` goes over."""
    where, values = _where(selection or Selection())
    found = reader.one(
        "SELECT count(DISTINCT chosen.picture_id) FROM chosen JOIN texts ON texts.id = chosen.text_id"  # noqa: S608
        f" JOIN pictures ON pictures.id = chosen.picture_id WHERE {where}",
        values,
    )
    return int(found[0]) if found else 0


def label(text: Text) -> Label:
    """Who stands behind a text.

    "person" wrote it, "approved" was read by a person, "sampled" was approved with its band, "museum" came with the
    record, "machine" was looked at by nobody.
    """
    return LABELS[text.status]


def _where(selection: Selection) -> tuple[str, tuple[str, ...]]:
    statuses = _statuses(selection)
    for kind in selection.kinds:
        if kind not in KINDS:
            raise InputError(f"{kind!r} is no kind of text: choose from {', '.join(KINDS)}")
    where = f"pictures.status <> 'gone' AND texts.status IN ({_marks(statuses)})"
    where += f" AND chosen.kind IN ({_marks(selection.kinds)})"
    values = (*statuses, *selection.kinds)
    if selection.langs:
        # "en" is found at the start of "en-GB-", and not of "eng-".
        one = "instr(lower(chosen.lang) || '-', lower(?) || '-') = 1"
        where += f" AND ({' OR '.join([one] * len(selection.langs))})"
        values += selection.langs
    if selection.sources:
        where += f" AND pictures.source IN ({_marks(selection.sources)})"
        values += selection.sources
    return where if selection.with_restricted else f"{where} AND NOT pictures.restricted", values


def _statuses(selection: Selection) -> tuple[str, ...]:
    if selection.texts not in ("approved", "all"):
        raise InputError(f"{selection.texts!r} is no choice of texts: approved or all")
    left_out = set() if selection.texts == "all" else {"machine"}
    return tuple(name for name in LABELS if name not in left_out and (selection.sampled or name != "sampled"))


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))


def _read(reader: Reader, where: str, values: tuple[object, ...]) -> Iterator[Published]:
    # CROSS JOIN keeps the order of the tables, so that SQLite streams along the key of `chosen` and sorts nothing.
    rows = reader.rows(
        f"SELECT texts.*, acts.at AS changed, acts.who AS changed_by, acts.who_is AS changed_by_a, {_PICTURE}"  # noqa: S608
        " FROM chosen CROSS JOIN texts ON texts.id = chosen.text_id CROSS JOIN acts ON acts.id = texts.act_id"
        f" CROSS JOIN pictures ON pictures.id = chosen.picture_id WHERE {where}"
        " ORDER BY chosen.picture_id, chosen.kind, chosen.lang",
        values,
    )
    for _, together in groupby(rows, key=_number):
        group = list(together)
        yield Published(picture_of(group[0], "picture_"), tuple(map(text_of, group)))


def _number(row: sqlite3.Row) -> int:
    return int(row["picture_id"])
