"""Places: where bytes come from and go to, behind one small class.

Enters: a path or an address as a person writes it. Leaves: a `Place`, read and written the same way wherever it is.
Its text never shows a signature. A missing file is FileNotFoundError, as for a path; a store that refuses or does not
answer is an `EnvironmentProblem`, which ends a run instead of passing for a missing file.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from mezzetin.errors import DatasetError, EnvironmentProblem, InputError
from mezzetin.storage.address import Address, is_address, is_trusted_host, parse
from mezzetin.storage.local import LocalStore
from mezzetin.storage.store import Entry, Store

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_LOCAL = LocalStore()
_IN_MEMORY = 32 << 20


@lru_cache(maxsize=64)
def _store(root: Address) -> Store:
    """The store of an address, one a process, so that its connections and its patience are shared."""
    if root.kind == "azure":
        from mezzetin.storage.azure.store import AzureStore

        return AzureStore(root)
    if root.kind == "web":
        from mezzetin.storage.web.store import WebStore

        return WebStore(root)
    from mezzetin.storage.filesystems import FilesystemStore

    return FilesystemStore(root)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file or folder; make one with `Place.of`, go down with `/`."""

    address: Address

    @classmethod
    def of(cls, value: str | Path | Place) -> Place:
        """Return the place that a person named.

        Raises:
            InputError: it is an address of a kind that nothing here reads.

        """
        if isinstance(value, Place):
            return value
        return cls(parse(str(value) if isinstance(value, str) else str(value.expanduser())))

    @classmethod
    def of_stranger(cls, url: str) -> Place:
        """Return the place that somebody's request named: an Azure address, reached with what it carries alone.

        Raises:
            InputError: it is a local path, or an address of anything but a host that is trusted with it
                (Azure's own, or one in MEZZETIN_STORE_HOSTS).

        """
        from mezzetin.storage.azure.stranger import check

        return cls(check(url))

    def __truediv__(self, name: str) -> Place:
        if is_address(name):
            other = Place.of(name)
            # What lies in a store, a table or a listing, may name pictures anywhere but on this machine.
            if self.address.stranger or (other.is_local and not self.is_local):
                raise InputError(f"{self} leads to a place outside it: name a path below it")
            # And nothing may pass for a store that is none: the web is read through the safe fetch alone.
            if not other._is_of_the_operator(self):
                raise InputError(f"{other} is on no host of Azure's: list it in MEZZETIN_STORE_HOSTS to read from it")
            return other
        return Place(self.address.down(name))

    def _is_of_the_operator(self, source: Place) -> bool:
        """Whether an address in a source may be followed: Azure's hosts, those listed, and the source's own."""
        if self.address.kind != "azure" or self.address.endpoint in ("", source.address.endpoint):
            return True
        parts = urlsplit(self.address.endpoint)
        return is_trusted_host(parts.hostname or "", parts.port)

    def __str__(self) -> str:
        return str(self.address)

    @property
    def _store(self) -> Store:
        return _LOCAL if self.address.kind == "local" else _store(self.address.root())

    @property
    def is_local(self) -> bool:
        """Say whether this is a path of this machine."""
        return self.address.kind == "local"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.address.name

    @property
    def parent(self) -> Place:
        """The folder that holds this place."""
        return Place(self.address.up())

    def unredacted(self) -> str:
        """The address with its signature, as `Place.of` reads it back; it must never be shown or kept."""
        return self.address.unredacted()

    def relative_to(self, folder: Place) -> str:
        """The path below `folder`, with `/` between its parts; ValueError where it does not lie there."""
        if self.is_local:
            return Path(self.address.path).relative_to(folder.address.path).as_posix()
        inside, above = self.address.path, folder.address.path
        if above and not inside.startswith(f"{above}/"):
            raise ValueError(f"{self} does not lie in {folder}")
        return inside[len(above) :].strip("/")

    def entry(self) -> Entry | None:
        """What lies here, with its size and, where the store knows it, its MD5; None where nothing does."""
        return self._store.entry(self.address.path)

    def file_entry(self) -> Entry | None:
        """What the file that lies here is; None where there is none. Unlike `entry` it never lists anything."""
        return self._store.file_entry(self.address.path)

    def exists(self) -> bool:
        """Say whether a file or folder is there; in a store a folder is there when something lies under it."""
        return self.entry() is not None

    def is_file(self) -> bool:
        """Say whether a file is there."""
        found = self.entry()
        return found is not None and not found.is_folder

    def is_folder(self) -> bool:
        """Say whether a folder is there."""
        found = self.entry()
        return found is not None and found.is_folder

    def size(self) -> int:
        """Return the size of a file in bytes; OSError where there is none."""
        found = self.entry()
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        return found.size

    def open(self) -> IO[bytes]:
        """Open a file for reading bytes, seekable; OSError where that fails."""
        return self._store.open(self.address.path)

    def read_bytes(self) -> bytes:
        """Read a whole file; OSError where that fails."""
        return self._store.read(self.address.path)

    def read_up_to(self, limit: int) -> bytes | None:
        """Read a whole file, where possible by one request; None where it has more than `limit` bytes.

        OSError where that fails.
        """
        return self._store.read_up_to(self.address.path, limit)

    @contextmanager
    def content(self, in_memory: int = _IN_MEMORY) -> Iterator[bytes | Path]:
        """A file as bytes, or as a local path where it is larger than `in_memory` bytes (a copy, if it is remote).

        OSError where it can't be read.
        """
        if self.address.kind == "web":
            yield self.read_bytes()
            return
        # A remote file that is small costs one request: nobody asks for its size first.
        small = self.read_up_to(in_memory) if in_memory >= 0 else None
        if small is not None:
            yield small
        elif self.is_local:
            yield self.local_path()
        else:
            with tempfile.TemporaryDirectory(prefix="mezzetin-") as folder:
                copy = Path(folder) / "large"
                self.get(copy)
                yield copy

    def children(self) -> Iterator[Place]:
        """Yield what a folder holds, in no particular order, without ever listing all of it in memory."""
        for entry in self._store.children(self.address.path):
            yield Place(self.address.at(entry.path))

    def walk(self) -> Iterator[Place]:
        """Yield all files below a folder, in no particular order, without ever listing all of them in memory."""
        for place, _ in self.walk_entries():
            yield place

    def walk_entries(self) -> Iterator[tuple[Place, Entry]]:
        """Yield all files below a folder with what the listing says of them (a disk's says no sizes)."""
        for entry in self._store.walk(self.address.path):
            yield Place(self.address.at(entry.path)), entry

    def child_entries(self) -> Iterator[tuple[Place, Entry]]:
        """Yield what a folder holds with what the listing says of it (a disk's says no sizes)."""
        for entry in self._store.children(self.address.path):
            yield Place(self.address.at(entry.path)), entry

    def write(self, content: bytes) -> None:
        """Write a small file; a reader sees all of it or nothing. Folders are made."""
        self._store.write(self.address.path, content)

    def put(self, source: Path) -> None:
        """Write a local file here, checked on the way; a reader sees all of it or nothing. Folders are made."""
        self._store.put(self.address.path, source)

    def get(self, target: Path) -> None:
        """Write the file that lies here to the local `target`."""
        self._store.get(self.address.path, target)

    def delete(self) -> None:
        """Delete a file; one that is not there is no error."""
        self._store.delete(self.address.path)

    def local_path(self) -> Path:
        """Return the place as a local path, absolute.

        Raises:
            InputError: it is not on this machine.

        """
        if not self.is_local:
            raise InputError(f"{self} is not on this machine: name a local path here")
        return Path(self.address.path).absolute()


@contextmanager
def writing(place: Place | Path) -> Iterator[None]:
    """Turn a failure to write into one line about `place`.

    Raises:
        EnvironmentProblem: the disk is full, read-only or refuses.

    """
    try:
        yield
    except OSError as error:
        raise EnvironmentProblem(_why_not_written(place, error)) from error


def _why_not_written(place: Place | Path, error: OSError) -> str:
    if error.errno in _FULL:
        return f"{place} can't be written, the disk is full: free some space and run the same command again"
    if error.errno in _REFUSED:
        return f"{place} can't be written: choose a folder that you may write to ({error.strerror})"
    return f"{place} can't be written: {error.strerror or type(error).__name__}"


@contextmanager
def reading(place: Place | Path) -> Iterator[None]:
    """Turn a failure to read a source's own files (captions, lists) into one line about `place`.

    Raises:
        DatasetError: there is no such file, or it is a folder.
        EnvironmentProblem: the machine refuses to read it.

    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise DatasetError(f"{place} can't be read: {error.strerror}; check the path") from error
    except OSError as error:
        raise EnvironmentProblem(
            f"{place} can't be read: {error.strerror or type(error).__name__}; check its permissions"
        ) from error
