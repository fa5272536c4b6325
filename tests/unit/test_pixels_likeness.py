"""The perceptual hash: the same picture saved otherwise stays near, another picture does not."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from mezzetin.errors import ImageError
from mezzetin.pixels.likeness import FLAT, hamming, perceptual_hash

NEAR, APART = 4, 10
Change = Callable[[Image.Image], Image.Image]


def encoded(picture: Image.Image, kind: str = "JPEG", **options: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def photographs() -> dict[str, Image.Image]:
    """Real photographs that come with scikit-image."""
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed: pip install 'mezzetin[demo]'")
    names = ("astronaut", "chelsea", "coffee", "camera")
    return {name: Image.fromarray(getattr(data, name)()).convert("RGB") for name in names}


def half(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)


def squashed(picture: Image.Image) -> Image.Image:
    return picture.resize((100, 80), Image.Resampling.BICUBIC)


def brighter(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(1.08)


def darker(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(0.8)


def grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L")


@pytest.mark.parametrize("change", [half, squashed, brighter, darker, grey])
def test_a_changed_copy_stays_near(change: Change) -> None:
    for name, picture in photographs().items():
        original, copy = (perceptual_hash(encoded(image)) for image in (picture, change(picture)))
        assert hamming(original, copy) <= NEAR, name


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 15}), ("PNG", {}), ("WEBP", {"quality": 50})])
def test_another_file_of_the_same_picture_stays_near(kind: str, options: dict[str, int]) -> None:
    for name, picture in photographs().items():
        original, copy = perceptual_hash(encoded(picture)), perceptual_hash(encoded(picture, kind, **options))
        assert hamming(original, copy) <= NEAR, name


def test_other_pictures_and_mirrored_ones_are_far() -> None:
    pictures = list(photographs().values())
    hashes = [perceptual_hash(encoded(picture)) for picture in pictures]
    hashes += [perceptual_hash(encoded(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))) for picture in pictures]
    apart = [hamming(first, second) for at, first in enumerate(hashes) for second in hashes[:at]]
    assert min(apart) >= APART


def test_a_picture_is_hashed_as_it_is_shown() -> None:
    for picture in photographs().values():
        turned, exif = picture.transpose(Image.Transpose.ROTATE_90), Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise, which undoes the above
        stream = io.BytesIO()
        turned.save(stream, "JPEG", exif=exif)
        assert hamming(perceptual_hash(stream.getvalue()), perceptual_hash(encoded(picture))) <= NEAR


def paper(noise: float, shade: float = 0.0) -> bytes:
    random = np.random.default_rng(1)
    light = 235 - shade * np.linspace(0, 1, 300)[:, None] + random.normal(0, noise, (400, 300)).T
    return encoded(Image.fromarray(light.clip(0, 255).astype(np.uint8)))


@pytest.mark.parametrize("data", [paper(0), paper(8), paper(4, shade=60)], ids=["blank", "noisy", "shaded"])
def test_a_picture_without_structure_is_flat(data: bytes) -> None:
    assert perceptual_hash(data) == FLAT


def test_a_hash_has_half_of_its_bits_set_and_fits_64() -> None:
    for picture in photographs().values():
        value = perceptual_hash(encoded(picture))
        assert value.bit_count() == 32
        assert 0 < value < 1 << 64


def test_hamming_counts_the_bits_that_differ() -> None:
    assert hamming(0b1011, 0b0010) == 2
    assert hamming(0, (1 << 64) - 1) == 64


@pytest.mark.parametrize(("data", "code"), [(b"", "empty"), (b"no picture", "unsupported_format")])
def test_what_is_no_picture_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        perceptual_hash(data)
    assert caught.value.code == code
