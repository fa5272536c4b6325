"""Copies of a collection that are sound, and putting one back.

Enters: a collection, open or not, written to or not. Leaves: one file of one moment, checked and digested.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from mezzetin.collection.forgetting import forget_again
from mezzetin.collection.migrating import APPLICATION, migrations
from mezzetin.collection.opening import Collection, connect, plainly
from mezzetin.collection.shares import refuse_network_share
from mezzetin.errors import EnvironmentProblem, FormatError, InputError
from mezzetin.records import Progress
from mezzetin.storage.files import file_sha256, write_atomically
from mezzetin.storage.paths import writing

_PAGES = 4096
Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of a collection: `sha256` (hex) is of its file, and stands in the file beside it that ends in .sha256."""

    path: Path
    size: int
    sha256: str
    pictures: int


def backup(
    collection: str | Path, target: str | Path, *, overwrite: bool = False, report: Report | None = None
) -> Backup:
    """Copy a collection as it is at this moment, while others read and write; the copy is checked before it counts.

    Raises:
        InputError: there is no collection, or `target` is there already.
        FormatError: it is none.
        EnvironmentProblem: it is damaged, or the copy can't be written.

    """
    source, goal = _path(collection), _path(target)
    if goal.exists() and not overwrite:
        raise InputError(f"{goal} is there already: name another file, or add --overwrite")
    if goal.exists() and source.exists() and goal.samefile(source):
        raise InputError(f"{goal} is the collection itself: name another file")
    with _opened(source) as connection, _part(goal) as part:
        _copy(connection, part, source, report)
        pictures = _check(part, source)
        digest = file_sha256(part)
        part.replace(goal)
        write_atomically(_digest_file(goal), f"{digest}  {goal.name}\n".encode())
    return Backup(goal, goal.stat().st_size, digest, pictures)


def restore(
    backup_file: str | Path, collection: str | Path, *, overwrite: bool = False, report: Report | None = None
) -> Backup:
    """Make a collection from a backup; with `overwrite` in the place of one, which is kept beside as a backup.

    What the replaced collection had forgotten stays forgotten.

    Raises:
        InputError: there is no backup, or a collection is there already.
        FormatError: the backup is no collection, or of a newer format.
        EnvironmentProblem: the backup is damaged, or the collection can't be written.

    """
    source, goal = _path(backup_file), _path(collection)
    refuse_network_share(goal)
    if goal.exists() and not overwrite:
        raise InputError(f"{goal} is there already: name another file, or add --overwrite (it is backed up before)")
    if not source.is_file():
        raise InputError(f"{source} is not there: name a file that `mezzetin backup` made")
    digest = _verify(source)
    with _part(goal) as part:
        with _opened(source) as connection:
            _copy(connection, part, source, report)
        pictures = _check(part, source)
        if goal.exists():
            _replace(part, goal)
        else:
            part.replace(goal)
    Collection.open(goal).close()
    return Backup(goal, goal.stat().st_size, digest, pictures)


def _replace(part: Path, goal: Path) -> None:
    """Put a copy into a file that others may have open: as one transaction, so that they see the old or the new."""
    backup(goal, goal.with_name(f"{goal.name}.before-restore.backup"), overwrite=True)
    with plainly(goal), closing(connect(goal)) as target, closing(sqlite3.connect(part)) as copy:
        marks = [row[0] for row in target.execute("SELECT mark FROM forgotten")]
        copy.backup(target)
    with Collection.open(goal) as restored:
        forget_again(restored, marks)


def _path(place: str | Path) -> Path:
    return Path(place).expanduser().absolute()


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _verify(source: Path) -> str:
    digest = file_sha256(source)
    beside = _digest_file(source)
    if beside.is_file():
        noted = re.match(r"[0-9a-f]{64}", beside.read_text(encoding="utf-8", errors="replace"))
        if noted is None or noted[0] != digest:
            raise EnvironmentProblem(f"{source} is not as it was written ({beside.name} differs): use another backup")
    return digest


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A collection of this or an older format, as it is."""
    if not path.is_file():
        raise InputError(f"{path} is not there: name a collection")
    with plainly(path), closing(connect(path)) as connection:
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise FormatError(f"{path} is no collection: name a file that `mezzetin collect` or `backup` made")
        version, newest = connection.execute("PRAGMA user_version").fetchone()[0], len(migrations())
        if version > newest:
            raise FormatError(
                f"{path} is a collection of format {version}, this Mezzetin reads up to {newest}: install a newer one"
            )
        yield connection


@contextmanager
def _part(goal: Path) -> Iterator[Path]:
    part = goal.with_name(f".{goal.name}.{uuid4().hex}.part")
    with writing(goal):
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _copy(connection: sqlite3.Connection, part: Path, source: Path, report: Report | None) -> None:
    # The snapshot holds while the copy goes on, so that writers neither wait for it nor make it begin again.
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def told(_status: int, remaining: int, total: int) -> None:
        if report is not None:
            report(Progress("copy", total - remaining, total, "pages"))

    with plainly(part), closing(sqlite3.connect(part)) as copy:
        connection.backup(copy, pages=_PAGES, progress=told)
        copy.execute("PRAGMA journal_mode = DELETE")
    connection.execute("ROLLBACK")
    with part.open("rb") as stream:
        os.fsync(stream.fileno())


def _check(part: Path, source: Path) -> int:
    with plainly(source), closing(sqlite3.connect(part)) as copy:
        sound = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        if not sound or copy.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise EnvironmentProblem(f"{source} is damaged: use another backup")
        pictures: int = copy.execute("SELECT count(*) FROM pictures").fetchone()[0]
    return pictures
