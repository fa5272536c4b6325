"""What every store can do, whatever it is: the protocol behind `Place`.

Paths are those of `Address.path`. A missing file is FileNotFoundError; a refusal is `StoreRefused` and a store that
does not answer `StoreUnreachable`, both one line for people, because they end a run where a missing file is a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing says of a file or folder: its path, and of a file the size in bytes and the MD5 if it is known.

    `version` changes whenever the file is written, where the store tells (an ETag, a time); "" where it does not.
    """

    path: str
    is_folder: bool
    size: int = 0
    md5: bytes | None = None
    version: str = field(default="", compare=False)


class Store(Protocol):
    """One container, bucket, host, or this machine's files."""

    def entry(self, path: str) -> Entry | None:
        """What lies at `path`, a file before a folder of that name; None where nothing does."""

    def file_entry(self, path: str) -> Entry | None:
        """What the file at `path` is, asked in one request; None where there is none, whatever folder is there."""

    def read(self, path: str) -> bytes:
        """A whole file."""

    def read_up_to(self, path: str, limit: int) -> bytes | None:
        """A whole file, where possible by one request; None where it is larger than `limit` bytes."""

    def open(self, path: str) -> IO[bytes]:
        """A file as a stream that can seek; remote ones read ranges."""

    def children(self, path: str) -> Iterator[Entry]:
        """What a folder holds, one level, as a stream."""

    def walk(self, path: str) -> Iterator[Entry]:
        """All files below a folder, as a stream, in any order."""

    def write(self, path: str, content: bytes) -> None:
        """Write a small file; a reader sees all of it or nothing."""

    def put(self, path: str, source: Path) -> None:
        """Write a local file there, in blocks, checked on the way; a reader sees all of it or nothing."""

    def get(self, path: str, target: Path) -> None:
        """Write a file of the store to a local one, in blocks."""

    def delete(self, path: str) -> None:
        """Delete a file; one that is not there is no error."""
