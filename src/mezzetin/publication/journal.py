"""The journal of an export: which file was made of what, so that the next run goes on and knows its own work.

Enters: what is about to be put where, and that it is there. Leaves: a row a file, in an SQLite file of its own. A file
is ours while its content is what the journal noted; what a killed run had put into its place without a note is known by
the digest that was noted before.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mezzetin.collection.opening import Collection
from mezzetin.errors import EnvironmentProblem
from mezzetin.publication.order import Order
from mezzetin.storage.cache import cache_folder
from mezzetin.storage.paths import Place, writing

NAME = ".mezzetin-export.sqlite"
"""The journal's file in a folder that is exported to."""
_TOGETHER = 500
_TABLE = """
CREATE TABLE IF NOT EXISTS files (
    format TEXT NOT NULL, uri TEXT NOT NULL, name TEXT NOT NULL, key TEXT, sha256 TEXT, stamp TEXT,
    next_key TEXT, next_sha256 TEXT, PRIMARY KEY (format, uri), UNIQUE (format, name)
) STRICT
"""


_SETTINGS = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA secure_delete = ON",
)


@dataclass(frozen=True, slots=True)
class Noted:
    """A file of an earlier run: `key` says of what it was made, `sha256` and `stamp` how it was left.

    Those of `next` are of a file that was about to take its place.
    """

    name: str
    key: str | None
    sha256: str | None
    stamp: str | None
    next_key: str | None
    next_sha256: str | None


class Journal:
    """The journal of one place; a second export to it waits its turn by failing."""

    def __init__(self, path: Path, format_name: str) -> None:
        self._path, self._format = path, format_name
        with self._plainly():
            self._rows = sqlite3.connect(path, isolation_level=None, timeout=0.5)
            for line in _SETTINGS:
                self._rows.execute(line)
            self._rows.execute(_TABLE)

    def at(self, uri: str) -> Noted | None:
        """What is noted of a picture's file."""
        with self._plainly():
            row = self._rows.execute(
                "SELECT name, key, sha256, stamp, next_key, next_sha256 FROM files WHERE format = ? AND uri = ?",
                (self._format, uri),
            ).fetchone()
        return Noted(*row) if row else None

    def is_taken(self, name: str, uri: str) -> bool:
        """Whether another picture's file has a name."""
        with self._plainly():
            row = self._rows.execute(
                "SELECT 1 FROM files WHERE format = ? AND name = ? AND uri <> ?", (self._format, name, uri)
            ).fetchone()
        return row is not None

    def files(self) -> Iterator[tuple[str, str]]:
        """The pictures and names of all files that were put into their places; rows may be dropped meanwhile."""
        last = ""
        while True:
            with self._plainly():
                some = self._rows.execute(
                    "SELECT uri, name FROM files WHERE format = ? AND key IS NOT NULL AND uri > ? ORDER BY uri LIMIT ?",
                    (self._format, last, _TOGETHER),
                ).fetchall()
            if not some:
                return
            yield from some
            last = some[-1][0]

    def drop(self, uri: str) -> None:
        """Forget a picture's file."""
        with self._plainly():
            self._rows.execute("DELETE FROM files WHERE format = ? AND uri = ?", (self._format, uri))

    def intend(self, uri: str, name: str, key: str, sha256: str) -> None:
        """Note what is about to be put into its place."""
        with self._plainly():
            self._rows.execute(
                "INSERT INTO files (format, uri, name, next_key, next_sha256) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (format, uri) DO UPDATE SET next_key = excluded.next_key,"
                " next_sha256 = excluded.next_sha256",
                (self._format, uri, name, key, sha256),
            )

    def done(self, uri: str, key: str, sha256: str, stamp: str) -> None:
        """Note that it is there, and how it looks."""
        with self._plainly():
            self._rows.execute(
                "UPDATE files SET key = ?, sha256 = ?, stamp = ?, next_key = NULL, next_sha256 = NULL"
                " WHERE format = ? AND uri = ?",
                (key, sha256, stamp, self._format, uri),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise EnvironmentProblem(f"another export is writing here ({self._path}): wait for it") from error
            raise EnvironmentProblem(
                f"{self._path} can't be used ({error}): choose another folder, or delete that file to begin anew"
            ) from error


@contextmanager
def journal_of(order: Order, collection: Collection, format_name: str) -> Iterator[Journal | None]:
    """The journal of an order: in the folder, beside the collection for what is done in place, else in the cache.

    A dry run has the one that is there, or None.

    Raises:
        EnvironmentProblem: it can't be opened, or another export is writing to the same place.

    """
    path = _path(order, collection)
    if order.dry_run and not path.exists():
        yield None
        return
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with Journal(path, format_name) as journal:
        yield journal


def _path(order: Order, collection: Collection) -> Path:
    if order.target is None:
        return collection.path.with_name(f"{collection.path.name}.exported.sqlite")
    if order.target.is_local:
        return order.target.local_path() / NAME
    name = hashlib.sha256(f"{collection.id} {order.target}".encode()).hexdigest()[:24]
    return cache_folder("exports") / f"{name}.sqlite"


def stamp_of(place: Place) -> str | None:
    """What tells cheaply whether a file is as it was left; None where there is none."""
    if place.is_local:
        try:
            found = place.local_path().stat()
        except (OSError, ValueError):
            return None
        return f"{found.st_size}-{found.st_mtime_ns}"
    entry = place.file_entry()
    return None if entry is None else f"{entry.size}-{entry.version}"
