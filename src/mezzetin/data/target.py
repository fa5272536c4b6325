"""The target: where a dataset's files are made and where they end up.

Enters: a place of any kind. Leaves: a local folder to write in (the dataset's own, or one of the cache for a store)
and `keep`, which puts a finished file in its place. Two runs into one target on one machine exclude each other.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mezzetin.errors import DatasetError
from mezzetin.storage.cache import folder_for
from mezzetin.storage.files import file_sha256
from mezzetin.storage.paths import Place, writing

_CHUNK = 1 << 20


class Target:
    """Where a dataset is made; nothing is touched before `opened`."""

    def __init__(self, place: Place) -> None:
        self.place = Place.of(place.local_path()) if place.is_local else place
        self.folder = place.local_path() if place.is_local else folder_for("ingest", place)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Make the folder and hold it for the length of a `with` block.

        Raises:
            DatasetError: another run holds it.
            EnvironmentProblem: the folder can't be made.

        """
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with _held(self.folder, self.place):
            try:
                yield
            finally:
                if not self.place.is_local:
                    self._tidy()

    def beside(self, name: str) -> Path:
        """Where the file `name` is written before it is kept."""
        return self.folder / f".{name}.part"

    def keep(self, name: str) -> None:
        """Put what was written beside in its place; all of it is there or nothing."""
        with writing(self.place / name):
            if self.place.is_local:
                self.beside(name).replace(self.folder / name)
            else:
                (self.place / name).put(self.beside(name))
                self.beside(name).unlink()

    def drop(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""
        with writing(self.place / name):
            (self.place / name).delete()

    def size(self, name: str) -> int | None:
        """Return a kept file's size in bytes, or None where there is none."""
        found = (self.place / name).entry()
        return None if found is None or found.is_folder else found.size

    def sha256(self, name: str) -> str:
        """Return the hex sha256 of a kept file, which is read for it."""
        with self.here(name) as path:
            return file_sha256(path)

    @contextmanager
    def here(self, name: str) -> Iterator[Path]:
        """A kept file as a local one, for the length of a `with` block."""
        if self.place.is_local:
            yield self.folder / name
            return
        copy = self.folder / f".{name}.copy"
        try:
            with writing(copy):
                (self.place / name).get(copy)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Remove what a run leaves in the cache."""
        with suppress(OSError):
            for path in self.folder.iterdir():
                path.unlink()
            self.folder.rmdir()


class Hashing:
    """A file opened for writing that knows the sha256 and the size of what was written."""

    def __init__(self, path: Path) -> None:
        self._stream: IO[bytes] = path.open("wb")
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Hex, of all that was written."""
        return self._digest.hexdigest()

    @property
    def closed(self) -> bool:
        """See `io.IOBase`; Arrow asks."""
        return self._stream.closed

    def write(self, content: bytes | memoryview) -> int:
        """Write all of it."""
        self._digest.update(content)
        self.size += memoryview(content).nbytes
        return self._stream.write(content)

    def tell(self) -> int:
        """See `io.IOBase`."""
        return self._stream.tell()

    def flush(self) -> None:
        """See `io.IOBase`."""
        self._stream.flush()

    def close(self) -> None:
        """Close without waiting for the disk."""
        self._stream.close()

    def finish(self) -> None:
        """Close; on disk when this returns."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()


@contextmanager
def _held(folder: Path, place: Place) -> Iterator[None]:
    """Hold a folder against other processes, without leaving a file in it; a kill lets go."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(
                f"another ingest is writing to {place}: wait for it, or choose another folder"
            ) from error
        except OSError:
            # A file system without locks.
            pass
        yield
    finally:
        os.close(descriptor)
