"""Proof that a picture can be decoded, in one pass that also yields its perceptual hash.

Enters: an encoded picture. Leaves: what a row says of it, or None where only libvips can tell. Nine pictures in ten
are plain JPEGs: libjpeg as Pillow ships it reads one to its end in half of the time that the way through libvips
takes, its luma alone and reduced, which is all that the hash looks at. Whatever Pillow hesitates over goes through
`mezzetin.pixels`, whose answer stands. Where this module is content, `pixels.decode` is (a test damages pictures).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Resampling
from PIL.JpegImagePlugin import JpegImageFile

from mezzetin.pixels import Preprocessing, decode, read_header
from mezzetin.pixels.likeness import FLAT

_BEGIN, _END = b"\xff\xd8\xff", b"\xff\xd9"
# Kept in the first 64 KiB, the most that one segment of a JPEG holds.
_EXIF, _HEAD = b"Exif\0\0", 1 << 16
_SIDE, _LOW = 32, 8
_SQUASHED = Preprocessing(_SIDE, _SIDE, interpolation="bilinear")
_HALF = _LOW * _LOW // 2
_LUMA = np.array([299, 587, 114], np.int64)  # ITU-R BT.601, thousandths
# Rows 1 to 8 of the orthonormal DCT-II in whole numbers: sums are exact, so that every processor finds the same bits.
_ONE = 1 << 14
_ANGLES = np.pi / _SIDE * np.outer(np.arange(1, _LOW + 1), np.arange(_SIDE) + 0.5)
_ROWS = np.rint(_ONE * np.sqrt(2 / _SIDE) * np.cos(_ANGLES)).astype(np.int64)
_FLAT_BELOW = 2.0 * _SIDE * _ONE * _ONE


@dataclass(frozen=True, slots=True)
class Proof:
    """A picture that decodes: format and size in pixels as shown, and its perceptual hash (64 bits)."""

    format: str
    width: int
    height: int
    likeness: int


def prove(data: bytes) -> Proof:
    """Decode a picture to its last row and return what it is.

    Raises:
        ImageError: `empty`, `unsupported_format`, `undecodable` or `too_many_pixels`.

    """
    quick = prove_quickly(data)
    if quick is not None:
        return quick
    header = read_header(data)
    grey = (decode(data, _SQUASHED).astype(np.int64) @ _LUMA + 500) // 1000
    return Proof(header.format, header.width, header.height, _hash(grey))


def prove_quickly(data: bytes, max_pixels: int | None = None) -> Proof | None:
    """Return the proof of a plain JPEG: whole, grey or YCbCr, of `max_pixels` at most, without EXIF; else None."""
    # EXIF may turn the picture, and Pillow warns of what it can't read in it.
    if not data.startswith(_BEGIN) or not data.endswith(_END) or data.find(_EXIF, 0, _HEAD) >= 0:
        return None
    try:
        picture = JpegImageFile(io.BytesIO(data))
        width, height = picture.size
        if picture.mode not in ("L", "RGB") or (max_pixels is not None and width * height > max_pixels):
            return None
        picture.draft("L", (_SIDE, _SIDE))
        grey = picture.convert("L").resize((_SIDE, _SIDE), Resampling.BILINEAR)
    # Pillow says SyntaxError, among others, of a header that it can't make sense of.
    except (OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, struct.error, OverflowError):
        return None
    return Proof("jpeg", width, height, _hash(np.asarray(grey, np.int64)))


def _hash(grey_HW: NDArray[np.int64]) -> int:
    """The hash of `pixels.likeness`, of 32 x 32 grey pixels."""
    low = (_ROWS @ grey_HW @ _ROWS.T).ravel()
    if float(np.sqrt(np.square(low.astype(np.float64)).sum())) < _FLAT_BELOW:
        return FLAT
    # np.median would take longer than all of the above.
    ordered = np.sort(low)
    bits = np.packbits(2 * low > ordered[_HALF - 1] + ordered[_HALF])
    return int.from_bytes(bits.tobytes(), "big")
