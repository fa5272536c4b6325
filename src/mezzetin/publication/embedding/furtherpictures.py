"""MPF: the list of a JPEG's further pictures (CIPA DC-007), kept right where the file grows before or within it.

Enters: where the list's own TIFF header stands, and the splices of the file. Leaves: splices of the same length that
set offsets (counted from that header) and the length of the first picture right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from mezzetin.publication.embedding.container import Bytes
from mezzetin.publication.splicing import Splice

_ENTRIES = 0xB002
_ENTRY = 16
_HEADER = 4


def moved(file: Bytes, header: int, end: int, splices: Iterable[Splice]) -> Iterator[Splice]:
    """The changes of the list whose header is at `header`; a list that can't be read is left as it is."""
    content = file.at(header, end - header)
    shifts = [(one.end, len(one.new) - (one.end - one.start)) for one in splices]

    def shift(place: int) -> int:
        return sum(grown for at, grown in shifts if at <= place)

    order, entries = _entries(content)
    for number, place in enumerate(entries):
        _, size, offset, _ = struct.unpack_from(f"{order}IIII", content, place)
        new_size = size + shift(size) if number == 0 and size else size
        new_offset = offset + shift(header + offset) - shift(header) if offset else 0
        if (new_size, new_offset) != (size, offset) and 0 <= new_offset < 1 << 32 and new_size < 1 << 32:
            at = header + place + 4
            yield Splice(at, at + 8, struct.pack(f"{order}II", new_size, new_offset))


def unplaced(content: bytes) -> bytes:
    """The content of the list's segment without what says where pictures stand."""
    plain = bytearray(content)
    for place in _entries(content[_HEADER:])[1]:
        at = _HEADER + place + 4
        plain[at : at + 8] = bytes(8)
    return bytes(plain)


def _entries(content: bytes) -> tuple[str, list[int]]:
    """The byte order and where each picture's entry begins; none where the list makes no sense."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4], "")
    if not order or len(content) < 10:
        return "<", []
    directory = struct.unpack_from(f"{order}I", content, 4)[0]
    if directory + 2 > len(content):
        return order, []
    for number in range(struct.unpack_from(f"{order}H", content, directory)[0]):
        at = directory + 2 + 12 * number
        if at + 12 > len(content):
            break
        tag, _, length, begin = struct.unpack_from(f"{order}HHII", content, at)
        if tag == _ENTRIES and begin + length <= len(content):
            return order, [begin + _ENTRY * one for one in range(length // _ENTRY)]
    return order, []
