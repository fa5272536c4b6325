"""Bad bytes give an ImageError of one line with the right code, and nothing on the terminal."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mezzetin.errors import ImageError
from mezzetin.pixels import FORMATS, Preprocessing, decode, read_header, thumbnail

WANTED = Preprocessing(24, 24)
CALLS: tuple[Callable[[Any], object], ...] = (
    read_header,
    lambda image: decode(image, WANTED),
    lambda image: thumbnail(image, 24),
)


def picture() -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 256, (120, 90, 3)).astype(np.uint8)
    return Image.fromarray(noise)


def encoded(name: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture().save(stream, name, **options)
    return stream.getvalue()


VALID = {
    "jpeg": encoded("JPEG"),
    "jpeg progressive": encoded("JPEG", progressive=True),
    "png": encoded("PNG"),
    "webp": encoded("WEBP"),
    "webp lossless": encoded("WEBP", lossless=True),
    "gif": encoded("GIF"),
    "tiff": encoded("TIFF"),
    "tiff lzw": encoded("TIFF", compression="tiff_lzw"),
    "tiff deflate": encoded("TIFF", compression="tiff_adobe_deflate"),
    "tiff jpeg": encoded("TIFF", compression="jpeg"),
    "bmp": encoded("BMP"),
}


def refusal(call: Callable[[Any], object], image: bytes | Path) -> ImageError:
    with pytest.raises(ImageError) as caught:
        call(image)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400
    return caught.value


UNSUPPORTED = {
    b"Dear curator, please find the picture\nenclosed.": "text ('Dear curator, pl')",
    "Höhe über alles, in Worten: ääääää".encode(): "text ('Höhe über alles,')",
    ("a" + "ä" * 300).encode(): "text ('aäääääääääääääää')",
    b"BMW is a maker of cars, not a bitmap": "text ('BMW is a maker o')",
    b"<svg xmlns='http://www.w3.org/2000/svg'/>": "an SVG drawing",
    b"<?xml version='1.0'?>\n<!-- x -->\n<svg/>": "an SVG drawing",
    b"<?xml version='1.0'?><rss/>": "an XML document",
    b"\n<!DOCTYPE html><title>404</title>": "an HTML page",
    b"%PDF-1.7\n": "a PDF document",
    b"\0\0\0\x18ftypheic\0\0\0\0": "a HEIF picture",
    b"\0\0\0\x1cftypavif\0\0\0\0": "an AVIF picture",
    b"\0\0\0\x18ftypmp42\0\0\0\0": "a video",
    b"8BPS\0\x01": "a Photoshop file",
    b"RIFF\x10\0\0\0WAVEfmt ": "a RIFF file that is no WebP",
    b"II*\0\x10\0\0\0CR\x02\0": "a camera's raw file",
    b"\x01\x02\x1b[31m\xff": "first bytes 01 02 1b 5b 33 31 6d ff",
    b"\0": "first bytes 00",
}


@pytest.mark.parametrize("data", UNSUPPORTED)
def test_what_is_no_picture_is_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)
    for call in CALLS:
        for image in (data, path):
            error = refusal(call, image)
            assert error.code == "unsupported_format"
            assert UNSUPPORTED[data] in str(error) and ", ".join(FORMATS) in str(error)


def test_no_bytes_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    for call in CALLS:
        assert refusal(call, b"").code == refusal(call, path).code == "empty"


def test_what_is_no_file_is_missing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    names = ("absent\n\x1b[31m.jpg", "nul\0.jpg", "pipe", ".", "\udcff.jpg")
    for call in CALLS:
        for name in names:
            assert refusal(call, tmp_path / name).code == "missing"


def test_a_name_that_is_no_utf8_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    path.write_bytes(VALID["png"])
    assert read_header(path).width == 90
    path.write_bytes(VALID["png"][:300])
    assert refusal(CALLS[1], path).code == "undecodable"


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_picture_cut_short_is_undecodable(name: str, share: float, tmp_path: Path, capfd: Any) -> None:
    cut = VALID[name][: int(len(VALID[name]) * share)]
    path = tmp_path / "cut"
    path.write_bytes(cut)
    tall_crop = Preprocessing(8, 64, "crop")  # of which the last row is far above the picture's
    for call in (*CALLS[1:], lambda image: decode(image, tall_crop)):
        for image in (cut, path):
            error = refusal(call, image)
            assert error.code == "undecodable" and str(tmp_path) not in str(error)
    assert capfd.readouterr() == ("", "")


def test_the_reason_is_this_pictures_own() -> None:
    noisy = VALID["jpeg"][:20] + bytes(33) + VALID["jpeg"][20:]  # decodes, but not without a murmur
    for name in ("tiff lzw", "webp", "gif", "png", "jpeg"):
        decode(noisy, WANTED)
        assert "extraneous" not in str(refusal(CALLS[1], VALID[name][:800]))


def check_survives(data: bytes, capfd: Any) -> None:
    for call in CALLS:
        try:
            call(data)
        except ImageError as error:
            assert str(error).isprintable()
    assert capfd.readouterr() == ("", "")


fuzzing = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_STARTS = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"RIFF\0\0\0\0WEBPVP8L")


@fuzzing
@given(start=st.sampled_from(_STARTS), rest=st.binary(max_size=400))
def test_random_bytes_never_escape(start: bytes, rest: bytes, capfd: Any) -> None:
    check_survives(start + rest, capfd)


@fuzzing
@given(
    size=st.sampled_from([12, 40, 56, 64, 108, 124]),
    fields=st.binary(min_size=32, max_size=32),
    bits=st.sampled_from([1, 4, 8, 16, 24, 32]),
    compression=st.integers(0, 6),
    rest=st.binary(max_size=300),
)
def test_random_bitmaps_never_escape(
    size: int, fields: bytes, bits: int, compression: int, rest: bytes, capfd: Any
) -> None:
    geometry = struct.pack("<iiHHI", fields[0] % 40, fields[1] % 40 - 8, 1, bits, compression)
    check_survives(b"BM" + fields[:12] + struct.pack("<I", size) + geometry + fields[12:] + rest, capfd)


@settings(fuzzing, max_examples=400)
@given(
    name=st.sampled_from(sorted(VALID)),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=12),
    in_header=st.booleans(),
    keep=st.floats(0.02, 1),
)
def test_flipped_bits_never_escape(
    name: str, flips: list[tuple[float, int]], in_header: bool, keep: float, capfd: Any
) -> None:
    data = bytearray(VALID[name][: max(20, int(len(VALID[name]) * keep))])
    reach = min(len(data), 300) if in_header else len(data)
    for place, bit in flips:
        data[int(place * reach)] ^= 1 << bit
    check_survives(bytes(data), capfd)


def test_warnings_reach_no_terminal_even_with_logging_on() -> None:
    script = (
        "import logging, sys; logging.basicConfig(level=logging.WARNING)\n"
        "from mezzetin.pixels import Preprocessing, decode\n"
        "logging.getLogger('pyvips').addHandler(logging.StreamHandler(sys.stdout))\n"
        "decode(sys.stdin.buffer.read(), Preprocessing(9, 9))"
    )
    noisy = bytearray(VALID["tiff jpeg"])
    noisy[len(noisy) // 2 : len(noisy) // 2 + 20] = bytes(20)
    done = subprocess.run([sys.executable, "-c", script], input=noisy, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Corrupt JPEG data" in done.stdout  # who asks for the warnings gets them


def test_loaders_outside_the_list_are_blocked() -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
    for loader in ("svgload_buffer", "uhdrload_buffer"):
        with pytest.raises(pyvips.Error, match="blocked"):
            pyvips.Operation.call(loader, svg)
    with pytest.raises(pyvips.Error, match="not in a known format"):
        pyvips.Image.new_from_buffer(svg, "")
