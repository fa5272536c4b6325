"""How pictures look: sharp or blurred, dark or bright, plain or busy."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from mezzetin.evaluation.judged import Look
from mezzetin.evaluation.looks import look


def encoded(picture: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


def seen(picture: Image.Image, kind: str = "PNG") -> Look:
    found = look(encoded(picture, kind))
    assert found is not None
    return found


def scene(side: int = 240) -> Image.Image:
    """Coloured rectangles of many sizes on grey."""
    generator = np.random.default_rng(3)
    pixels: NDArray[np.uint8] = np.full((side, side, 3), 128, np.uint8)
    for _ in range(80):
        top, left = generator.integers(0, side - 20, size=2)
        height, width = generator.integers(4, side // 5, size=2)
        pixels[top : top + height, left : left + width] = generator.integers(0, 256, size=3)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_picture_is_plain_and_has_the_brightness_of_its_grey(level: int) -> None:
    blank = seen(Image.new("L", (64, 48), level))
    assert blank.sharpness == pytest.approx(0, abs=1e-3)
    assert blank.brightness == pytest.approx(level / 255, abs=1e-4)
    assert blank.plainness == 1


def test_blurring_takes_sharpness_away_by_degrees() -> None:
    degrees = [seen(scene().filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 1, 2, 4)]
    assert degrees == sorted(degrees, reverse=True)
    assert degrees[0] > 3 * degrees[2]


def test_darkening_takes_brightness_away() -> None:
    assert seen(ImageEnhance.Brightness(scene()).enhance(0.3)).brightness < 0.5 * seen(scene()).brightness


def test_plainness_is_the_share_of_the_picture_without_edges() -> None:
    pixels = np.full((161, 161), 90, np.uint8)
    pixels[:, 1:81:2] = 200
    assert seen(Image.fromarray(pixels)).plainness == pytest.approx(0.5, abs=0.06)


def test_noise_and_compression_are_no_edges() -> None:
    noisy = np.random.default_rng(0).normal(120, 1.5, (200, 200)).clip(0, 255).astype(np.uint8)
    assert seen(Image.fromarray(noisy), "JPEG").plainness > 0.95


def test_a_larger_picture_is_measured_at_256_pixels() -> None:
    large, larger = (seen(scene().resize((side, side), Image.Resampling.BICUBIC)) for side in (768, 1536))
    assert larger.sharpness == pytest.approx(large.sharpness, rel=0.15)
    assert larger.plainness == pytest.approx(large.plainness, abs=0.05)


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (8, 8)])
def test_the_smallest_pictures_have_a_look_too(size: tuple[int, int]) -> None:
    found = seen(Image.new("RGB", size, "white"))
    assert (found.sharpness, found.plainness) == (0, 1)
    assert found.brightness == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("broken", [b"", b"no picture", encoded(scene(), "JPEG")[:500]])
def test_what_cannot_be_decoded_has_no_look(broken: bytes) -> None:
    assert look(broken) is None
