"""Texts in odd files: pixels and every other metadata as they were, by Pillow, libvips and exiftool."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, UnidentifiedImageError

from mezzetin.errors import ImageError
from mezzetin.pixels import Preprocessing, decode, read_header
from mezzetin.publication.claims import Claim
from mezzetin.publication.embedding import embed, open_container
from mezzetin.publication.packets import spoken
from tests.unit.publication.odd_pictures import all_of_them, alt, jpegs, pixels, saved, segment, tiff, tiffs, xmp

ENGLISH, GERMAN = 'A garden & <two> "chairs"', "Ein gemachter Garten"
CLAIMS = (
    Claim("AltTextAccessibility", "en", ENGLISH, "approved", "read and approved by a person"),
    Claim("AltTextAccessibility", "de", GERMAN, "machine", "written by a machine; nobody has read it (small 1)"),
    Claim("ExtDescrAccessibility", "en", "Two lines\nof a garden", "person", "written by a person"),
)
NAMES = sorted(all_of_them())
# Where things stand, that there is XMP now, and the XMP that was put in.
OURS = re.compile(
    r"System:|XMP-mezzetin:|XMP-iptcCore:(AltText|ExtDescr)|XMP-xmpNote:HasExt|MPImage\d:MPImage(Start|Length)|"
    r"RIFF:WebP_Flags|File:FileType"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`before` and `after` of every odd file."""
    root = tmp_path_factory.mktemp("odd")
    for name, data in all_of_them().items():
        before, after = root / "before" / name, root / "after" / name
        for path in (before, after):
            path.parent.mkdir(parents=True, exist_ok=True)
        before.write_bytes(data)
        embed(before, {0: CLAIMS}, after)
    return root


def read_by_exiftool(folder: Path) -> dict[str, dict[str, Any]]:
    if not shutil.which("exiftool"):
        pytest.skip("there is no exiftool")
    done = subprocess.run(
        ["exiftool", "-j", "-a", "-G1", "-struct", "-r", "-b", "-q", "-fast0", "."],
        cwd=folder,
        capture_output=True,
        check=True,
    )
    return {Path(one.pop("SourceFile")).as_posix(): one for one in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def metadata(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    return read_by_exiftool(folder / "before"), read_by_exiftool(folder / "after")


def frames(path: Path) -> list[object]:
    """Every frame as Pillow decodes it, or None where it can't read the file."""
    try:
        with Image.open(path) as image:
            found = list[object]()
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                found.append((image.mode, image.size, hashlib.sha256(image.tobytes()).hexdigest()))
            return found
    except UnidentifiedImageError:
        return []


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow, of a big-endian BigTIFF
@pytest.mark.parametrize("name", NAMES)
def test_pixels_are_the_same_to_the_bit(folder: Path, name: str) -> None:
    before, after = folder / "before" / name, folder / "after" / name
    assert after.read_bytes() != before.read_bytes()
    assert frames(after) == frames(before)
    header = read_header(before)
    own = Preprocessing(header.height, header.width)
    assert (decode(after, own) == decode(before, own)).all()


@pytest.mark.parametrize("name", NAMES)
def test_exiftool_finds_the_texts_and_everything_else_as_it_was(
    metadata: tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]], name: str
) -> None:
    before, after = metadata[0][name], metadata[1][name]
    kept = {key: value for key, value in after.items() if not OURS.match(key)}
    assert kept == {key: value for key, value in before.items() if not OURS.match(key)}
    person = "person" in name or name.endswith(("mpf-before-xmp.jpeg", "unflagged-xmp.webp"))
    assert after["XMP-iptcCore:AltTextAccessibility"] == ("Ein Garten" if person else ENGLISH)
    assert after["XMP-iptcCore:AltTextAccessibility-en"] == ENGLISH
    assert after["XMP-iptcCore:AltTextAccessibility-de"] == ("Ein Garten" if person else GERMAN)
    assert after["XMP-iptcCore:ExtDescrAccessibility"] == "Two lines\nof a garden"
    by = {(one["Property"], one["Lang"]): one["By"] for one in after["XMP-mezzetin:Texts"]}
    assert by[CLAIMS[0].name, "en"] == "approved"
    assert by.get((CLAIMS[1].name, "de")) == (None if person else "machine")
    assert not any("DigitalSourceType" in key for key in after)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_written_once_is_not_written_again(folder: Path, name: str) -> None:
    again = folder / "again"
    found = embed(folder / "after" / name, {0: CLAIMS}, again)
    assert (found.changed, again.exists(), found.written) == (False, False, ())


