"""JPEG: segments up to the first scan; what follows is copied (ITU-T T.81; XMP: ISO 16684-3, with ExtendedXMP).

A packet that does not fit into one segment goes on as ExtendedXMP. The list of further pictures after the first
(CIPA DC-007, MPF) says where they begin, counted from itself: it is set right where that changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from mezzetin.errors import ImageError
from mezzetin.publication.embedding.container import Bytes
from mezzetin.publication.embedding.extended import Extension, read_extension, referring, segments
from mezzetin.publication.embedding.furtherpictures import moved, unplaced
from mezzetin.publication.merging import Merged
from mezzetin.publication.packets import placed, unpadded
from mezzetin.publication.splicing import Splice

_XMP, _MORE, _EXIF, _MPF = (
    b"http://ns.adobe.com/xap/1.0/\0",
    b"http://ns.adobe.com/xmp/extension/\0",
    b"Exif\0",
    b"MPF\0",
)
_SOS, _EOI, _APP0, _APP1, _APP2 = 0xDA, 0xD9, 0xE0, 0xE1, 0xE2
_ALONE = (0x01, *range(0xD0, 0xD8))
_ROOM = 65533 - len(_XMP)
_MOST_SEGMENTS = 100_000


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    start: int
    content: int
    end: int
    head: bytes


class Jpeg:
    """A JPEG file."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._bytes = Bytes(stream, "jpeg")
        self._segments: list[_Segment] = []
        at = 2
        while (segment := self._segment(at)).marker != _SOS:
            self._segments.append(segment)
            if segment.marker == _EOI or len(self._segments) > _MOST_SEGMENTS:
                raise self._bytes.damaged("it holds no picture")
            at = segment.end
        self._scans = segment.start
        self._main = [one for one in self._segments if one.marker == _APP1 and one.head.startswith(_XMP)]
        self._more = [one for one in self._segments if one.marker == _APP1 and one.head.startswith(_MORE)]
        self._extension = self._find_extension()

    def packets(self, page: int) -> tuple[bytes, ...]:
        """See `Container`; an extension comes last."""
        found = [self._content(one)[len(_XMP) :] for one in self._main]
        return (*found, self._extension.packet) if self._extension else tuple(found)

    def splices(self, merged: Mapping[int, Merged]) -> list[Splice]:
        """See `Container`."""
        packets, added = list(merged[0].packets), merged[0].added
        extension = packets.pop() if self._extension else None
        main = placed(packets[0], added)
        if len(main) > _ROOM:
            main = placed(unpadded(packets[0]), added)
        if len(main) > _ROOM:
            main, extension = unpadded(packets[0]), placed(extension or _bare(), added)
        made = self._extended(main, extension)
        for segment, packet in zip(self._main[1:], packets[1:], strict=True):
            made.append(Splice(segment.start, segment.end, _app1(_XMP + packet)))
        lists = [(one.content + len(_MPF), one.end) for one in self._segments if self._lists_pictures(one)]
        return [*made, *(patch for start, end in lists for patch in moved(self._bytes, start, end, made))]

    def rest(self) -> str:
        """See `Container`."""
        digest = hashlib.sha256()
        for one in self._segments:
            if one in self._main or (one in self._more and self._extension and one.start in self._extension.places):
                continue
            digest.update(bytes([one.marker]))
            digest.update(unplaced(self._content(one)) if self._lists_pictures(one) else self._content(one))
        self._bytes.feed(digest, self._scans, self._bytes.size)
        return digest.hexdigest()

    def _extended(self, main: bytes, extension: bytes | None) -> list[Splice]:
        """The first packet in its place, and after it an extension that is new or has changed."""
        old = self._extension
        made, new = list[Splice](), b""
        if extension is not None and (old is None or extension != old.packet):
            main, guid = referring(main, extension, old.guid if old else None)
            new = b"".join(_app1(_MORE + part) for part in segments(extension, guid))
            gone = [one for one in self._more if old and one.start in old.places]
            made += [Splice(one.start, one.end, b"") for one in gone]
        if len(main) > _ROOM:
            raise ImageError("too_large", "its XMP leaves no room for more in a JPEG: use a sidecar (--format xmp)")
        start, end = (self._main[0].start, self._main[0].end) if self._main else (self._free(), self._free())
        return [*made, Splice(start, end, _app1(_XMP + main) + new)]

    def _free(self) -> int:
        """Where a first packet goes: after JFIF and Exif, before everything else."""
        at = 2
        for one in self._segments:
            if one.marker != _APP0 and not (one.marker == _APP1 and one.head.startswith(_EXIF)):
                break
            at = one.end
        return at

    def _segment(self, at: int) -> _Segment:
        if self._bytes.at(at, 1) != b"\xff":
            raise self._bytes.damaged("a segment is missing")
        start = at
        while (marker := self._bytes.at(at + 1, 1)[0]) == 0xFF:
            at += 1
        if marker in _ALONE or marker == _EOI:
            return _Segment(marker, start, at + 2, at + 2, b"")
        length = int.from_bytes(self._bytes.at(at + 2, 2), "big")
        if marker == 0 or length < 2:
            raise self._bytes.damaged("a segment is damaged")
        end = at + 2 + length
        head = self._bytes.at(at + 4, min(length - 2, len(_MORE)))
        if end > self._bytes.size:
            raise self._bytes.damaged("cut short")
        return _Segment(marker, start, at + 4, end, head)

    def _content(self, segment: _Segment) -> bytes:
        return self._bytes.at(segment.content, segment.end - segment.content)

    def _lists_pictures(self, segment: _Segment) -> bool:
        return segment.marker == _APP2 and segment.head.startswith(_MPF)

    def _find_extension(self) -> Extension | None:
        if not self._main or not self._more:
            return None
        parts = {one.start: self._content(one)[len(_MORE) :] for one in self._more}
        return read_extension(self._content(self._main[0])[len(_XMP) :], parts)


def _app1(content: bytes) -> bytes:
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content


def _bare() -> bytes:
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b"</rdf:RDF></x:xmpmeta>"
    )
