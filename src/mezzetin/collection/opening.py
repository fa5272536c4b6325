"""Opening a collection: one SQLite file, many readers, one writer at a time, here and in other processes.

Enters: a path. Leaves: a `Collection`, whose reads run on connections of their own and see whole transactions only
(WAL), and whose writes name who makes them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, RLock
from types import TracebackType
from typing import Protocol, Self

from mezzetin.collection.migrating import migrate
from mezzetin.collection.rows import Actor
from mezzetin.collection.shares import refuse_network_share
from mezzetin.collection.writing import Parameters, Reading, Writing
from mezzetin.errors import EnvironmentProblem, FormatError, InputError

PATIENCE = 30.0
"""Seconds for which a writer waits for another one."""
_KEPT = 8
_FULL, _READ_ONLY, _BUSY, _LOCKED = "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_LOCKED"


class Reader(Protocol):
    """Whatever answers a query: a collection, a snapshot of it, or a transaction under way."""

    def rows(self, sql: str, parameters: Parameters = ()) -> Iterator[sqlite3.Row]:
        """The rows of a query, one by one."""

    def one(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """The first row of a query."""


class Collection:
    """A collection, open; safe to use from several threads. Make one with `Collection.open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._pool = Lock()
        self._turn = RLock()
        self._closed = False
        self._writer = connect(path)
        found = self.one("SELECT value FROM facts WHERE name = 'id'")
        self.id: str = found["value"] if found else ""

    @classmethod
    def open(cls, path: str | Path, *, create: bool = False) -> Collection:
        """Open a collection; with `create` make it where there is none. An older format is backed up and migrated.

        Raises:
            InputError: there is none.
            FormatError: the file is no collection, or of a newer format.
            EnvironmentProblem: it lies on a network share, can't be written, or is damaged.

        """
        place = Path(path).expanduser().absolute()
        refuse_network_share(place)
        if not place.exists():
            if not create:
                raise InputError(f"{place} is not there: `mezzetin collect SOURCE {place.name}` makes a collection")
            _make(place)
        if not place.is_file():
            raise InputError(f"{place} is no file: name a collection, such as museum.sqlite")
        with plainly(place):
            connection = connect(place)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                migrate(connection, place)
            finally:
                connection.close()
            return cls(place)

    def rows(self, sql: str, parameters: Parameters = ()) -> Iterator[sqlite3.Row]:
        """The rows of a query, one by one, as the collection was when the first was asked for."""
        with self.reading() as snapshot:
            yield from snapshot.rows(sql, parameters)

    def one(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        with self.reading() as snapshot:
            return snapshot.one(sql, parameters)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """A snapshot: what is read inside belongs together, whoever writes meanwhile."""
        with plainly(self.path):
            connection = self._borrow()
            try:
                connection.execute("BEGIN")
                yield Reading(connection)
            finally:
                self._give_back(connection)

    @contextmanager
    def writing(self, actor: Actor, verb: str, run: int | None = None) -> Iterator[Writing]:
        """A transaction of `actor`: all of it is kept, or nothing where an exception leaves the block.

        Raises:
            EnvironmentProblem: another process has been writing for half a minute, or the disk is full or read-only.

        """
        with plainly(self.path), self._turn:
            if self._writer.in_transaction:
                raise RuntimeError("a transaction inside a transaction: pass the outer one on")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield Writing(self._writer, actor, verb, run)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """The writer's connection outside a transaction, for VACUUM and the like."""
        with plainly(self.path), self._turn:
            yield self._writer

    def close(self) -> None:
        """Close every connection; the last one of all processes tidies the journal away."""
        with self._turn, self._pool:
            self._closed = True
            for connection in (*self._idle, self._writer):
                connection.close()
            self._idle.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _borrow(self) -> sqlite3.Connection:
        with self._pool:
            if self._closed:
                raise RuntimeError("the collection is closed")
            if self._idle:
                return self._idle.pop()
        connection = connect(self.path)
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        with self._pool:
            if not self._closed and len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """A connection with the settings that every one of a collection has; nothing is made where no file is."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for setting in (
        "foreign_keys = ON",
        "recursive_triggers = ON",
        "secure_delete = ON",
        # With WAL a power cut may cost the last transactions' durability under NORMAL: people's words are worth a sync.
        "synchronous = FULL",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {setting}")
    return connection


@contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Turn SQLite's own failures into one line about the file; what the schema refuses stays as it is.

    Raises:
        FormatError: the file is no database.
        EnvironmentProblem: it is locked, damaged, read-only, or the disk is full.

    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_NOTADB":
            raise FormatError(f"{path} is no database: name a file that `mezzetin collect` made") from error
        said = _said(name, str(error))
        if said is None:
            raise
        raise EnvironmentProblem(f"{path} {said}") from error


def _said(name: str, message: str) -> str | None:
    if name.startswith((_BUSY, _LOCKED)):
        return "is being written by another program: try again in a moment"
    if name.startswith(_FULL):
        return "can't be written, the disk is full: free some space and run the same command again"
    if name.startswith((_READ_ONLY, "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return "can't be opened for writing: choose a file and folder that you may write to"
    if name.startswith("SQLITE_CORRUPT"):
        return "is damaged: put a backup in its place with `mezzetin restore`"
    if name.startswith("SQLITE_IOERR"):
        return f"can't be read or written ({message}): check the disk"
    return None


def _make(path: Path) -> None:
    """An empty file that nobody else may read: restricted pictures have titles too."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise EnvironmentProblem(f"{path} can't be made ({error.strerror}): choose another folder") from error
