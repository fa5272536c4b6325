"""PNG and APNG: chunks (ISO/IEC 15948); XMP is an iTXt chunk of the keyword XML:com.adobe.xmp, compressed or not."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import IO

from mezzetin.publication.embedding.container import Bytes
from mezzetin.publication.merging import Merged
from mezzetin.publication.packets import placed
from mezzetin.publication.splicing import Splice
from mezzetin.publication.xmptree import MAX_BYTES, bad_xmp

_SIGNATURE = 8
_KEYWORD = b"XML:com.adobe.xmp\0"
_CHUNK = 1 << 20


class Png:
    """A PNG file; every chunk's checksum is verified."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._bytes = Bytes(stream, "png")
        self._digest = hashlib.sha256()
        #: where an XMP chunk begins and ends, whether it is compressed, the packet
        self._xmp: list[tuple[int, int, bool, bytes]] = []
        self._after_header = 0
        names, at = list[bytes](), _SIGNATURE
        while names[-1:] != [b"IEND"]:
            length, name = int.from_bytes(self._bytes.at(at, 4), "big"), self._bytes.at(at + 4, 4)
            end = at + 12 + length
            self._read(name, at, end)
            if name == b"IHDR":
                self._after_header = end
            names.append(name)
            at = end
        if b"IDAT" not in names or not self._after_header:
            raise self._bytes.damaged("it holds no picture")
        self._bytes.feed(self._digest, at, self._bytes.size)

    def packets(self, page: int) -> tuple[bytes, ...]:
        """See `Container`."""
        return tuple(packet for _, _, _, packet in self._xmp)

    def splices(self, merged: Mapping[int, Merged]) -> list[Splice]:
        """See `Container`."""
        packets = list(merged[0].packets)
        packets[:1] = [placed(packets[0], merged[0].added)]
        places = [one[:3] for one in self._xmp] or [(self._after_header, self._after_header, False)]
        return [
            Splice(start, end, _chunk(packet, compressed=compressed))
            for (start, end, compressed), packet in zip(places, packets, strict=True)
        ]

    def rest(self) -> str:
        """See `Container`."""
        return self._digest.hexdigest()

    def _read(self, name: bytes, at: int, end: int) -> None:
        """Check a chunk, and keep its XMP or put it into the digest."""
        if end > self._bytes.size:
            raise self._bytes.damaged("cut short")
        packet = self._packet(at + 8, end - 4) if name == b"iTXt" else None
        check, place = 0, at + 4
        while place < end - 4:
            data = self._bytes.at(place, min(_CHUNK, end - 4 - place))
            check = zlib.crc32(data, check)
            if packet is None:
                self._digest.update(data)
            place += len(data)
        if check.to_bytes(4, "big") != self._bytes.at(end - 4, 4):
            raise self._bytes.damaged("a checksum is wrong")
        if packet is not None:
            self._xmp.append((at, end, *packet))

    def _packet(self, start: int, end: int) -> tuple[bool, bytes] | None:
        """The XMP of a chunk's content, and whether it is compressed; None where it is another text."""
        if self._bytes.at(start, min(len(_KEYWORD), end - start)) != _KEYWORD:
            return None
        if end - start > MAX_BYTES:
            raise bad_xmp("it is longer than 16 MB")
        flags, rest = (content := self._bytes.at(start, end - start))[18:20], content[20:]
        _, found, rest = rest.partition(b"\0")
        _, also, text = rest.partition(b"\0")
        if len(flags) < 2 or not found or not also or flags[0] > 1:
            raise bad_xmp("its chunk is not as PNG has it")
        return bool(flags[0]), _inflated(text) if flags[0] else text


def _inflated(data: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise bad_xmp("it can't be decompressed") from error
    if len(text) > MAX_BYTES or not unpacking.eof:
        raise bad_xmp("it is too long or cut short")
    return text


def _chunk(packet: bytes, *, compressed: bool) -> bytes:
    text = zlib.compress(packet) if compressed else packet
    content = b"iTXt" + _KEYWORD + bytes([compressed, 0]) + b"\0\0" + text
    return (len(content) - 4).to_bytes(4, "big") + content + zlib.crc32(content).to_bytes(4, "big")
