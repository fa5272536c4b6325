"""This machine's files behind the `Store` protocol."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mezzetin.storage.files import write_atomically
from mezzetin.storage.store import Entry


class LocalStore:
    """The disk. Paths are the machine's own."""

    def entry(self, path: str) -> Entry | None:
        """See `Store`."""
        try:
            found = Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            # A loop of links, a name too long or with a NUL: nothing that could be read.
            return None
        return Entry(path, stat.S_ISDIR(found.st_mode), found.st_size)

    def file_entry(self, path: str) -> Entry | None:
        """See `Store`."""
        found = self.entry(path)
        return None if found is None or found.is_folder else found

    def read(self, path: str) -> bytes:
        """See `Store`."""
        return Path(path).read_bytes()

    def read_up_to(self, path: str, limit: int) -> bytes | None:
        """See `Store`; a named pipe or a device is no file."""
        file = Path(path)
        try:
            found = file.stat()
        except ValueError as error:  # a NUL in the name
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
        if not stat.S_ISREG(found.st_mode):
            code = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
            raise OSError(code, os.strerror(code), path)
        return file.read_bytes() if found.st_size <= limit else None

    def open(self, path: str) -> IO[bytes]:
        """See `Store`."""
        return Path(path).open("rb")

    def children(self, path: str) -> Iterator[Entry]:
        """See `Store`; the sizes are not asked for."""
        with os.scandir(path) as entries:
            for entry in entries:
                yield Entry(entry.path, entry.is_dir())

    def walk(self, path: str) -> Iterator[Entry]:
        """See `Store`; links to folders are not followed."""
        for folder, _, names in os.walk(path, onerror=_raise):
            for name in names:
                yield Entry(str(Path(folder) / name), is_folder=False)

    def write(self, path: str, content: bytes) -> None:
        """See `Store`."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(Path(path), content)

    def put(self, path: str, source: Path) -> None:
        """See `Store`: written beside its place, synced and renamed."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        with source.open("rb") as reading, beside.open("wb") as writing:
            shutil.copyfileobj(reading, writing, 1 << 20)
            writing.flush()
            os.fsync(writing.fileno())
        beside.replace(target)

    def get(self, path: str, target: Path) -> None:
        """See `Store`."""
        shutil.copyfile(path, target)

    def delete(self, path: str) -> None:
        """See `Store`."""
        Path(path).unlink(missing_ok=True)


def _raise(error: OSError) -> None:
    raise error
