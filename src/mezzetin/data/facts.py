"""Facts: what finishing a dataset needs to know of each row, kept on disk while rows are written.

Enters: rows as they are written, or those of parts that an earlier run finished. Leaves: the same, without images and
captions, in order or by content. Like the gathering it is a private SQLite file, so that memory stays flat.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mezzetin.data.scratch import scratch_disk
from mezzetin.data.splits import UNUSED

_TABLE = """
CREATE TABLE fact (number INTEGER PRIMARY KEY, id TEXT, split TEXT, written TEXT, sha256 BLOB, likeness BLOB,
    status TEXT, error TEXT, width INTEGER, height INTEGER, family TEXT);
"""
_COLUMNS = "number, id, split, sha256, status, error, width, height"


@dataclass(frozen=True, slots=True)
class Fact:
    """A row: its number from 0, and what the columns of the same names say."""

    number: int
    image_id: str
    split: str
    sha256: str | None
    status: str
    error: str | None
    width: int
    height: int


class Facts:
    """The rows of one dataset, in order."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("", isolation_level=None)
        self._count = 0
        with scratch_disk():
            self._table.executescript(_TABLE)
            self._table.execute("BEGIN")

    def close(self) -> None:
        """Drop the private file."""
        self._table.close()

    def __len__(self) -> int:
        return self._count

    def add(self, row: Mapping[str, Any], likeness: int, group: str | None) -> None:
        """Add the next row; `group` is the name of the series that it belongs to."""
        sha256 = bytes.fromhex(row["sha256"]) if row["sha256"] else None
        said = (row["image_id"], row["split"], row["split"], sha256, likeness.to_bytes(8, "big"))
        rest = (row["status"], row["error"], row["width"] or 0, row["height"] or 0, group)
        with scratch_disk():
            self._table.execute("INSERT INTO fact VALUES (?,?,?,?,?,?,?,?,?,?,?)", (self._count, *said, *rest))
        self._count += 1

    def __iter__(self) -> Iterator[Fact]:
        return self._facts("SELECT {} FROM fact ORDER BY number")

    def copies(self) -> Iterator[list[Fact]]:
        """Yield usable rows with the same content, first to last, where there are several."""
        usable = self._facts("SELECT {} FROM fact WHERE status = 'ok' ORDER BY sha256, number")
        for _, same in groupby(usable, key=lambda fact: fact.sha256):
            copies = list(same)
            if len(copies) > 1:
                yield copies

    def families(self) -> Iterator[tuple[str, list[Fact]]]:
        """Yield each group by name with its rows, first to last."""
        query = "SELECT family, {} FROM fact WHERE family IS NOT NULL ORDER BY family, number"
        with scratch_disk():
            for name, rows in groupby(self._table.execute(query.format(_COLUMNS)), key=lambda row: row[0]):
                yield name, [_fact(row[1:]) for row in rows]

    def fact(self, number: int) -> Fact:
        """Return one row."""
        return next(self._facts("SELECT {} FROM fact WHERE number = ?", number))

    def likenesses(self) -> NDArray[np.uint64]:
        """Return the perceptual hash of each row's image, `FLAT` where it has none: `[rows]`."""
        with scratch_disk():
            rows = self._table.execute("SELECT likeness FROM fact ORDER BY number")
            return np.frombuffer(b"".join(likeness for (likeness,) in rows), ">u8").astype(np.uint64)

    def sides(self) -> NDArray[np.int64]:
        """Return a number for each row's split: `[rows]`."""
        known: dict[str, int] = {}
        return np.array([known.setdefault(fact.split, len(known)) for fact in self], np.int64)

    def any_usable(self) -> bool:
        """Say whether any row has a picture."""
        with scratch_disk():
            return self._table.execute("SELECT 1 FROM fact WHERE status = 'ok' LIMIT 1").fetchone() is not None

    def all_missing(self) -> bool:
        """Say whether not one row's picture was there."""
        with scratch_disk():
            return self._table.execute("SELECT 1 FROM fact WHERE status <> 'missing' LIMIT 1").fetchone() is None

    def move(self, number: int, split: str) -> None:
        """Put a row into another split than it was written with."""
        with scratch_disk():
            self._table.execute("UPDATE fact SET split = ? WHERE number = ?", (split, number))

    def moved(self, first: int, count: int) -> bool:
        """Say whether any of these rows belongs in another split than it was written with."""
        query = "SELECT 1 FROM fact WHERE number >= ? AND number < ? AND split <> written LIMIT 1"
        with scratch_disk():
            return self._table.execute(query, (first, first + count)).fetchone() is not None

    def splits(self, first: int, count: int) -> list[str]:
        """Return the splits of these rows."""
        query = "SELECT split FROM fact WHERE number >= ? AND number < ? ORDER BY number"
        with scratch_disk():
            return [str(split) for (split,) in self._table.execute(query, (first, first + count))]

    def _facts(self, query: str, *values: int) -> Iterator[Fact]:
        with scratch_disk():
            yield from map(_fact, self._table.execute(query.format(_COLUMNS), values))


def _fact(row: tuple[Any, ...]) -> Fact:
    number, image_id, split, sha256, *rest = row
    return Fact(number, image_id, split, sha256.hex() if sha256 else None, *rest)


def held_apart(splits: Iterable[str]) -> bool:
    """Say whether pictures of these splits stand on different sides; one that is in none stands on no side."""
    return len(set(splits) - {UNUSED}) > 1
