"""What every kind of picture file can say of its XMP, and how its bytes are read with care.

Enters: an open file. Leaves: its XMP packets by page, the splices that put others in their place, and a digest of all
the rest, by which the result is checked.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import IO, Protocol

from mezzetin.errors import ImageError
from mezzetin.pixels.formats import undecodable
from mezzetin.publication.merging import Merged
from mezzetin.publication.splicing import Splice

_CHUNK = 1 << 20


class Container(Protocol):
    """A picture file, its parts found; its pixels are never decoded."""

    def packets(self, page: int) -> tuple[bytes, ...]:
        """The XMP of a page (counted from 0; of a TIFF, otherwise there is one), in as many packets as it has."""

    def splices(self, merged: Mapping[int, Merged]) -> list[Splice]:
        """What puts merged packets, by page, into the file."""

    def rest(self) -> str:
        """A digest of everything but the XMP and what says where things stand."""


class Bytes:
    """A file that is read by places; beyond its end it is damaged."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name = stream, name
        self.size = stream.seek(0, os.SEEK_END)

    def at(self, start: int, length: int) -> bytes:
        """Some bytes.

        Raises:
            ImageError: `undecodable`: they lie beyond the end.

        """
        if start < 0 or length < 0 or start + length > self.size:
            raise self.damaged("cut short")
        self._stream.seek(start)
        data = self._stream.read(length)
        if len(data) != length:
            raise self.damaged("cut short")
        return data

    def feed(self, digest: hashlib._Hash, start: int, end: int) -> None:
        """Put the bytes from `start` up to `end` into a digest, a megabyte at a time."""
        while start < end:
            data = self.at(start, min(_CHUNK, end - start))
            digest.update(data)
            start += len(data)

    def damaged(self, why: str) -> ImageError:
        """The error of a file whose parts don't fit together."""
        return undecodable(self._name, why)
