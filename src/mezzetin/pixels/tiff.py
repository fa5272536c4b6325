"""The pages of a TIFF, counted without decoding: its chain of directories (TIFF 6.0; BigTIFF).

Enters: an encoded TIFF. Leaves: the numbers of the directories that are pages. A reduced copy or a mask
(NewSubfileType, tag 254, bits 0 and 2) belongs to another page and is none itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

_SUBFILE_TYPE = 254
_REDUCED_OR_MASK = 0b101
_MOST = 10_000
_MOST_TAGS = 4096


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file writes its numbers: offsets, the count of a directory's tags, a tag (number, type, count, value)."""

    offset: struct.Struct
    count: struct.Struct
    tag: struct.Struct
    first: int


def page_directories(stream: IO[bytes]) -> list[int]:
    """Return the directories that are pages, numbered from 0: at least the first, at most 10,000.

    A chain that is cut short or leads back into itself ends there: what can't be read is told by decoding it.
    """
    layout = _layout(stream.read(8))
    if layout is None:
        return [0]
    pages, seen, number = [], set[int](), 0
    at = _read(stream, layout.first, layout.offset)
    while at and at[0] and at[0] not in seen and number < _MOST:
        seen.add(at[0])
        found = _directory(stream, at[0], layout)
        if found is None:
            break
        kind, after = found
        if not kind & _REDUCED_OR_MASK:
            pages.append(number)
        number += 1
        at = _read(stream, after, layout.offset)
    return pages or [0]


def _directory(stream: IO[bytes], at: int, layout: _Layout) -> tuple[int, int] | None:
    """What kind of picture a directory describes, and where the offset of the next one stands."""
    counted = _read(stream, at, layout.count)
    if counted is None or not 0 < counted[0] <= _MOST_TAGS:
        return None
    begin, kind = at + layout.count.size, 0
    for number in range(counted[0]):
        tag = _read(stream, begin + number * layout.tag.size, layout.tag)
        if tag is None:
            return None
        if tag[0] == _SUBFILE_TYPE:
            kind = tag[3]
        if tag[0] >= _SUBFILE_TYPE:
            break  # tags are in order
    return kind, begin + counted[0] * layout.tag.size


def _layout(head: bytes) -> _Layout | None:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    version = struct.unpack(f"{order}H", head[2:4])[0]
    if version == 42:
        return _Layout(struct.Struct(f"{order}I"), struct.Struct(f"{order}H"), struct.Struct(f"{order}HHII"), 4)
    if version == 43:
        return _Layout(struct.Struct(f"{order}Q"), struct.Struct(f"{order}Q"), struct.Struct(f"{order}HHQI4x"), 8)
    return None


def _read(stream: IO[bytes], at: int, form: struct.Struct) -> tuple[int, ...] | None:
    try:
        stream.seek(at)
    except (OSError, OverflowError, ValueError):
        return None
    data = stream.read(form.size)
    return form.unpack(data) if len(data) == form.size else None
