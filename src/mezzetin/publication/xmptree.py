"""XMP as a tree that knows where in the bytes each element stands, so that a change touches nothing else.

Enters: an XMP packet as some program wrote it, in any encoding of Unicode. Leaves: its elements with their places, or
a refusal: a document type (entities that unfold, files that are read), a tree too deep, or what is no XML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from mezzetin.errors import ImageError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML_LANG = "http://www.w3.org/XML/1998/namespace lang"
MAX_BYTES = 16 << 20
"""The longest packet that is read."""
_DEEPEST = 64
_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
_NAMED = {b"utf-8": None, b"utf8": None, b"us-ascii": None, b"iso-8859-1": "latin-1", b"windows-1252": "cp1252"}
_DECLARED = re.compile(rb"""^(\xef\xbb\xbf)?\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml\s[^>]*\?>\s*")


@dataclass(slots=True, eq=False)
class Element:
    """An element: its expanded name ("namespace local"), attributes alike, text, and its places in the bytes.

    From `start` up to `inside` stands the opening tag, from `closing` up to `end` the closing one; of an empty tag
    (`<a/>`) the last three are the same.
    """

    name: str
    attributes: dict[str, str]
    start: int
    inside: int
    closing: int = 0
    end: int = 0
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def of(self, *names: str) -> Iterator[Element]:
        """The children of these names."""
        return (child for child in self.children if child.name in names)


def as_utf8(packet: bytes) -> bytes:
    """A packet as UTF-8 that says so: without what writers leave at its end, NUL bytes above all.

    Raises:
        ImageError: `bad_xmp`: it is too long, or in no encoding that it could be in.

    """
    if len(packet) > MAX_BYTES:
        raise bad_xmp("it is longer than 16 MB")
    encoding = next((name for bom, name in _BOMS if packet.startswith(bom)), None)
    declared = _DECLARED.match(packet)
    if encoding is None and declared:
        encoding = _NAMED.get(declared[2].lower(), "")
    try:
        if encoding is None:
            packet.decode("utf-8")
            return packet.rstrip(b"\x00")
        text = packet.decode(encoding).rstrip("\x00").removeprefix("\ufeff")
    except (UnicodeError, LookupError) as error:
        raise bad_xmp("its encoding is not what it says") from error
    return _DECLARATION.sub('<?xml version="1.0" encoding="UTF-8"?>\n', text).encode("utf-8", "surrogatepass")


def parse(packet: bytes) -> Element:
    """The root element of a packet in UTF-8.

    Raises:
        ImageError: `bad_xmp`.

    """
    reader = _Reader(packet)
    parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: reader.begin(parser.CurrentByteIndex, name, attributes)
    parser.EndElementHandler = lambda _: reader.finish(parser.CurrentByteIndex)
    parser.CharacterDataHandler = reader.say
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(packet, True)
    except expat.ExpatError as error:
        raise bad_xmp(f"no XML in line {error.lineno}") from error
    if reader.root is None:
        raise bad_xmp("it is empty")
    return reader.root


def bad_xmp(why: str) -> ImageError:
    """The error of a packet that can't be merged with."""
    return ImageError("bad_xmp", f"its XMP can't be read ({why}): mend or remove it, so that nothing in it is lost")


def _refuse_doctype(*_: object) -> None:
    raise bad_xmp("it has a document type")


class _Reader:
    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self._open: list[Element] = []
        self.root: Element | None = None

    def begin(self, at: int, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= _DEEPEST:
            raise bad_xmp("it is nested too deeply")
        element = Element(name, attributes, at, _tag_end(self._packet, at))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def finish(self, at: int) -> None:
        element = self._open.pop()
        if self._packet[element.inside - 2 : element.inside] == b"/>":
            element.closing = element.end = element.inside
        else:
            element.closing, element.end = at, self._packet.index(b">", at) + 1

    def say(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text


def _tag_end(packet: bytes, at: int) -> int:
    """Where a tag ends: at the first `>` outside quotes."""
    quote = 0
    for place in range(at, len(packet)):
        letter = packet[place]
        if quote:
            quote = 0 if letter == quote else quote
        elif letter in b"\"'":
            quote = letter
        elif letter == 0x3E:
            return place + 1
    raise bad_xmp("a tag has no end")