def test_a_changed_text_of_ours_is_renewed_and_with_it_the_default(folder: Path, tmp_path: Path) -> None:
    for name in ("jpeg/full-packet.jpeg", "png/compressed-xmp.png", "webp/lossy.webp", "tiff/three-pages.tiff"):
        new = (Claim(CLAIMS[0].name, "en", "A pond", "person", "written by a person"), *CLAIMS[1:])
        embed(folder / "after" / name, {0: new}, tmp_path / "new")
        with (tmp_path / "new").open("rb") as stream:
            said = spoken(open_container(stream).packets(0))
        assert sorted(said[CLAIMS[0].name]) == [("de", GERMAN), ("en", "A pond"), ("x-default", "A pond")]
        assert frames(tmp_path / "new") == frames(folder / "before" / name)


@pytest.mark.parametrize("name", ["three-pages", "three-pages-big-endian", "packet-a-page", "multi-lzw"])
def test_every_page_of_a_tiff_has_its_own_text(tmp_path: Path, name: str) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_bytes(tiffs()[name])
    count = len(frames(before))
    asked = {page: (Claim(CLAIMS[0].name, "en", f"Page {page}", "person", "x"),) for page in range(count)}
    embed(before, asked, after)
    assert frames(after) == frames(before)
    with after.open("rb") as stream:
        made = open_container(stream)
        assert [spoken(made.packets(page))[CLAIMS[0].name][0][1] for page in range(count)] == [
            f"Page {page}" for page in range(count)
        ]


def test_a_packet_that_two_pages_share_is_changed_for_one_alone(tmp_path: Path) -> None:
    data = bytearray(tiff([pixels(), pixels("L")], packets=[xmp(padding=3000), xmp(padding=3000)]))
    first, second = (at for at in range(len(data)) if data[at : at + 4] == b"\xbc\x02\x01\x00")
    data[second : second + 12] = data[first : first + 12]
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_bytes(data)
    embed(before, {1: CLAIMS}, after)
    with after.open("rb") as stream:
        made = open_container(stream)
        assert spoken(made.packets(0)) == {}
        assert ("en", ENGLISH) in spoken(made.packets(1))[CLAIMS[0].name]


def test_a_packet_without_room_is_refused_with_advice(tmp_path: Path) -> None:
    """65,502 bytes of a first packet that has to refer to an extension, and no room for the reference."""
    full = xmp(f"<dc:source>{'z' * (65502 - len(xmp()) - 23)}</dc:source>")
    head = b"http://ns.adobe.com/xap/1.0/\0"
    (tmp_path / "full.jpg").write_bytes(b"\xff\xd8" + segment(0xE1, head + full) + saved(pixels(), "JPEG")[2:])
    with pytest.raises(ImageError, match="use a sidecar"):
        embed(tmp_path / "full.jpg", {0: CLAIMS}, tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_formats_that_hold_no_texts_are_named(tmp_path: Path, kind: str) -> None:
    (tmp_path / "old").write_bytes(saved(pixels(), kind))
    with pytest.raises(ImageError, match="sidecar") as raised:
        embed(tmp_path / "old", {0: CLAIMS}, tmp_path / "made")
    assert raised.value.code == "unsupported_format"


@pytest.mark.parametrize(
    "packet",
    [
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF",
        b"no xml at all",
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + xmp()[xmp().index(b"<x:") : xmp().rindex(b"<?")],
        b"<a>" * 70 + b"</a>" * 70,
        xmp(alt("de", "a") + alt("de", "b")),
    ],
)
def test_xmp_that_can_not_be_read_is_never_replaced(tmp_path: Path, packet: bytes) -> None:
    old = jpegs()["baseline"]
    (tmp_path / "old").write_bytes(old[:2] + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet) + old[2:])
    with pytest.raises(ImageError) as raised:
        embed(tmp_path / "old", {0: CLAIMS}, tmp_path / "made")
    assert (raised.value.code, (tmp_path / "made").exists()) == ("bad_xmp", False)
