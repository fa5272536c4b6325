"""TIFF 6.0 and BigTIFF, of either byte order, with as many pages as it has: XMP is tag 700 of a page's directory.

Nothing is moved. A packet that fits goes into the place of the old one; otherwise packet and, where the tag is new, a
copy of the directory are put at the end, and what pointed to the old one points there.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from mezzetin.errors import ImageError
from mezzetin.pixels.tiff import page_directories
from mezzetin.publication.embedding.container import Bytes
from mezzetin.publication.merging import Merged
from mezzetin.publication.packets import placed, unpadded
from mezzetin.publication.splicing import Splice
from mezzetin.publication.xmptree import MAX_BYTES, bad_xmp

_XMP = 700
_BYTE = 1
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_PIXELS = {273: 279, 324: 325}
_MOST = 10_000
_MOST_TAGS = 4096


@dataclass(slots=True)
class _Directory:
    """A page's directory: where it and the pointer to it stand, its entries by tag (raw), the pointer after it."""

    at: int
    pointer: int
    entries: list[tuple[int, bytes, int]] = field(default_factory=list)
    after: int = 0


class Tiff:
    """A TIFF file."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._bytes = Bytes(stream, "tiff")
        head = self._bytes.at(0, 8)
        self._order = "<" if head[:2] == b"II" else ">"
        self._big = struct.unpack(f"{self._order}H", head[2:4])[0] == 43
        self._word, self._count, self._entry = (8, "Q", 20) if self._big else (4, "H", 12)
        self._directories = self._chain()
        stream.seek(0)
        self._pages = page_directories(stream)

    def packets(self, page: int) -> tuple[bytes, ...]:
        """See `Container`."""
        found = self._xmp(self._directory(page))
        if found is None:
            return ()
        _, start, length = found
        if length > MAX_BYTES:
            raise bad_xmp("it is longer than 16 MB")
        return (self._bytes.at(start, length),)

    def splices(self, merged: Mapping[int, Merged]) -> list[Splice]:
        """See `Container`."""
        made = list[Splice]()
        tail = _Tail(self._bytes.size + self._bytes.size % 2, bytes(self._bytes.size % 2))
        where = {one.pointer: one.pointer for one in self._directories}
        for number, one in enumerate(self._directories):
            pages = [page for page in merged if self._pages[page] == number]
            if not pages:
                continue
            packet = placed(merged[pages[0]].packets[0], merged[pages[0]].added)
            found = self._xmp(one)
            if found is None:
                made += self._relocated(one, packet, tail, where)
            else:
                made += self._replaced(*found, packet, tail)
        if tail.end > 0xFFFFFFFF and not self._big:
            raise ImageError("too_large", "with its texts the file would be larger than a TIFF can be: use a sidecar")
        return (
            [*made, Splice(self._bytes.size, self._bytes.size, bytes(tail.content))] if len(tail.content) > 1 else made
        )

    def rest(self) -> str:
        """See `Container`."""
        digest = hashlib.sha256()
        for one in self._directories:
            digest.update(b"page")
            lists = {tag: self._numbers(entry, at) for tag, entry, at in one.entries if tag in _SOUGHT}
            for tag, entry, at in sorted(one.entries):
                if tag == _XMP:
                    continue
                digest.update(entry)
                start, length = self._value(entry, at)
                self._feed(digest, start, length)
            for offsets, lengths in _PIXELS.items():
                for start, length in zip(lists.get(offsets, ()), lists.get(lengths, ()), strict=False):
                    self._feed(digest, start, length)
        return digest.hexdigest()

    def _feed(self, digest: hashlib._Hash, start: int, length: int) -> None:
        # What leads beyond the end would lead into what is put there, and come out as pixels.
        if start + length > self._bytes.size:
            raise self._bytes.damaged("something lies beyond its end")
        self._bytes.feed(digest, start, start + length)

    def _chain(self) -> list[_Directory]:
        found, seen = list[_Directory](), set[int]()
        pointer = 8 if self._big else 4
        at = self._number(pointer)
        while at:
            if at in seen or len(found) >= _MOST:
                raise self._bytes.damaged("its directories lead in a circle")
            seen.add(at)
            found.append(self._read(at, pointer))
            pointer = found[-1].after
            at = self._number(pointer)
        if not found:
            raise self._bytes.damaged("it holds no picture")
        return found

    def _read(self, at: int, pointer: int) -> _Directory:
        width = struct.calcsize(self._count)
        number = self._unpack(self._count, at)
        if not 0 < number <= _MOST_TAGS:
            raise self._bytes.damaged("a directory makes no sense")
        one = _Directory(at, pointer)
        for place in range(at + width, at + width + number * self._entry, self._entry):
            entry = self._bytes.at(place, self._entry)
            one.entries.append((struct.unpack(f"{self._order}H", entry[:2])[0], entry, place))
        one.after = at + width + number * self._entry
        return one

    def _directory(self, page: int) -> _Directory:
        if page >= len(self._pages) or self._pages[page] >= len(self._directories):
            raise self._bytes.damaged(f"it has no page {page + 1}")
        return self._directories[self._pages[page]]

    def _xmp(self, directory: _Directory) -> tuple[int, int, int] | None:
        """Where the tag stands, and where its packet and how long it is."""
        for tag, entry, at in directory.entries:
            if tag == _XMP:
                return at, *self._value(entry, at)
        return None

    def _value(self, entry: bytes, at: int) -> tuple[int, int]:
        """Where an entry's value stands, and how many bytes it has."""
        form = f"{self._order}HHQQ" if self._big else f"{self._order}HHII"
        _, kind, count, value = struct.unpack(form, entry)
        length = _SIZES.get(kind, 1) * count
        return (at + self._entry - self._word, length) if length <= self._word else (value, length)

    def _numbers(self, entry: bytes, at: int) -> tuple[int, ...]:
        kind = struct.unpack(f"{self._order}H", entry[2:4])[0]
        letter = {3: "H", 4: "I", 16: "Q"}.get(kind)
        start, length = self._value(entry, at)
        if letter is None or start + length > self._bytes.size:
            return ()
        return struct.unpack(f"{self._order}{length // struct.calcsize(letter)}{letter}", self._bytes.at(start, length))

    def _replaced(self, at: int, start: int, length: int, packet: bytes, tail: _Tail) -> list[Splice]:
        """The tag is there: into the old packet's place where it is large enough and nobody else's."""
        shared = sum(1 for one in self._directories for tag in (self._xmp(one),) if tag and tag[1] == start) > 1
        if len(packet) > length >= len(unpadded(packet)):
            packet = unpadded(packet)
        if len(packet) <= length and not shared:
            return [Splice(start, start + length, packet.ljust(length))]
        value = self._packed(len(packet)) + self._packed(tail.put(packet))
        kind = struct.pack(f"{self._order}H", _BYTE)
        return [Splice(at + 2, at + self._entry, kind + value)]

    def _relocated(self, one: _Directory, packet: bytes, tail: _Tail, where: dict[int, int]) -> list[Splice]:
        """The tag is new: the directory, with it, at the end."""
        value = self._packed(len(packet)) + self._packed(tail.put(packet))
        entries = [*one.entries, (_XMP, struct.pack(f"{self._order}HH", _XMP, _BYTE) + value, 0)]
        content = struct.pack(f"{self._order}{self._count}", len(entries))
        content += b"".join(entry for _, entry, _ in sorted(entries, key=lambda entry: entry[0]))
        place = tail.put(content + self._bytes.at(one.after, self._word))
        where[one.after] = place + len(content)
        pointer = where[one.pointer]
        if pointer >= tail.base:
            tail.patch(pointer, self._packed(place))
            return []
        return [Splice(pointer, pointer + self._word, self._packed(place))]

    def _packed(self, number: int) -> bytes:
        if number >> (8 * self._word):
            raise ImageError("too_large", "with its texts the file would be larger than a TIFF can be: use a sidecar")
        return number.to_bytes(self._word, "little" if self._order == "<" else "big")

    def _number(self, at: int) -> int:
        return self._unpack("Q" if self._big else "I", at)

    def _unpack(self, letter: str, at: int) -> int:
        number: int = struct.unpack(f"{self._order}{letter}", self._bytes.at(at, struct.calcsize(letter)))[0]
        return number


_SOUGHT = {tag for pair in _PIXELS.items() for tag in pair}


class _Tail:
    """What is put at the end of a file; each part begins at an even place, as TIFF wants it."""

    def __init__(self, base: int, padding: bytes) -> None:
        self.base, self.content = base, bytearray(padding)
        self._padded = len(padding)

    @property
    def end(self) -> int:
        """Where the file ends with it."""
        return self.base - self._padded + len(self.content)

    def put(self, part: bytes) -> int:
        """Add a part; return where it stands."""
        place = self.end
        self.content += part + bytes(len(part) % 2)
        return place

    def patch(self, place: int, new: bytes) -> None:
        """Write over a part that was put."""
        at = place - self.base + self._padded
        self.content[at : at + len(new)] = new
