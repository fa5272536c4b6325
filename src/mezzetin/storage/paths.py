"""Places: where bytes come from and go to, behind one small class.

Enters: a path or a `file:` URL as a person writes it. Leaves: a `Place`, whose bytes are read through fsspec.
Only local places work in this version; an address of another kind is refused with one line that says so, and
nothing of the address except its scheme is repeated, because it may carry a signature.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote, urlsplit

import fsspec

from mezzetin.errors import DatasetError, EnvironmentProblem, InputError

# Two letters at least: `C:\pictures` is a path.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@lru_cache(maxsize=1)
def _local() -> Any:
    return fsspec.filesystem("file")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file or folder; make one with `Place.of`, go down with `/`."""

    uri: str

    @classmethod
    def of(cls, value: str | Path | Place) -> Place:
        """Return the place that a person named.

        Raises:
            InputError: it is an address of a kind that this version can't reach.

        """
        if isinstance(value, Place):
            return value
        scheme = _SCHEME.match(str(value)) if isinstance(value, str) else None
        if scheme is None:
            return cls(str(Path(value).expanduser()))
        if scheme[1].lower() == "file":
            return cls(unquote(urlsplit(str(value)).path))
        raise InputError(
            f"{scheme[1].lower()}: addresses are not supported by this version of Mezzetin: "
            "copy the files to a local folder first and name that folder"
        )

    def __truediv__(self, name: str) -> Place:
        if _SCHEME.match(name):
            return Place.of(name)
        return Place(str(Path(self.uri) / name))

    def __str__(self) -> str:
        return self.uri

    @property
    def name(self) -> str:
        """The last part of the path."""
        return Path(self.uri).name

    @property
    def parent(self) -> Place:
        """The folder that holds this place."""
        return Place(str(Path(self.uri).parent))

    def exists(self) -> bool:
        """Say whether a file or folder is there."""
        return bool(_local().exists(self.uri))

    def is_file(self) -> bool:
        """Say whether a file is there."""
        return bool(_local().isfile(self.uri))

    def is_folder(self) -> bool:
        """Say whether a folder is there."""
        return bool(_local().isdir(self.uri))

    def size(self) -> int:
        """Return the size of a file in bytes; OSError where there is none."""
        return int(_local().size(self.uri))

    def open(self) -> IO[bytes]:
        """Open a file for reading bytes; OSError where that fails."""
        return cast("IO[bytes]", _local().open(self.uri, "rb"))

    def read_bytes(self) -> bytes:
        """Read a whole file; OSError where that fails."""
        return cast("bytes", _local().cat_file(self.uri))

    def children(self) -> Iterator[Place]:
        """Yield what a folder holds, in no particular order, without ever listing all of it in memory."""
        with os.scandir(self.uri) as entries:
            for entry in entries:
                yield Place(entry.path)

    def local_path(self) -> Path:
        """Return the place as a local path, absolute."""
        return Path(self.uri).absolute()


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
