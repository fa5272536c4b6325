"""Merging: texts into the XMP that a file has, so that nothing of it is lost and no person's word is replaced.

Enters: a file's packets (one, or several that count as one) and the claims. Leaves: the packets with what changes in
them, and what was written, already there, or kept. A text in a file is ours where `mezzetin:Texts` holds its digest: we
wrote it and nobody changed it since. Every other text is taken for a person's and stays, in whatever language of its
family; where its language is unknown, nothing is put beside it.
XMP: ISO 16684-1; the two properties: IPTC Photo Metadata Standard, "Alt Text (Accessibility)" and
"Extended Description (Accessibility)".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from mezzetin.publication.claims import PROPERTIES, Claim, digest
from mezzetin.publication.packets import (
    ABOUT,
    DEFAULT,
    DESCRIPTION,
    EMPTY,
    IPTC,
    NOTES,
    OURS,
    Property,
    find,
    noted,
    notes_of,
    rdf_of,
)
from mezzetin.publication.splicing import Splice, spliced
from mezzetin.publication.xmptree import RDF, Element, as_utf8, parse


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of the packets: `added` is a description that still has to be put into one of them, see `placed`.

    `written`, `same` and `kept` are the claims that are new in the file, stood there as ours, and gave way.
    """

    packets: tuple[bytes, ...]
    added: bytes
    written: tuple[Claim, ...]
    same: tuple[Claim, ...]
    kept: tuple[Claim, ...]


def merge(packets: Sequence[bytes], claims: Sequence[Claim]) -> Merged:
    """Say what changes where claims are put into packets; no packet at all is an empty one.

    Raises:
        ImageError: `bad_xmp`: a packet can't be read, or its properties stand twice.

    """
    texts = [as_utf8(packet) for packet in packets] or [EMPTY]
    trees = [rdf_of(parse(text)) for text in texts]
    known = noted(trees)
    changes: list[list[Splice]] = [[] for _ in texts]
    added, outcome = "", _Outcome()
    for name in PROPERTIES.values():
        asked = [claim for claim in claims if claim.name == name]
        found = find(trees, name)
        if not asked:
            continue
        if found is None:
            outcome.written += asked
            added += _whole(name, asked)
        else:
            changes[found.packet] += _inside(texts[found.packet], found, asked, known, outcome)
    if not outcome.written and not outcome.renamed:
        return Merged(tuple(packets), b"", (), tuple(outcome.same), tuple(outcome.kept))
    notes = _renewed_notes(trees, outcome)
    for text, tree, splices in zip(texts, trees, changes, strict=True):
        splices += _without_notes(text, tree)
    done = tuple(spliced(text, splices) for text, splices in zip(texts, changes, strict=True))
    addition = _description(_about(trees), added + notes)
    return Merged(done, addition, tuple(outcome.written), tuple(outcome.same), tuple(outcome.kept))


@dataclass(slots=True)
class _Outcome:
    written: list[Claim] = field(default_factory=list)
    same: list[Claim] = field(default_factory=list)
    kept: list[Claim] = field(default_factory=list)
    renamed: list[Claim] = field(default_factory=list)


def _inside(
    packet: bytes,
    found: Property,
    asked: Sequence[Claim],
    known: Mapping[tuple[str, str], set[tuple[str, str]]],
    outcome: _Outcome,
) -> list[Splice]:
    """What changes in a property that a file has already."""
    items = [one for one in found.items if one[1]]
    theirs = [(lang, text) for lang, text, _ in items if (asked[0].name, digest(text)) not in known]
    default = next((text for lang, text in theirs if lang.casefold() == DEFAULT), None)
    told = [text for lang, text in theirs if lang.casefold() != DEFAULT]
    if found.container is None or (default is not None and default not in told):
        # One text of an unknown language: ours beside it would be read in its place.
        equal = {default}
        outcome.same += [claim for claim in asked if claim.text in equal]
        outcome.kept += [claim for claim in asked if claim.text not in equal]
        return []
    taken = {_family(lang): text for lang, text in theirs if lang.casefold() != DEFAULT}
    splices: list[Splice] = []
    final = list[tuple[str, str]]()
    for claim in asked:
        held = taken.get(_family(claim.lang))
        if held is not None:
            (outcome.same if held == claim.text else outcome.kept).append(claim)
        elif any(lang.casefold() == claim.lang.casefold() and text == claim.text for lang, text, _ in items):
            outcome.same.append(claim)
            if (claim.by, claim.says) not in known[claim.name, digest(claim.text)]:
                outcome.renamed.append(claim)
        else:
            outcome.written.append(claim)
            final.append((claim.lang, claim.text))
    if final:
        lead = taken.get(_family(asked[0].lang), asked[0].text)
        standing = next((text for lang, text, _ in items if lang.casefold() == DEFAULT), None)
        # The default is of our making: it follows the leading language, or nobody would know it for ours again.
        if not theirs if standing is None else default is None and standing != lead:
            final.insert(0, (DEFAULT, lead))
        splices = _items(packet, found.container, found.items, final)
    return splices


