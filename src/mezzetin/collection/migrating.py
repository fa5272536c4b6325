"""The format of a collection: numbered SQL files, applied in order; an older file is backed up before.

Enters: a connection. Leaves: the same file in today's format, or untouched. `PRAGMA user_version` holds the number of
the last file that was applied, `PRAGMA application_id` that it is a collection at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

from mezzetin.errors import EnvironmentProblem, FormatError

APPLICATION = 0x4D5A5A43
"""`MZZC`."""
_FOLDER = Path(__file__).parent / "schema"


def migrations(folder: Path = _FOLDER) -> tuple[str, ...]:
    """The SQL of every format, oldest first; that of format N is at N - 1."""
    return tuple(file.read_text(encoding="utf-8") for file in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")))


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[str] | None = None) -> None:
    """Bring a file to today's format: a new one is made, an older one backed up beside and changed in one transaction.

    Raises:
        FormatError: it is no collection, or of a newer format.
        EnvironmentProblem: the backup is not sound.

    """
    steps = migrations() if steps is None else steps
    version = _version(connection, path, len(steps))
    if version == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been quicker.
        version = _version(connection, path, len(steps))
        if 0 < version < len(steps):
            _back_up(path, version)
        for step in steps[version:]:
            for statement in _statements(step):
                connection.execute(statement)
        if not version:
            _name(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION and (tables or version or application):
        raise FormatError(f"{path} is a database, but no collection: name a file that `mezzetin collect` made")
    if version > newest:
        raise FormatError(
            f"{path} is a collection of format {version}, this Mezzetin reads up to {newest}: install a newer one"
        )
    return version


def _statements(script: str) -> Iterator[str]:
    """A script cut where SQLite itself says that a statement, a trigger included, is complete."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _name(connection: sqlite3.Connection) -> None:
    facts = {"id": uuid4().hex, "created": datetime.now(UTC).isoformat(timespec="seconds"), "salt": token_hex(32)}
    connection.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())


def _back_up(path: Path, version: int) -> None:
    # Read by a connection of its own: SQLite copies nothing from one that is writing.
    target = path.with_name(f"{path.name}.format-{version}.backup")
    part = target.with_name(f"{target.name}.{uuid4().hex}.part")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            sound = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        if not sound:
            raise EnvironmentProblem(f"{path} is damaged: restore a backup before it is brought to a new format")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
