"""The file of accounts and sessions: SQLite, for its owner's eyes alone.

Enters: a path. Leaves: connections, each for one transaction. The command line and a server may use the file at the
same time; whoever writes waits for the other.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mezzetin.errors import EnvironmentProblem, FormatError
from mezzetin.storage.paths import writing

_VERSION = 1
_MARK = 0x4D7A5369  # "MzSi", as SQLite's application_id
_PATIENCE = 10.0
_SCHEMA = """
CREATE TABLE accounts (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'reviewer', 'admin')),
    created TEXT NOT NULL,
    disabled TEXT,
    last_sign_in TEXT
) STRICT;
CREATE TABLE sessions (
    digest TEXT PRIMARY KEY,
    account TEXT COLLATE NOCASE REFERENCES accounts (name) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    began REAL NOT NULL,
    seen REAL NOT NULL
) STRICT;
CREATE INDEX sessions_of ON sessions (account);
"""


def make_database(file: Path) -> None:
    """Make the file where there is none, private from its first byte on.

    Raises:
        FormatError: what is there is something else, or of a newer format.
        EnvironmentProblem: it can't be made, or others may read it.

    """
    with writing(file):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            if file.stat().st_size:
                return
    with database(file, new=True) as connection:
        # Two commands may come here at once: the second finds the first one's work.
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_MARK}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")


@contextmanager
def database(file: Path, *, new: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection with a transaction under way, kept when the block ends and undone when it fails.

    Raises:
        FormatError: the file is none of accounts, or of a newer format.
        EnvironmentProblem: it is not there, others may read it, or it can't be read or written.

    """
    _check_private(file)
    try:
        address = f"{file.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            if not new:
                _check_format(connection, file)
            connection.execute("BEGIN IMMEDIATE" if new else "BEGIN")
            yield connection
            connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise EnvironmentProblem(f"{file} can't be used ({error}): check its owner, its mode and the disk") from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise FormatError(f"{file} is no file of accounts: name one that `mezzetin accounts add` made") from error


def _check_private(file: Path) -> None:
    try:
        mode = file.stat().st_mode
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise EnvironmentProblem(f"{file} can't be read ({why}): `mezzetin accounts add` makes it") from error
    if mode & 0o077:
        raise EnvironmentProblem(f"{file} holds accounts and others may read it: run `chmod 600 {file}`")


def _check_format(connection: sqlite3.Connection, file: Path) -> None:
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if mark != _MARK:
        raise FormatError(f"{file} is no file of accounts: name one that `mezzetin accounts add` made")
    if version > _VERSION:
        raise FormatError(f"{file} is of a newer format, version {version}: update Mezzetin")
