"""WebP: chunks of a RIFF file (Google, "WebP Container Specification"), animated ones too.

A simple file becomes an extended one: a VP8X chunk before its picture says that there is XMP, and how large it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import IO

from mezzetin.errors import ImageError
from mezzetin.publication.embedding.container import Bytes
from mezzetin.publication.merging import Merged
from mezzetin.publication.packets import placed
from mezzetin.publication.splicing import Splice
from mezzetin.publication.xmptree import MAX_BYTES

_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10
_LARGEST = 0xFFFFFFFE


class Webp:
    """A WebP file."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._bytes = Bytes(stream, "webp")
        head = self._bytes.at(0, 12)
        self._end = 8 + int.from_bytes(head[4:8], "little")
        if self._end > self._bytes.size:
            raise self._bytes.damaged("cut short")
        #: name, where it begins, where its content begins and ends (its padding not counted)
        self._chunks: list[tuple[bytes, int, int, int]] = []
        at = 12
        while at < self._end:
            name, length = self._bytes.at(at, 4), int.from_bytes(self._bytes.at(at + 4, 4), "little")
            if at + 8 + length > self._end:
                raise self._bytes.damaged("a chunk goes beyond the end")
            self._chunks.append((name, at, at + 8, at + 8 + length))
            at += 8 + length + length % 2
        if not any(name in (b"VP8 ", b"VP8L", b"ANMF") for name, *_ in self._chunks):
            raise self._bytes.damaged("it holds no picture")

    def packets(self, page: int) -> tuple[bytes, ...]:
        """See `Container`."""
        found = [(start, end) for name, _, start, end in self._chunks if name == b"XMP "]
        if any(end - start > MAX_BYTES for start, end in found):
            raise self._bytes.damaged("its XMP is too long")
        return tuple(self._bytes.at(start, end - start) for start, end in found)

    def splices(self, merged: Mapping[int, Merged]) -> list[Splice]:
        """See `Container`."""
        packets = list(merged[0].packets)
        packets[:1] = [placed(packets[0], merged[0].added)]
        old = [(at, end + (end - start) % 2) for name, at, start, end in self._chunks if name == b"XMP "]
        places = old or [(self._end, self._end)]
        made = [Splice(*place, _chunk(b"XMP ", packet)) for place, packet in zip(places, packets, strict=True)]
        made += self._flagged()
        length = self._end - 8 + sum(len(one.new) - (one.end - one.start) for one in made)
        if length > _LARGEST:
            raise ImageError("too_large", "with its texts the file would be larger than a WebP can be: use a sidecar")
        return [*made, Splice(4, 8, length.to_bytes(4, "little"))]

    def rest(self) -> str:
        """See `Container`."""
        digest = hashlib.sha256()
        for name, _, start, end in self._chunks:
            if name in (b"XMP ", b"VP8X"):
                continue
            digest.update(name + (end - start).to_bytes(8, "little"))
            self._bytes.feed(digest, start, end)
        flags, canvas = self._canvas()
        digest.update(bytes([flags & ~_XMP_FLAG]) + canvas)
        self._bytes.feed(digest, self._end, self._bytes.size)
        return digest.hexdigest()

    def _flagged(self) -> list[Splice]:
        """What makes the file say that it holds XMP."""
        flags, canvas = self._canvas()
        if self._chunks[0][0] == b"VP8X":
            start = self._chunks[0][2]
            return [] if flags & _XMP_FLAG else [Splice(start, start + 1, bytes([flags | _XMP_FLAG]))]
        return [Splice(12, 12, _chunk(b"VP8X", bytes([flags | _XMP_FLAG, 0, 0, 0]) + canvas))]

    def _canvas(self) -> tuple[int, bytes]:
        """The flags, and width and height less one in three bytes each, as VP8X has them or would have."""
        name, _, start, end = self._chunks[0]
        if name == b"VP8X":
            head = self._bytes.at(start, 10)
            return head[0], head[4:10]
        if name == b"VP8L":
            head = self._bytes.at(start, min(5, end - start))
            if len(head) < 5 or head[0] != 0x2F:
                raise self._bytes.damaged("its picture has no header")
            bits = int.from_bytes(head[1:], "little")
            width, height, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
            return alpha * _ALPHA_FLAG, width.to_bytes(3, "little") + height.to_bytes(3, "little")
        head = self._bytes.at(start, min(10, end - start))
        if name != b"VP8 " or head[3:6] != b"\x9d\x01\x2a" or len(head) < 10:
            raise self._bytes.damaged("its picture has no header")
        width, height = (int.from_bytes(head[place : place + 2], "little") & 0x3FFF for place in (6, 8))
        if not width or not height:
            raise self._bytes.damaged("a size of nothing")
        return 0, (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)
