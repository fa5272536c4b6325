"""Likeness: a picture's perceptual hash, 64 bits that survive another size, format or JPEG quality.

Enters: an encoded picture. Leaves: a number; pictures that look the same differ in few of its bits (`hamming`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mezzetin.pixels.preprocessing import Preprocessing
from mezzetin.pixels.rendering import decode
from mezzetin.pixels.source import DEFAULT_MAX_PIXELS

#: The hash of a picture without structure (blank paper, a lens cap): its bits would be noise. No other picture
#: has it, because half of a hash's bits are set.
FLAT = 0

_SIDE, _LOW = 32, 8
_PREPROCESSING = Preprocessing(_SIDE, _SIDE, interpolation="bilinear")
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
#: Standard deviation, in grey levels of 255, of what the hash looks at. Blank paper with noise, a shadow or
#: JPEG's artefacts stays below.
_FLAT_BELOW = 2.0


def _dct_rows(side: int, count: int) -> NDArray[np.float32]:
    """Rows 1..count of the orthonormal DCT-II of `side` samples, `[count, side]`."""
    angles = np.pi / side * np.outer(np.arange(1, count + 1), np.arange(side) + 0.5)
    rows: NDArray[np.float32] = (np.sqrt(2 / side) * np.cos(angles)).astype(np.float32)
    return rows


_ROWS = _dct_rows(_SIDE, _LOW)


def perceptual_hash(image: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> int:
    """Return the 64-bit DCT hash of a picture, or `FLAT` for one without structure.

    The picture is squashed to 32 x 32 grey pixels; of its DCT-II the 8 x 8 lowest frequencies that vary in both
    directions are taken, and a bit is set where a coefficient is above their median (Zauner 2010,
    "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2.1). Turned and mirrored
    pictures have other hashes.

    Raises:
        ImageError: `empty`, `unsupported_format`, `undecodable` or `too_many_pixels`.

    """
    grey_HW = decode(image, _PREPROCESSING, max_pixels=max_pixels).astype(np.float32) @ _LUMA
    low = (_ROWS @ grey_HW @ _ROWS.T).ravel()
    # Parseval: the sum of squares of orthonormal coefficients is that of the pixels they make.
    if float(np.sqrt(low @ low)) / _SIDE < _FLAT_BELOW:
        return FLAT
    bits = np.packbits(low > np.median(low))
    return int.from_bytes(bits.tobytes(), "big")


def hamming(first: int, second: int) -> int:
    """Return in how many of their 64 bits two hashes differ."""
    return (first ^ second).bit_count()
