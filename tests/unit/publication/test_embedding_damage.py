"""Damaged files and hostile XMP: a refusal of one line, or a file that is as good as it was; never anything else."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mezzetin.errors import ImageError
from mezzetin.pixels import Preprocessing, decode
from mezzetin.publication.claims import Claim, fit
from mezzetin.publication.embedding import embed, open_container
from mezzetin.publication.merging import merge
from mezzetin.publication.packets import EMPTY, placed, spoken
from mezzetin.publication.xmptree import as_utf8, parse
from tests.unit.publication.odd_pictures import all_of_them, alt, xmp

FILES = all_of_them()
CLAIMS = (
    Claim("AltTextAccessibility", "en", "A garden", "approved", "x"),
    Claim("ExtDescrAccessibility", "de", "Ein Garten", "machine", "y"),
)
# `not_proven`: a TIFF whose pixels overlap what says where they are.
CODES = {"empty", "unsupported_format", "undecodable", "bad_xmp", "too_large", "not_proven"}
WORDS = st.text(max_size=60)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file cut short, with bytes changed, or with a part moved."""
    data = bytearray(FILES[draw(st.sampled_from(sorted(FILES)))])
    # The first 4,000 bytes hold what says where things are.
    reach = min(len(data), 4000)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, reach - 1))
        data[at] = draw(st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF]) | st.integers(0, 255))
    what = draw(st.sampled_from(["as it is", "cut", "repeated", "left out", "longer"]))
    at, length = draw(st.integers(0, len(data) - 1)), draw(st.integers(1, 300))
    if what == "cut":
        del data[at:]
    elif what == "repeated":
        data[at:at] = data[at : at + length]
    elif what == "left out":
        del data[at : at + length]
    elif what == "longer":
        data += draw(st.binary(max_size=40))
    return bytes(data)


def seen(path: Path) -> object:
    """What a decoder makes of a file: its pixels, or why there are none."""
    try:
        return decode(path, Preprocessing(64, 64, interpolation="nearest")).tobytes()
    except ImageError as error:
        return error.code


@settings(max_examples=400)
@given(damaged())
def test_a_damaged_file_is_refused_or_stays_as_good_as_it_was(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before", Path(folder) / "after"
        before.write_bytes(data)
        try:
            made = embed(before, {0: CLAIMS}, after)
        except ImageError as error:
            assert error.code in CODES
            assert "\n" not in str(error)
            assert not after.exists()
        else:
            assert after.exists() == made.changed
            if made.changed:
                assert seen(after) == seen(before)
                with after.open("rb") as stream:
                    held = spoken(open_container(stream).packets(0))
                assert all((one.lang, one.text) in held[one.name] for one in made.written)
        assert before.read_bytes() == data


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(["en", "de", "zh-Hant", "pt-BR"]), WORDS), min_size=1, max_size=4))
@example([("en", "]]> & < \" ' \x00 \ud800 \ufffe \U0001f600")])
def test_any_words_come_out_as_they_went_in(pairs: list[tuple[str, str]]) -> None:
    texts = {lang: fit(text) for lang, text in pairs if fit(text)}
    claims = tuple(Claim("AltTextAccessibility", lang, text, "person", text) for lang, text in texts.items())
    merged = merge((), claims)
    if not claims:
        assert not merged.added
        return
    packet = placed(merged.packets[0], merged.added)
    held = spoken((packet,))["AltTextAccessibility"]
    assert held == [("x-default", claims[0].text), *((one.lang, one.text) for one in claims)]
    assert merge((packet,), claims).same == claims


@settings(max_examples=300)
@given(st.data())
def test_damaged_xmp_is_refused_or_keeps_what_it_says(data: st.DataObject) -> None:
    packet = bytearray(xmp(alt("de", "Ein Garten"), padding=20))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(packet) - 1))
        packet[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4))
    try:
        before = spoken((bytes(packet),))
        merged = merge((bytes(packet),), CLAIMS)
        after = spoken((placed(merged.packets[0], merged.added),)) if merged.added else before
    except ImageError as error:
        assert error.code == "bad_xmp"
        return
    assert {(name, text) for name, items in before.items() for _, text in items if text} <= {
        (name, text) for name, items in after.items() for _, text in items
    }


@given(st.sampled_from(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig"]))
def test_every_unicode_encoding_of_xmp_is_read(encoding: str) -> None:
    text = xmp(alt("de", "Ein Gärtchen \U0001f600")).decode().split("?>", 1)[1].rsplit("<?", 1)[0]
    packet = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>{text}'.encode(encoding)
    if encoding.endswith(("le", "be")):
        packet = text.encode(encoding)
    assert parse(as_utf8(packet)).children
    merged = merge((packet,), CLAIMS)
    held = spoken((placed(merged.packets[0], merged.added),))
    assert ("de", "Ein Gärtchen \U0001f600") in held["AltTextAccessibility"]
    assert ("en", "A garden") in held["AltTextAccessibility"]


def test_an_empty_rdf_takes_a_description() -> None:
    bare = EMPTY.replace(b">\n</rdf:RDF>", b"/>")
    merged = merge((bare,), CLAIMS)
    assert len(spoken((placed(merged.packets[0], merged.added),))) == 2
