"""Turning the pages of a collection without a search: pictures in the order in which they came, a page at a time.

Enters: what may be seen and what was asked for. Leaves: a page and where the next and the previous one begin; a page
far inside costs what the first one does, because each begins after a number and not after so many rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from mezzetin.collection.opening import Reader
from mezzetin.collection.pictures import picture_of
from mezzetin.collection.rows import Picture
from mezzetin.serving.gallery.asked import Wanted
from mezzetin.serving.gallery.sight import UNSEEN, Sight

_FEW = 2000


@dataclass(frozen=True, slots=True)
class Page:
    """Pictures, and whether there are others before and after them."""

    pictures: list[Picture]
    previous: bool
    next: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """What was asked for of artists and dates, as the values of the collection that fit; None: any."""

    artists: Sequence[str] | None = None
    dates: Sequence[str] | None = None


def page(reader: Reader, sight: Sight, wanted: Wanted, limits: Limits, limit: int) -> Page:
    """The pictures after, or before, the one that `wanted` names; otherwise the first."""
    where, values = condition(reader, sight, wanted, limits)
    back = wanted.before is not None
    edge = wanted.before if back else wanted.after or 0
    rows = list(
        reader.rows(
            f"SELECT pictures.* FROM pictures WHERE {where} AND pictures.id {'<' if back else '>'} ?"  # noqa: S608
            f" ORDER BY pictures.id {'DESC' if back else 'ASC'} LIMIT ?",
            (*values, edge, limit + 1),
        )
    )
    more = len(rows) > limit
    found = [picture_of(row) for row in rows[:limit]]
    if back:
        return Page(found[::-1], previous=more, next=True)
    return Page(found, previous=bool(wanted.after), next=more)


def count(reader: Reader, sight: Sight, wanted: Wanted, limits: Limits) -> int:
    """How many pictures there are for all pages together."""
    where, values = condition(reader, sight, wanted, limits)
    row = reader.one(f"SELECT count(*) FROM pictures WHERE {where}", values)  # noqa: S608 - no value is in it
    return row[0] if row else 0


def same(reader: Reader, content: bytes) -> list[Picture]:
    """The pictures whose file holds exactly these bytes."""
    digest = hashlib.sha256(content).hexdigest()
    return [picture_of(row) for row in reader.rows("SELECT * FROM pictures WHERE sha256 = ? ORDER BY id", (digest,))]


def condition(reader: Reader, sight: Sight, wanted: Wanted, limits: Limits) -> tuple[str, tuple[object, ...]]:
    """What is seen and asked for as SQL over `pictures`, and its values."""
    parts: list[tuple[str, tuple[object, ...]]] = [(f"pictures.status NOT IN ({_marks(UNSEEN)})", UNSEEN)]
    if not sight.inside:
        parts.append(("pictures.restricted = 0", ()))
    lang = wanted.fields.get("lang")
    if not sight.inside or "status" in wanted.fields or lang:
        parts.append(_described(reader, sight, wanted.statuses, lang))
    if "source" in wanted.fields:
        # Without the sign SQLite would read all pictures of the source and sort them for the first page.
        parts.append(("+pictures.source = ?", (wanted.fields["source"],)))
    for column, fitting in (("artist", limits.artists), ("date", limits.dates)):
        if fitting is not None:
            known = f"pictures.{column} IN (SELECT value FROM json_each(?))"  # noqa: S608
            parts.append((known, (json.dumps(fitting),)))
    return " AND ".join(sql for sql, _ in parts), tuple(value for _, values in parts for value in values)


def _described(
    reader: Reader, sight: Sight, asked: tuple[str, ...], lang: str | None
) -> tuple[str, tuple[object, ...]]:
    """A text that counts, may be seen and was asked for: looked for from the side where there is less to look at."""
    statuses = tuple(status for status in sight.statuses if not asked or status in asked)
    among = f"texts.status IN ({_marks(statuses)}) AND texts.text <> ''"
    values: tuple[object, ...] = statuses
    if lang:
        # As `retrieval.filters.speaks` has it.
        among += " AND lower(texts.lang || '-') GLOB ?"
        values = (*statuses, f"{lang.lower()}-*")
    few = reader.one(
        f"SELECT count(*) FROM (SELECT 1 FROM texts WHERE texts.status IN ({_marks(statuses)}) LIMIT ?)",  # noqa: S608
        (*statuses, _FEW),
    )
    if few is not None and few[0] < _FEW:
        chosen = "EXISTS (SELECT 1 FROM chosen WHERE chosen.text_id = texts.id)"
        return f"pictures.id IN (SELECT texts.picture_id FROM texts WHERE {among} AND {chosen})", values  # noqa: S608
    told = "SELECT 1 FROM chosen JOIN texts ON texts.id = chosen.text_id"
    return f"EXISTS ({told} WHERE chosen.picture_id = pictures.id AND {among})", values


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))
