"""Whose word stands in a file: a person's stays, ours is renewed, and the rest of the XMP is as it was."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mezzetin.errors import ImageError
from mezzetin.publication.claims import Claim
from mezzetin.publication.merging import merge
from mezzetin.publication.packets import foreign, placed, spoken
from tests.unit.publication.odd_pictures import alt, xmp

ALT, LONG = "AltTextAccessibility", "ExtDescrAccessibility"


def claim(text: str, lang: str = "en", name: str = ALT, by: str = "approved") -> Claim:
    return Claim(name, lang, text, by, f"{by}, as a sentence")


def merged(packet: bytes | None, *claims: Claim) -> bytes:
    found = merge((packet,) if packet else (), claims)
    return placed(found.packets[0], found.added) if found.added else found.packets[0]


def texts(packet: bytes, name: str = ALT) -> Sequence[tuple[str, str]]:
    return spoken((packet,)).get(name, [])


def edited(packet: bytes, old: str, new: str) -> bytes:
    """What a person does in another program: our marks stay, the words change."""
    assert f">{old}<".encode() in packet
    return packet.replace(f">{old}<".encode(), f">{new}<".encode())


def test_every_byte_of_other_programs_stays() -> None:
    packet = xmp(alt("de", "Ein Garten"), padding=50)
    made = merged(packet, claim("A garden"), claim("Lang", "de", LONG))
    head, tail = packet.split(b"</rdf:Alt></Iptc4xmpCore")
    assert made.startswith(head)
    assert made.endswith(tail.split(b"</rdf:RDF>")[1])
    assert b"<!-- kept -->" in made
    assert b'xmp:Rating="4"' in made
    assert b"Garden" in made


def test_a_persons_text_stays_and_ours_of_other_languages_comes_beside_it() -> None:
    packet = xmp(alt("de", "Ein Garten"))
    found = merge((packet,), (claim("Etwas anderes", "de"), claim("A garden")))
    assert [one.lang for one in found.kept] == ["de"]
    made = placed(found.packets[0], found.added)
    assert texts(made) == [("x-default", "Ein Garten"), ("de", "Ein Garten"), ("en", "A garden")]


def test_a_person_wins_for_the_whole_family_of_a_language() -> None:
    found = merge((xmp(alt("en-GB", "A colour plate")),), (claim("A color plate", "en-US"), claim("A plate", "en")))
    assert (len(found.kept), found.added) == (2, b"")


@pytest.mark.parametrize(
    "inner",
    [
        "<Iptc4xmpCore:AltTextAccessibility>Ein Garten</Iptc4xmpCore:AltTextAccessibility>",
        "<Iptc4xmpCore:AltTextAccessibility><rdf:Bag><rdf:li>Ein Garten</rdf:li></rdf:Bag>"
        "</Iptc4xmpCore:AltTextAccessibility>",
        '<Iptc4xmpCore:AltTextAccessibility><rdf:Alt><rdf:li xml:lang="x-default">Ein Garten</rdf:li></rdf:Alt>'
        "</Iptc4xmpCore:AltTextAccessibility>",
    ],
)
def test_nothing_is_put_beside_a_text_of_unknown_language(inner: str) -> None:
    packet = xmp(inner)
    found = merge((packet,), (claim("A garden"),))
    assert [one.text for one in found.kept] == ["A garden"]
    assert (found.packets, found.added) == ((packet,), b"")
    also = merge((packet,), (claim("A garden"), claim("A long text", name=LONG)))
    made = placed(also.packets[0], also.added)
    assert (texts(made), texts(made, LONG)[0][1]) == ([("x-default", "Ein Garten")], "A long text")


def test_a_text_in_an_attribute_is_a_persons_too() -> None:
    found = merge((xmp(attributes='Iptc4xmpCore:AltTextAccessibility="Ein Garten"'),), (claim("A garden"),))
    assert (len(found.kept), found.added) == (1, b"")


def test_a_place_that_is_empty_is_filled() -> None:
    for inner in ("<rdf:Alt/>", "<rdf:Alt></rdf:Alt>", '<rdf:Alt><rdf:li xml:lang="x-default"/></rdf:Alt>'):
        packet = xmp(f"<Iptc4xmpCore:AltTextAccessibility>{inner}</Iptc4xmpCore:AltTextAccessibility>")
        assert [one for one in texts(merged(packet, claim("A garden"))) if one[1]] == [
            ("x-default", "A garden"),
            ("en", "A garden"),
        ]


def test_what_a_person_changed_of_ours_is_theirs_from_then_on() -> None:
    first = merged(None, claim("A garden"), claim("Ein Garten", "de"))
    theirs = edited(first, "Ein Garten", "Unser Garten")
    found = merge((theirs,), (claim("A pond"), claim("Ein Teich", "de")))
    assert [one.lang for one in found.kept] == ["de"]
    made = placed(found.packets[0], found.added)
    assert ("de", "Unser Garten") in texts(made)
    assert ("en", "A pond") in texts(made)
    assert foreign((made,)) == {(ALT, "Unser Garten")}


def test_ours_is_renewed_without_growing() -> None:
    made = merged(None, claim("Text 0"))
    sizes = set()
    for number in range(1, 6):
        made = merged(made, claim(f"Text {number}"))
        sizes.add(len(made))
        assert texts(made) == [("x-default", f"Text {number}"), ("en", f"Text {number}")]
    assert len(sizes) == 1


def test_an_approval_changes_the_label_of_the_same_words() -> None:
    made = merged(None, claim("A garden", by="machine"))
    assert b'mezzetin:by="machine"' in made
    made = merged(made, claim("A garden", by="approved"))
    assert b'mezzetin:by="machine"' not in made
    assert b'mezzetin:by="approved"' in made


def test_the_same_words_of_a_person_are_not_claimed_for_us() -> None:
    packet = xmp(alt("en", "A garden"))
    found = merge((packet,), (claim("A garden"),))
    assert ([one.text for one in found.same], found.added) == (["A garden"], b"")


def test_our_notes_are_known_when_another_program_wrote_them_anew() -> None:
    made = merged(None, claim("A garden")).decode()
    start = made.index("<rdf:li mezzetin:")
    item = made[start : made.index("/>", start) + 2]
    pairs = [part.split("=", 1) for part in item[8:-2].replace('" mezz', '"\nmezz').split("\n")]
    fields = "".join(f"<{key.strip()}>{value.strip()[1:-1]}</{key.strip()}>" for key, value in pairs)
    rewritten = made.replace(item, f'<rdf:li rdf:parseType="Resource">{fields}</rdf:li>').encode()
    assert foreign((rewritten,)) == set()
    assert ("en", "A pond") in texts(merged(rewritten, claim("A pond")))


def test_another_prefix_for_rdf_is_followed() -> None:
    packet = xmp(alt("de", "Ein Garten")).replace(b"rdf:", b"r:").replace(b"xmlns:rdf", b"xmlns:r")
    made = merged(packet, claim("A garden"))
    assert b'<r:li xml:lang="en">A garden</r:li>' in made
    assert len(texts(made)) == 3


def test_what_the_packet_is_about_stays_the_same_for_every_description() -> None:
    packet = xmp().replace(b'rdf:about=""', b'rdf:about="uuid:1"')
    assert merged(packet, claim("A garden")).count(b'rdf:about="uuid:1"') == 2


@pytest.mark.parametrize("damage", [b"", b"\0\0", b"<rdf", xmp()[:200], b"<a/>"])
def test_what_is_no_xmp_is_refused(damage: bytes) -> None:
    with pytest.raises(ImageError) as raised:
        merge((damage,), (claim("A garden"),))
    assert raised.value.code == "bad_xmp"
