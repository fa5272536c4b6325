"""Turns an opened picture into pixels: resample, bring to sRGB, fetch in strips, turn upright.

The order keeps the work small: what concerns every stored pixel is only decoding, alpha and resampling;
colour and orientation are applied to the small result.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from mezzetin.pixels.colour import is_display, prepare, stretch, to_srgb
from mezzetin.pixels.preprocessing import KERNELS, Preprocessing
from mezzetin.pixels.source import DEFAULT_MAX_PIXELS, Page, Picture, open_picture

_STRIP_BYTES = 8 << 20

# How a stored picture becomes the one shown, by EXIF orientation (Exif 2.32, tag 0x0112): whether rows and
# columns are swapped, and then which axes run backwards (rows, columns).
_ORIENTATIONS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def decode(
    image: bytes | Path | Page, preprocessing: Preprocessing, *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decode a picture to what an encoder of this preprocessing sees: uint8 `[height, width, 3]`, sRGB.

    A picture that has the wanted size already is not resampled.

    Raises:
        ImageError: `missing`, `empty`, `unsupported_format`, `undecodable` or `too_many_pixels`.

    """
    wanted_h, wanted_w = preprocessing.height, preprocessing.width
    with open_picture(image, max_pixels) as picture:
        resized_h, resized_w = wanted_h, wanted_w
        if preprocessing.fit == "crop":
            shown, share = picture.header, preprocessing.crop_share
            scale = max(wanted_h / share / shown.height, wanted_w / share / shown.width)
            resized_h = max(wanted_h, round(shown.height * scale))
            resized_w = max(wanted_w, round(shown.width * scale))
        box = _Box((resized_h - wanted_h) // 2, (resized_w - wanted_w) // 2, wanted_h, wanted_w)
        return _render(picture, resized_h, resized_w, box, KERNELS[preprocessing.interpolation])


def thumbnail(
    image: bytes | Path | Page, longest: int, *, quality: int = 85, max_pixels: int = DEFAULT_MAX_PIXELS
) -> bytes:
    """Return a small upright sRGB copy as JPEG bytes without metadata, its longest side `longest` pixels.

    A smaller picture keeps its size. `quality` is the JPEG's, 1..95.

    Raises:
        ImageError: `missing`, `empty`, `unsupported_format`, `undecodable` or `too_many_pixels`.
        ValueError: `longest` is below 1.

    """
    if longest < 1:
        raise ValueError("longest must be at least 1 pixel")
    with open_picture(image, max_pixels) as picture:
        width, height = picture.header.width, picture.header.height
        scale = min(1.0, longest / max(width, height))
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = _render(picture, height, width, _Box(0, 0, height, width), KERNELS["lanczos"])
    # Pillow writes, because libvips' writer starts threads, after which a forked process would hang.
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _render(picture: Picture, height: int, width: int, box: _Box, kernel: str) -> NDArray[np.uint8]:
    """Resample the shown picture to `height` x `width` and return the pixels of `box` of that."""
    turned, rows_backwards, columns_backwards = _ORIENTATIONS[picture.orientation]
    top = height - box.top - box.height if rows_backwards else box.top
    left = width - box.left - box.width if columns_backwards else box.left
    stored_h, stored_w = picture.header.height, picture.header.width
    stored_box = _Box(top, left, box.height, box.width)
    if turned:
        height, width, stored_h, stored_w = width, height, stored_w, stored_h
        stored_box = _Box(left, top, box.width, box.height)
    loaded = picture.load(min(stored_h / height, stored_w / width))
    image = prepare(loaded)
    # Equal sizes must come through untouched, whatever the kernel.
    if (image.height, image.width) != (height, width):
        # Other samples are read by their range, which a kernel with negative weights would overshoot.
        kernel = kernel if is_display(image) or kernel == "nearest" else "linear"
        image = image.resize(width / image.width, vscale=height / image.height, kernel=kernel)
    pixels = stretch(_fetch(to_srgb(image), stored_box, loaded))
    # The last row is asked for even where the box ends above it, so that a picture is cut short or not
    # whatever is made of it.
    pyvips.Region.new(loaded).fetch(0, loaded.height - 1, 1, 1)
    if turned:
        pixels = pixels.transpose(1, 0, 2)
    pixels = pixels[:: -1 if rows_backwards else 1, :: -1 if columns_backwards else 1]
    return np.ascontiguousarray(pixels)


def _fetch(image: Any, box: _Box, loaded: Any) -> NDArray[Any]:
    """Read a box of a lazy image from top to bottom, in strips that need about 8 MiB of `loaded`.

    A region is read in the calling thread; libvips' own writers would start others.
    """
    row_bytes = loaded.width * loaded.bands * np.dtype(_DTYPES[loaded.format]).itemsize
    rows = int(_STRIP_BYTES / row_bytes / max(1.0, loaded.height / image.height))
    rows = min(max(1, rows), box.height)
    pixels = np.empty((box.height, box.width, image.bands), _DTYPES[image.format])
    region = pyvips.Region.new(image)
    for start in range(0, box.height, rows):
        count = min(rows, box.height - start)
        strip = region.fetch(box.left, box.top + start, box.width, count)
        pixels[start : start + count] = np.frombuffer(strip, pixels.dtype).reshape(count, box.width, -1)
    return pixels


_DTYPES = {
    "uchar": np.uint8,
    "char": np.int8,
    "ushort": np.uint16,
    "short": np.int16,
    "uint": np.uint32,
    "int": np.int32,
    "float": np.float32,
    "double": np.float64,
    "complex": np.complex64,
    "dpcomplex": np.complex128,
}