def _items(
    packet: bytes, container: Element, items: Sequence[tuple[str, str, Element]], final: Sequence[tuple[str, str]]
) -> list[Splice]:
    """Put texts into a lang-alt in place of those of the same language, the default first."""
    prefix = packet[container.start + 1 : container.inside].split(b"Alt")[0].decode()
    new = dict(final)
    tags = {lang.casefold() for lang in new}
    gone = [item for lang, _, item in items if lang.casefold() in tags]
    before = "".join(_item(prefix, lang, text) for lang, text in new.items() if lang == DEFAULT)
    after = "".join(_item(prefix, lang, text) for lang, text in new.items() if lang != DEFAULT)
    splices = [Splice(item.start, item.end, b"") for item in gone]
    if container.closing == container.end:
        opened = packet[container.start : container.inside].rstrip(b"/> \t\r\n") + b">"
        closed = f"</{prefix}Alt>".encode()
        return [Splice(container.start, container.end, opened + (before + after).encode() + closed)]
    splices.append(Splice(container.inside, container.inside, before.encode()))
    splices.append(Splice(container.closing, container.closing, after.encode()))
    return splices


def _item(prefix: str, lang: str, text: str) -> str:
    return f"<{prefix}li xml:lang={quoteattr(lang)}>{escape(text)}</{prefix}li>"


def _family(lang: str) -> str:
    return lang.casefold().split("-")[0]


def _whole(name: str, asked: Sequence[Claim]) -> str:
    items = _item("rdf:", DEFAULT, asked[0].text) + "".join(_item("rdf:", one.lang, one.text) for one in asked)
    return f"<Iptc4xmpCore:{name}><rdf:Alt>{items}</rdf:Alt></Iptc4xmpCore:{name}>"


def _renewed_notes(trees: Sequence[Element], outcome: _Outcome) -> str:
    """The notes of what is ours in the file now: earlier ones of other languages, and those that were written."""
    before = (note for tree in trees for note in notes_of(tree))
    notes = {(name, lang.casefold()): (name, lang, mark, by, says) for name, lang, mark, by, says in before}
    for one in outcome.written + outcome.renamed:
        notes[one.name, one.lang.casefold()] = (one.name, one.lang, digest(one.text), one.by, one.says)
    lines = ""
    for name, lang, mark, by, says in notes.values():
        pairs = {"property": name, "lang": lang, "by": by, "says": says, "digest": mark}
        told = " ".join(f"mezzetin:{key}={quoteattr(value)}" for key, value in pairs.items())
        lines += f"<rdf:li {told}/>"
    return f"<mezzetin:Texts><rdf:Bag>{lines}</rdf:Bag></mezzetin:Texts>"


def _without_notes(packet: bytes, tree: Element) -> Iterator[Splice]:
    for description in tree.of(DESCRIPTION):
        notes = list(description.of(NOTES))
        others = len(description.children) > len(notes) or any(name not in ABOUT for name in description.attributes)
        gone = notes if others or not notes else [description]
        for element in gone:
            start = element.start - (packet[element.start - 1 : element.start] == b"\n")
            yield Splice(start, element.end, b"")


def _about(trees: Sequence[Element]) -> str:
    """What the packet says it is about: every description of it must say the same."""
    said = (one.attributes.get(name) for one in trees[0].of(DESCRIPTION) for name in ABOUT)
    return next((about for about in said if about is not None), "")


def _description(about: str, inner: str) -> bytes:
    spaces = f'xmlns:rdf="{RDF}" xmlns:Iptc4xmpCore="{IPTC}" xmlns:mezzetin="{OURS}"'
    return f"\n<rdf:Description rdf:about={quoteattr(about)} {spaces}>{inner}</rdf:Description>".encode()
