"""The cache: copies of remote files on this machine, bounded, verified, safe to delete.

Enters: a remote file and the sha256 that a manifest says it has. Leaves: a local file, open, with just that content.
Files are kept by digest; the least recently used go first when the folder outgrows its limit.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from mezzetin.errors import DatasetError, InputError
from mezzetin.storage.files import file_sha256
from mezzetin.storage.paths import Place, writing

_DEFAULT_GB = 10.0
_STALE_S = 24 * 3600


def cache_folder(name: str) -> Path:
    """The folder `name` of the cache, made: below MEZZETIN_CACHE, or mezzetin in XDG_CACHE_HOME or ~/.cache.

    Raises:
        EnvironmentProblem: it can't be made.

    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("MEZZETIN_CACHE") or Path(base) / "mezzetin") / name
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_for(name: str, place: Place) -> Path:
    """A folder of the cache that belongs to a remote place: the same one every time."""
    return cache_folder(name) / hashlib.sha256(str(place).encode()).hexdigest()[:24]


def limit_bytes() -> int:
    """How large the cache of files may grow, in bytes: MEZZETIN_CACHE_GB, by default 10.

    Raises:
        InputError: the setting is no number above 0.

    """
    text = os.environ.get("MEZZETIN_CACHE_GB", str(_DEFAULT_GB))
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise InputError(f"MEZZETIN_CACHE_GB={text} is no size in gigabytes: set a number above 0")
    return int(limit * 1e9)


class FileCache:
    """Files by digest in one folder; several processes may share it."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit

    @classmethod
    def shared(cls) -> FileCache:
        """This user's cache of dataset parts, with the limit of the environment."""
        return cls(cache_folder("parts"), limit_bytes())

    def open(self, place: Place, sha256: str) -> IO[bytes]:
        """Open a file with the content of `place`, fetched where it is not here yet.

        What is open stays readable when the cache drops it.

        Raises:
            DatasetError: what lies at `place` has another digest, or nothing lies there.
            EnvironmentProblem: the store does not answer, or the disk is full.

        """
        while True:
            kept = self._folder / sha256
            try:
                stream = kept.open("rb")
            except FileNotFoundError:
                self._fetch(place, sha256, kept)
            else:
                with suppress(OSError):
                    os.utime(kept)
                return stream

    def _fetch(self, place: Place, sha256: str, kept: Path) -> None:
        beside = self._folder / f".{sha256}.{os.getpid()}.{threading.get_ident()}.part"
        try:
            with writing(self._folder):
                try:
                    place.get(beside)
                except FileNotFoundError as error:
                    raise DatasetError(f"{place} is missing: fetch the dataset again") from error
                if file_sha256(beside) != sha256:
                    raise DatasetError(f"{place} was altered since its manifest was written: make or fetch it again")
                self._make_room(beside.stat().st_size)
                beside.replace(kept)
        finally:
            beside.unlink(missing_ok=True)

    def _make_room(self, needed: int) -> None:
        """Delete what was used longest ago until `needed` bytes more fit."""
        files = []
        for path in self._folder.iterdir():
            with suppress(OSError):
                found = path.stat()
                if not path.name.startswith("."):
                    files.append((found.st_mtime_ns, found.st_size, path))
                elif time.time() - found.st_mtime > _STALE_S:
                    # What a killed run was fetching.
                    path.unlink()
        room = self._limit - sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if room >= needed:
                return
            # Another process may have deleted it first.
            with suppress(OSError):
                path.unlink()
            room += size
