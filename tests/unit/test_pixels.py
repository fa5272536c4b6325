"""Every format and mode comes out as a viewer shows it, at the size that was asked for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageCms

from mezzetin import pixels
from mezzetin.pixels import Preprocessing, decode, read_header, thumbnail

HEIGHT, WIDTH = 64, 96
SAME_SIZE = Preprocessing(HEIGHT, WIDTH)
FLICKR8K = Path(__file__).parents[3] / "shared/data/flickr8k/Images"


def gradient(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Smooth, and different under every turn and flip: red grows to the right, green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 40 + 180 * x / width, 30 + 200 * y / height
    return np.stack([red, green, 90 + 60 * (x * y) / (width * height)], axis=2).astype(np.uint8)


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


def vips_image(array: NDArray[Any], interpretation: str) -> Any:
    array = np.ascontiguousarray(array)
    names = {"uint8": "uchar", "uint16": "ushort", "float32": "float", "int16": "short"}
    height, width, bands = array.shape
    image = pyvips.Image.new_from_memory(array.tobytes(), width, height, bands, names[array.dtype.name])
    return image.copy(interpretation=interpretation)


RGB = Image.fromarray(gradient())
GREY = RGB.convert("L")
PALETTE = RGB.quantize(64, dither=Image.Dither.NONE)
BITS = GREY.point(lambda value: 255 * (value > 110)).convert("1")


def rgb(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.convert("RGB"))


MODES: dict[str, tuple[bytes, Image.Image, int]] = {
    "jpeg RGB": (saved(RGB, "JPEG", quality=95), RGB, 8),
    "jpeg progressive": (saved(RGB, "JPEG", quality=95, progressive=True), RGB, 8),
    "jpeg grey": (saved(GREY, "JPEG", quality=95), GREY, 4),
    "png RGB": (saved(RGB, "PNG"), RGB, 0),
    "png grey": (saved(GREY, "PNG"), GREY, 0),
    "png palette": (saved(PALETTE, "PNG"), PALETTE, 0),
    "png 1 bit": (saved(BITS, "PNG"), BITS, 0),
    "png interlaced": (vips_image(gradient(), "srgb").pngsave_buffer(interlace=True), RGB, 0),
    "png 16-bit grey": (saved(Image.fromarray(np.asarray(GREY, np.uint16) * 257), "PNG"), GREY, 0),
    "png 16-bit RGB": (
        vips_image(gradient().astype(np.uint16) * 257, "rgb16").pngsave_buffer(bitdepth=16),
        RGB,
        0,
    ),
    "webp lossless": (saved(RGB, "WEBP", lossless=True), RGB, 0),
    "webp lossy": (saved(RGB, "WEBP", quality=95), RGB, 12),
    "gif": (saved(PALETTE, "GIF"), PALETTE, 0),
    "tiff RGB": (saved(RGB, "TIFF"), RGB, 0),
    "tiff LZW": (saved(RGB, "TIFF", compression="tiff_lzw"), RGB, 0),
    "tiff deflate": (saved(RGB, "TIFF", compression="tiff_adobe_deflate"), RGB, 0),
    "tiff JPEG": (saved(RGB, "TIFF", compression="jpeg", quality=95), RGB, 8),
    "tiff tiled": (
        vips_image(gradient(), "srgb").tiffsave_buffer(tile=True, tile_width=32, tile_height=32),
        RGB,
        0,
    ),
    "tiff BigTIFF": (vips_image(gradient(), "srgb").tiffsave_buffer(bigtiff=True), RGB, 0),
    "tiff grey": (saved(GREY, "TIFF"), GREY, 0),
    "tiff palette": (saved(PALETTE, "TIFF"), PALETTE, 0),
    "tiff 1 bit": (saved(BITS, "TIFF"), BITS, 0),
    "tiff fax": (saved(BITS, "TIFF", compression="group4"), BITS, 0),
    "tiff 16-bit grey": (saved(Image.fromarray(np.asarray(GREY, np.uint16) * 257), "TIFF"), GREY, 0),
    "tiff 16-bit RGB": (
        vips_image(gradient().astype(np.uint16) * 257, "rgb16").tiffsave_buffer(),
        RGB,
        0,
    ),
    "tiff float 0..1": (saved(Image.fromarray(np.asarray(GREY, np.float32) / 255), "TIFF"), GREY, 0),
    "tiff float 0..255": (saved(Image.fromarray(np.asarray(GREY, np.float32)), "TIFF"), GREY, 0),
    "tiff float RGB": (
        vips_image(gradient().astype(np.float32) / 255, "scrgb").tiffsave_buffer(),
        RGB,
        0,
    ),
    "tiff 32-bit": (saved(Image.fromarray(np.asarray(GREY, np.int32)), "TIFF"), GREY, 0),
    "tiff Lab": (vips_image(gradient(), "srgb").colourspace("lab").tiffsave_buffer(), RGB, 4),
    "bmp RGB": (saved(RGB, "BMP"), RGB, 0),
    "bmp grey": (saved(GREY, "BMP"), GREY, 0),
    "bmp palette": (saved(PALETTE, "BMP"), PALETTE, 0),
    "bmp 1 bit": (saved(BITS, "BMP"), BITS, 0),
}


@pytest.mark.parametrize("name", MODES)
def test_every_format_and_mode_keeps_its_pixels(name: str, tmp_path: Path) -> None:
    encoded, expected, tolerance = MODES[name]
    result = decode(encoded, SAME_SIZE)
    assert result.dtype == np.uint8 and result.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(result.astype(int) - rgb(expected)).max() <= tolerance
    assert read_header(encoded) == pixels.ImageHeader(name.split()[0], WIDTH, HEIGHT)
    path = tmp_path / "picture[page=7].dat"  # neither a suffix nor libvips' options in a name are believed
    path.write_bytes(encoded)
    assert read_header(path) == read_header(encoded)
    small = Preprocessing(16, 16, "crop", "bilinear", 0.875)
    assert np.array_equal(decode(path, small), decode(encoded, small))
    assert thumbnail(path, 32) == thumbnail(encoded, 32)


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "GIF"])
def test_transparency_is_shown_over_white(name: str) -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[:, WIDTH // 2 :] = 255
    picture = RGB.copy()
    picture.putalpha(Image.fromarray(alpha))
    result = decode(saved(picture, name, **({"lossless": True} if name == "WEBP" else {})), SAME_SIZE)
    assert (result[:, : WIDTH // 2] == 255).all()
    difference = np.abs(result[:, WIDTH // 2 :].astype(int) - gradient()[:, WIDTH // 2 :])
    assert difference.max() <= (25 if name == "GIF" else 0)


def test_half_transparency_palette_and_grey_alpha() -> None:
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert set(decode(saved(half, "PNG"), Preprocessing(8, 8)).flat) == {127}
    grey = Image.new("LA", (8, 8), (200, 0))
    assert set(decode(saved(grey, "PNG"), Preprocessing(8, 8)).flat) == {255}
    wide = vips_image(np.full((8, 8, 4), (0, 0, 0, 32768), np.uint16), "rgb16")
    assert set(decode(wide.pngsave_buffer(bitdepth=16), Preprocessing(8, 8)).flat) <= {127, 128}
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert tuple(decode(saved(palette, "PNG"), Preprocessing(8, 8))[0, 0]) == (40, 50, 60)
    assert set(decode(saved(palette, "PNG", transparency=1), Preprocessing(8, 8)).flat) == {255}


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_becomes_the_colours_it_prints(name: str) -> None:
    inks = {(0, 0, 0, 0): (255, 255, 255), (0, 0, 0, 255): (35, 31, 32), (0, 255, 255, 0): (237, 28, 36)}
    for ink, colour in inks.items():  # what a print on coated paper looks like, not 255 minus ink
        shown = decode(saved(Image.new("CMYK", (16, 16), ink), name), Preprocessing(16, 16))[8, 8]
        assert np.abs(shown.astype(int) - colour).max() < 25, (ink, shown)


def test_an_embedded_profile_is_brought_to_srgb_and_a_broken_one_ignored() -> None:
    wide = vips_image(gradient(), "srgb").icc_transform("p3", input_profile="srgb")
    assert np.abs(wide.numpy().astype(int) - gradient()).max() > 10
    assert np.abs(decode(wide.pngsave_buffer(), SAME_SIZE).astype(int) - gradient()).max() <= 3
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (own, b"no profile at all", own[:200]):
        shown = decode(saved(RGB, "PNG", icc_profile=profile), SAME_SIZE)
        assert np.abs(shown.astype(int) - gradient()).max() <= 1
    assert np.abs(decode(saved(GREY, "PNG", icc_profile=own), SAME_SIZE).astype(int) - rgb(GREY)).max() <= 1


def test_samples_without_a_display_range_are_stretched() -> None:
    heights = np.linspace(-300, 4500, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    heights[3, 5], heights[40, 7] = np.nan, np.inf
    shown = decode(saved(Image.fromarray(heights), "TIFF"), SAME_SIZE)
    assert shown[0, 0, 0] == 0 and shown[-1, -1, 0] == 255
    assert shown[32, 0, 0] == pytest.approx(128, abs=1)
    signed = vips_image(np.array([[[-100], [0], [100]]], np.int16), "b-w").tiffsave_buffer()
    assert list(decode(signed, Preprocessing(1, 3))[0, :, 0]) == [0, 127, 255]
    # A kernel with negative weights would carry these past their ends, and so into another range.
    steps = np.repeat([[0.0, 0.5] * 8], 32, axis=0).repeat(4, axis=1).astype(np.float32)
    resized = decode(saved(Image.fromarray(steps), "TIFF"), Preprocessing(20, 30))
    assert resized.min() < 5 and 120 < resized.max() <= 128
    five = vips_image(np.dstack([gradient(), gradient()]), "multiband").tiffsave_buffer()
    assert np.array_equal(decode(five, SAME_SIZE), gradient())


@pytest.mark.parametrize("name", ["GIF", "WEBP", "TIFF"])
def test_the_first_frame_or_page_is_shown(name: str) -> None:
    first, second = Image.new("RGB", (20, 10), (200, 0, 0)), Image.new("RGB", (20, 10), (0, 0, 200))
    options = {"lossless": True} if name == "WEBP" else {}
    encoded = saved(first, name, save_all=True, append_images=[second, second], **options)
    assert read_header(encoded).height == 10
    assert tuple(decode(encoded, Preprocessing(10, 20))[5, 5]) == (200, 0, 0)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


_BEST: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
}


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", _TURNS)
def test_every_exif_orientation_shows_the_same_picture(name: str, orientation: int) -> None:
    upright = Image.fromarray(gradient(403, 301))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = _BEST.get(name, {})
    turned = saved(upright.transpose(_TURNS[orientation]), name, exif=exif, **options)
    plain = saved(upright, name, **options)
    assert (read_header(turned).width, read_header(turned).height) == (301, 403)
    same_size = Preprocessing(403, 301)
    assert np.abs(decode(turned, same_size).astype(int) - decode(plain, same_size)).max() <= 6
    for wanted in (Preprocessing(56, 40), Preprocessing(37, 64, "crop", "lanczos", 0.9)):
        difference = np.abs(decode(turned, wanted).astype(int) - decode(plain, wanted))
        assert difference.max() <= 5 and difference.mean() < 1
    small = Image.open(io.BytesIO(thumbnail(turned, 100)))
    assert small.size == (75, 100) and not small.getexif()


@pytest.mark.parametrize("orientation", _TURNS)
@pytest.mark.parametrize("size", [(64, 97), (97, 64)])
def test_every_orientation_is_cropped_at_the_same_pixel(orientation: int, size: tuple[int, int]) -> None:
    upright = Image.fromarray(gradient(*size))
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = saved(upright.transpose(_TURNS[orientation]), "PNG", exif=exif)
    centre = Preprocessing(64, 64, "crop")
    assert np.array_equal(decode(turned, centre), decode(saved(upright, "PNG"), centre))
