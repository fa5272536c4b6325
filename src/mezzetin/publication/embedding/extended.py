"""ExtendedXMP: what of a JPEG's XMP does not fit into one segment (ISO 16684-3, 7.1.3).

Enters: the first packet and the segments of extensions, each with GUID, whole length and its offset before its part.
Leaves: the extension that the packet refers to, whole; or the parts of a new one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mezzetin.publication.packets import placed
from mezzetin.publication.xmptree import MAX_BYTES

_REFERS = re.compile(rb"""HasExtendedXMP\s*(?:=\s*["']|>)\s*([0-9A-Fa-f]{32})""")
_HEAD = 40
_PART = 65400


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension, the GUID by which the first packet refers to it, and where its segments begin."""

    guid: bytes
    packet: bytes
    places: frozenset[int]


def read_extension(main: bytes, parts: Mapping[int, bytes]) -> Extension | None:
    """The extension that a packet refers to, from the contents of segments by their places.

    None where there is none or a part of it is missing: then its segments are left as they are.
    """
    refers = _REFERS.search(main)
    if refers is None:
        return None
    own = {at: part for at, part in parts.items() if part[:32].upper() == refers[1].upper() and len(part) >= _HEAD}
    whole, packet = 0, b""
    for part in sorted(own.values(), key=lambda one: one[36:_HEAD]):
        whole = int.from_bytes(part[32:36], "big")
        if int.from_bytes(part[36:_HEAD], "big") != len(packet) or whole > MAX_BYTES:
            return None
        packet += part[_HEAD:]
    return Extension(refers[1], packet, frozenset(own)) if packet and len(packet) == whole else None


def referring(main: bytes, extension: bytes, old: bytes | None) -> tuple[bytes, bytes]:
    """The first packet referring to a new extension, and that one's GUID (its MD5, as the standard has it)."""
    guid = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper().encode()
    if old is not None:
        return main.replace(old, guid), guid
    said = (
        b'<rdf:Description rdf:about="" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        b' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="' + guid + b'"/>'
    )
    return placed(main, said), guid


def segments(extension: bytes, guid: bytes) -> Iterator[bytes]:
    """The contents of the segments of an extension, without their signature."""
    for at in range(0, len(extension), _PART):
        head = guid + len(extension).to_bytes(4, "big") + at.to_bytes(4, "big")
        yield head + extension[at : at + _PART]
