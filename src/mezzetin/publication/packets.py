"""What a packet says: the texts of the two properties, and what we noted of those that we wrote.

Enters: XMP as some program wrote it. Leaves: texts with their places, whose they are, and a packet with something put
in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mezzetin.publication.claims import PROPERTIES, digest
from mezzetin.publication.splicing import Splice, spliced
from mezzetin.publication.xmptree import RDF, XML_LANG, Element, as_utf8, bad_xmp, parse

IPTC = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
OURS = "urn:mezzetin:texts:1:"
"""The namespace of `mezzetin:Texts`, a bag of (property, lang, by, says, digest)."""
EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
)
"""A packet that says nothing yet."""
DEFAULT = "x-default"
DESCRIPTION, _ALT, _LI = f"{RDF} Description", f"{RDF} Alt", f"{RDF} li"
# Older writers leave the namespace out.
ABOUT = (f"{RDF} about", "about")
NOTES = f"{OURS} Texts"
Spoken = dict[str, list[tuple[str, str]]]


@dataclass(slots=True)
class Property:
    """A property as packet number `packet` has it; `container` is None where it is no plain lang-alt."""

    packet: int
    container: Element | None
    items: list[tuple[str, str, Element]] = field(default_factory=list)


def placed(packet: bytes, added: bytes) -> bytes:
    """A packet with a description put at the end of its RDF."""
    rdf = rdf_of(parse(packet))
    if rdf.closing != rdf.end:
        return spliced(packet, [Splice(rdf.closing, rdf.closing, added)])
    tag = packet[rdf.start : rdf.inside]
    name = tag[1:].split()[0].rstrip(b"/>")
    return spliced(
        packet, [Splice(rdf.start, rdf.inside, tag.rstrip(b"/> \t\r\n") + b">" + added + b"</" + name + b">")]
    )


def unpadded(packet: bytes) -> bytes:
    """A packet without the blanks before its end, which are there for programs that write into its place."""
    head, mark, tail = packet.rpartition(b"<?xpacket end=")
    return head.rstrip() + b"\n" + mark + tail.rstrip() if mark else packet.rstrip()


def spoken(packets: Sequence[bytes]) -> Spoken:
    """The texts of both properties that stand in packets, as (language, text), in their order."""
    trees = [rdf_of(parse(as_utf8(packet))) for packet in packets]
    found = {name: find(trees, name) for name in PROPERTIES.values()}
    return {name: [(lang, text) for lang, text, _ in one.items] for name, one in found.items() if one}


def foreign(packets: Sequence[bytes]) -> set[tuple[str, str]]:
    """The texts in packets that we did not write, or that somebody changed since, as (property, text)."""
    trees = [rdf_of(parse(as_utf8(packet))) for packet in packets]
    known = noted(trees)
    every = ((name, text) for name, items in spoken(packets).items() for _, text in items)
    return {(name, text) for name, text in every if (name, digest(text)) not in known}


def noted(trees: Sequence[Element]) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """By property and digest who is said to stand behind the texts that are ours."""
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for tree in trees:
        for name, _, mark, by, says in notes_of(tree):
            found.setdefault((name, mark), set()).add((by, says))
    return found


def rdf_of(root: Element) -> Element:
    """The rdf:RDF of a packet.

    Raises:
        ImageError: `bad_xmp`.

    """
    if root.name == f"{RDF} RDF":
        return root
    found = next(root.of(f"{RDF} RDF"), None)
    if found is None:
        raise bad_xmp("it has no rdf:RDF")
    return found


def find(trees: Sequence[Element], name: str) -> Property | None:
    """Where a property stands; as an attribute, or as anything but a lang-alt, it has no container."""
    full, found = f"{IPTC} {name}", list[Property]()
    for number, tree in enumerate(trees):
        for description in tree.of(DESCRIPTION):
            if full in description.attributes:
                place = (DEFAULT, description.attributes[full], description)
                found.append(Property(number, None, [place]))
            found += [_property(number, element) for element in description.of(full)]
    if len(found) > 1:
        raise bad_xmp(f"{name} stands in it twice")
    return found[0] if found else None


def _property(number: int, element: Element) -> Property:
    container = next(element.of(_ALT), None)
    if container is None:
        said = [_words(item) for item in _below(element) if not item.children and _words(item)]
        said += [_words(element)] if _words(element) else []
        return Property(number, None, [(DEFAULT, text, element) for text in said])
    items = [(item.attributes.get(XML_LANG, DEFAULT), _words(item), item) for item in container.of(_LI)]
    plain = all(not item.children for _, _, item in items)
    return Property(number, container if plain else None, items)


def _below(element: Element) -> Iterator[Element]:
    for child in element.children:
        yield child
        yield from _below(child)


def _words(element: Element) -> str:
    return element.text.strip()


def notes_of(tree: Element) -> Iterator[tuple[str, str, str, str, str]]:
    """What we noted of the texts that we wrote: property, language, digest, by, says."""
    for description in tree.of(DESCRIPTION):
        for notes in description.of(NOTES):
            for item in (one for one in _below(notes) if one.name == _LI):
                said = {name: value for one in (item, *_below(item)) for name, value in one.attributes.items()}
                said |= {one.name: _words(one) for one in _below(item)}
                told = [said.get(f"{OURS} {name}", "") for name in ("property", "lang", "digest", "by", "says")]
                yield told[0], told[1], told[2], told[3], told[4]
