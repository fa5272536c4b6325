"""Pages of TIFFs: counted without decoding, decoded one by one, and other copies not mistaken for pages."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mezzetin.captioner import load_captioner
from mezzetin.errors import ImageError
from mezzetin.pixels import Page, Preprocessing, count_pages, decode, read_header, thumbnail
from mezzetin.pixels.tiff import page_directories

COLOURS = ["red", "green", "blue"]


def pages(path: Path, *, big: bool = False) -> Path:
    frames = [Image.new("RGB", (40 + 10 * n, 30), colour) for n, colour in enumerate(COLOURS)]
    frames[0].save(path, save_all=True, append_images=frames[1:], compression="tiff_lzw", big_tiff=big)
    return path


def mean(image: bytes) -> list[int]:
    return [round(value) for value in np.asarray(Image.open(io.BytesIO(image)).convert("RGB")).mean(axis=(0, 1))]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", [bytes, Path])
def test_each_page_is_counted_and_decoded(tmp_path: Path, big: bool, kind: type) -> None:
    path = pages(tmp_path / "three.tif", big=big)
    image = path if kind is Path else path.read_bytes()
    assert count_pages(image) == 3
    assert [read_header(Page(image, n)).width for n in range(3)] == [40, 50, 60]
    strongest = [int(np.argmax(mean(thumbnail(Page(image, n), 20)))) for n in range(3)]
    assert strongest == [0, 1, 2]
    assert thumbnail(Page(image, 0), 20) == thumbnail(image, 20)
    with pytest.raises(ImageError, match="no page 4: it has 3"):
        read_header(Page(image, 3))


def test_reduced_copies_of_a_page_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "pyramid.tif"
    noise = np.random.default_rng(0).integers(0, 255, (512, 512, 3), dtype=np.uint8)
    pyvips.Image.new_from_array(noise).tiffsave(str(path), pyramid=True, tile=True, tile_width=128, tile_height=128)
    with path.open("rb") as stream:
        assert page_directories(stream) == [0]
    assert count_pages(path) == 1


def test_other_formats_have_one_page(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert count_pages(tmp_path / "a.png") == 1
    assert read_header(Page(tmp_path / "a.png", 0)).format == "png"
    with pytest.raises(ImageError, match="no page 2"):
        read_header(Page(tmp_path / "a.png", 1))


def test_a_captioner_takes_a_page(tmp_path: Path) -> None:
    path = pages(tmp_path / "three.tif")
    captioner = load_captioner(beam=1)
    first, second, none = captioner.caption([path, Page(path, 1), Page(path, 9)])
    assert first.text and second.text
    assert none.error is not None and none.error.code == "undecodable"


@given(content=st.binary(max_size=400), order=st.sampled_from([b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0"]))
def test_no_bytes_make_counting_hang_or_fail(content: bytes, order: bytes) -> None:
    assert page_directories(io.BytesIO(order + content))[0] >= 0


def test_a_page_that_is_asked_for_is_the_size_that_an_encoder_wants(tmp_path: Path) -> None:
    path = pages(tmp_path / "three.tif")
    wanted = Preprocessing(height=24, width=24)
    assert decode(Page(path, 2), wanted).shape == (24, 24, 3)
