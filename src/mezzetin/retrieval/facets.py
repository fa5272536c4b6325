"""What filters ask of, in memory: one row for every text that counts, in columns of numbers.

Enters: a collection. Leaves: which pictures a filter lets through, in milliseconds among a million. About 40 bytes a
text; read when the first filter is set, and kept up with what changes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mezzetin.collection.opening import Reader
from mezzetin.retrieval.filters import APPROVED, Filter, days_of, speaks

Mask = NDArray[np.bool_]
_ROWS = """
SELECT pictures.id, texts.status, texts.lang, texts.confidence, pictures.source, pictures.artist, pictures.licence,
    pictures.date, pictures.restricted
FROM pictures LEFT JOIN chosen ON chosen.picture_id = pictures.id LEFT JOIN texts ON texts.id = chosen.text_id
WHERE pictures.status <> 'gone'
"""
_SOME = f"{_ROWS} AND pictures.id IN (SELECT value FROM json_each(?))"  # noqa: S608
_FIELDS = np.dtype(
    [
        ("picture", np.int64),
        ("status", np.int16),
        ("lang", np.int16),
        ("confidence", np.float32),
        ("source", np.int32),
        ("artist", np.int32),
        ("licence", np.int32),
        ("first", np.int32),
        ("last", np.int32),
        ("restricted", np.bool_),
    ]
)
_NAMED = ("status", "lang", "source", "artist", "licence")
_CHUNK = 20_000


class Facets:
    """The columns, and for those that hold names the names that occur."""

    def __init__(self, reader: Reader) -> None:
        self._names: dict[str, dict[str | None, int]] = {column: {None: 0} for column in _NAMED}
        self._days: dict[str | None, tuple[int, int]] = {None: (0, 0)}
        self._table = self._read(reader.rows(_ROWS))

    def __len__(self) -> int:
        return len(self._table["picture"])

    def renew(self, reader: Reader, pictures: Iterable[int]) -> None:
        """Read some pictures anew; those that are gone or forgotten vanish."""
        numbers = list(pictures)
        stay = ~np.isin(self._table["picture"], np.array(numbers, np.int64))
        again = self._read(reader.rows(_SOME, (json.dumps(numbers),)))
        self._table = {name: np.concatenate([column[stay], again[name]]) for name, column in self._table.items()}

    def pictures(self, wanted: Filter) -> Mask:
        """For every number of a picture whether `wanted` lets it through; `record_ids` are not looked at."""
        table = self._table
        mask: Mask = np.ones(len(self), np.bool_)
        if wanted.statuses:
            mask &= self._named("status", lambda name: name in wanted.statuses)
        if wanted.approved_only:
            mask &= self._named("status", lambda name: name in APPROVED)
        if wanted.lang:
            asked = wanted.lang
            mask &= self._named("lang", lambda name: speaks(name, asked))
        if wanted.sources:
            mask &= self._named("source", lambda name: name in wanted.sources)
        if wanted.artist:
            mask &= self._named("artist", partial(_holds, wanted.artist.casefold()))
        if wanted.licence:
            mask &= self._named("licence", partial(_holds, wanted.licence.casefold()))
        days = wanted.days()
        if days:
            mask &= (table["last"] >= max(days[0], 1)) & (table["first"] <= days[1])
        # A missing confidence is NaN, and less and more than nothing.
        if wanted.min_confidence is not None:
            mask &= table["confidence"] >= np.float32(wanted.min_confidence)
        if wanted.max_confidence is not None:
            mask &= table["confidence"] <= np.float32(wanted.max_confidence)
        if not wanted.with_restricted:
            mask &= ~table["restricted"]
        allowed = np.zeros(int(table["picture"].max(initial=0)) + 1, np.bool_)
        allowed[table["picture"][mask]] = True
        return allowed

    def _named(self, column: str, fits: Callable[[str | None], bool]) -> Mask:
        names = self._names[column]
        codes = np.array([code for name, code in names.items() if fits(name)], np.int64)
        wanted = np.zeros(len(names), np.bool_)
        wanted[codes] = True
        return np.asarray(wanted[self._table[column]], np.bool_)

    def _read(self, rows: Iterator[sqlite3.Row]) -> dict[str, NDArray[Any]]:
        parts = []
        while chunk := list(islice(rows, _CHUNK)):
            parts.append(np.array([self._row(row) for row in chunk], _FIELDS))
        names = _FIELDS.names or ()
        return {name: np.concatenate([np.empty(0, _FIELDS[name]), *(part[name] for part in parts)]) for name in names}

    def _row(self, row: sqlite3.Row) -> tuple[object, ...]:
        number, status, lang, confidence, source, artist, licence, date, restricted = row
        first, last = self._days.get(date) or self._days.setdefault(date, days_of(date) or (0, 0))
        return (
            number,
            self._code("status", status),
            self._code("lang", lang),
            np.nan if confidence is None else confidence,
            self._code("source", source),
            self._code("artist", artist),
            self._code("licence", licence),
            first,
            last,
            bool(restricted),
        )

    def _code(self, column: str, name: str | None) -> int:
        names = self._names[column]
        return names.setdefault(name, len(names))


def _holds(part: str, name: str | None) -> bool:
    return part in (name or "").casefold()
