"""One file carried from a place to a place: looked for, written beside, checked by its digest, shown.

Enters: an `Errand`. Leaves: whether the file was copied, was there already, or is in conflict with what is there. A
file is in its place whole and checked, or not at all; nobody sees half of it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from mezzetin.errors import EnvironmentProblem
from mezzetin.storage.paths import Place
from mezzetin.storage.store import Entry

Outcome = Literal["copied", "there", "conflict"]
_CHUNK = 1 << 20
#: What ends a copy whatever the file: no other one would fare better.
_NO_ROOM = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "your quota is used up", errno.EROFS: "it is read-only"}


class Stopped(Exception):
    """The copy was interrupted: what is under way ends here and leaves nothing."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One file to carry: its `name` below the source, where it is and where it goes, and what a listing said of it."""

    name: str
    source: Place
    target: Place
    entry: Entry


@dataclass(frozen=True, slots=True)
class Way:
    """How files are carried.

    `fresh` says that nothing can lie at the target yet; `scratch` is a local folder for what goes from store to store;
    `stopped` is set when the copy is to end, and `unfinished` then holds the files that are to be removed.
    """

    overwrite: bool
    dry_run: bool
    fresh: bool
    scratch: Path
    stopped: threading.Event = field(default_factory=threading.Event)
    unfinished: set[Path] = field(default_factory=set)


def carry(errand: Errand, way: Way) -> Outcome:
    """Carry one file, unless it is there.

    Raises:
        OSError: this file can't be read or written, or what arrived is not what was sent.
        EnvironmentProblem: no file can be: a store refuses or does not answer, or the disk is full.

    """
    there = None if way.fresh else errand.target.file_entry()
    if there is not None:
        if _same(errand, there):
            return "there"
        if not way.overwrite:
            return "conflict"
    if not way.dry_run:
        _move(errand, way)
    return "copied"


def md5(place: Place | Path) -> bytes:
    """Digest of a file's content, read in pieces."""
    stream: IO[bytes]
    with place.open() if isinstance(place, Place) else place.open("rb") as stream:
        digest = hashlib.md5(usedforsecurity=False)
        while piece := stream.read(_CHUNK):
            digest.update(piece)
        return digest.digest()


def _same(errand: Errand, there: Entry) -> bool:
    """Whether the target holds the source's content; what neither store knows is read."""
    if there.size != errand.entry.size:
        return False
    return (errand.entry.md5 or md5(errand.source)) == (there.md5 or md5(errand.target))


def _move(errand: Errand, way: Way) -> None:
    if errand.target.is_local:
        _land(errand, errand.target.local_path(), way)
    elif errand.source.is_local:
        _send(errand.source.local_path(), errand.target, way)
    else:
        name = hashlib.sha256(errand.name.encode()).hexdigest()[:24]
        between = way.scratch / name
        with _room(way.scratch), _removed(between, way):
            _receive(errand, between)
            _send(between, errand.target, way)


def _land(errand: Errand, target: Path, way: Way) -> None:
    """Write to the disk: beside the target, synced, checked and renamed."""
    # A name of its own, since a suffix might make a long name too long; the same one in the next run.
    beside = target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}.part")
    with _room(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(beside, target), _removed(beside, way):
            _receive(errand, beside)
            with beside.open("rb+") as stream:
                os.fsync(stream.fileno())
            _go_on(way)
            beside.replace(target)


@contextmanager
def _alone(beside: Path, target: Path) -> Iterator[None]:
    """Keep other runs from writing the same file meanwhile; a disk that knows no locks is not guarded."""
    with beside.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(errno.EBUSY, "another run is writing it", str(target)) from error
        except OSError:
            pass
        yield


def _receive(errand: Errand, target: Path) -> None:
    """Write the source to a local file; what arrived must be what the store says it holds."""
    known = errand.entry.md5
    if errand.source.address.kind == "filesystem":
        # Such stores tell no digest: what lies on the disk is compared with what came.
        known = _poured(errand.source, target)
    else:
        errand.source.get(target)
        if errand.source.is_local:
            known = md5(errand.source)
    if target.stat().st_size != errand.entry.size or (known is not None and md5(target) != known):
        raise OSError(errno.EIO, "what arrived is not what is there: it changed meanwhile, copy it again", errand.name)


def _poured(source: Place, target: Path) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    with source.open() as reading, target.open("wb") as writing:
        while piece := reading.read(_CHUNK):
            digest.update(piece)
            writing.write(piece)
    return digest.digest()


def _send(source: Path, target: Place, way: Way) -> None:
    """Write a local file to a store, and see that the store has it."""
    _go_on(way)
    sent = md5(source)
    target.put(source)
    found = target.file_entry()
    if found is None or found.size != source.stat().st_size or (found.md5 or md5(target)) != sent:
        raise OSError(errno.EIO, "the store holds something else than was sent: copy it again", str(target))


def _go_on(way: Way) -> None:
    if way.stopped.is_set():
        raise Stopped


@contextmanager
def _removed(path: Path, way: Way) -> Iterator[None]:
    """A file that is not there afterwards, unless it was renamed."""
    way.unfinished.add(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        way.unfinished.discard(path)


@contextmanager
def _room(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise EnvironmentProblem(
                f"{place} can't be written, {_NO_ROOM[error.errno]}: make room and run the same command again"
            ) from error
        raise
