"""How a picture looks: its sharpness, brightness and plainness, measured without understanding it.

Enters: an encoded picture. Leaves: a `Look`, or None for a picture that can't be decoded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mezzetin.errors import ImageError
from mezzetin.evaluation.judged import Look
from mezzetin.pixels import Preprocessing, decode, read_header

_WIDEST = 256
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_BLOCK = 8
#: Mean difference of neighbouring grey levels (of 255) below which a block has hardly an edge; noise and JPEG's
#: artefacts stay below it.
_PLAIN_BELOW = 2.5


def look(image: bytes) -> Look | None:
    """Measure a picture, squashed to 256 pixels a side where it is larger; None where it can't be decoded."""
    try:
        header = read_header(image)
        shape = Preprocessing(min(header.height, _WIDEST), min(header.width, _WIDEST), interpolation="bilinear")
        grey_HW = decode(image, shape).astype(np.float32) @ _LUMA
    except ImageError:
        return None
    return Look(_sharpness(grey_HW), float(grey_HW.mean()) / 255, _plainness(grey_HW))


def _sharpness(grey_HW: NDArray[np.float32]) -> float:
    """Standard deviation of the Laplacian; 0 for a picture too small to have one."""
    if min(grey_HW.shape) < 3:
        return 0.0
    laplacian = grey_HW[:-2, 1:-1] + grey_HW[2:, 1:-1] + grey_HW[1:-1, :-2] + grey_HW[1:-1, 2:]
    laplacian -= 4 * grey_HW[1:-1, 1:-1]
    return float(laplacian.std())


def _plainness(grey_HW: NDArray[np.float32]) -> float:
    """Share of blocks of 8 x 8 pixels without an edge; what is left over at the right and at the bottom is ignored."""
    if min(grey_HW.shape) <= _BLOCK:
        return 1.0 if float(np.ptp(grey_HW)) < _PLAIN_BELOW else 0.0
    rows, columns = ((side - 1) // _BLOCK for side in grey_HW.shape)
    edges = np.abs(np.diff(grey_HW, axis=0))[: rows * _BLOCK, : columns * _BLOCK]
    edges = edges + np.abs(np.diff(grey_HW, axis=1))[: rows * _BLOCK, : columns * _BLOCK]
    blocks = edges.reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3)) / 2
    return float((blocks < _PLAIN_BELOW).mean())
