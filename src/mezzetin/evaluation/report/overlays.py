"""Attention over a picture: where the model looked stays bright, the rest sinks into grey.

Enters: a thumbnail and a grid of numbers. Leaves: a JPEG, and the place in words for who can't see it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mezzetin.pixels import Preprocessing, decode, read_header

Grid = Sequence[Sequence[float]]
_SIDE = 160
_DARKEST = 0.3
_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")


def overlay(thumbnail: bytes, grid: Grid) -> bytes:
    """Return the picture, at most 160 pixels wide, in full light where the grid is largest, dark and grey elsewhere.

    Raises:
        ImageError: the thumbnail can't be read.

    """
    header = read_header(thumbnail)
    scale = min(1.0, _SIDE / max(header.width, header.height))
    height, width = max(1, round(header.height * scale)), max(1, round(header.width * scale))
    pixels = decode(thumbnail, Preprocessing(height, width, "squash")).astype(np.float32)
    looks = _levels(grid)
    light = Image.fromarray((255 * looks / max(float(looks.max()), 1e-9)).astype(np.uint8))
    share = np.asarray(light.resize((width, height), Image.Resampling.BICUBIC), np.float32)[..., None] / 255
    # Attention is peaked; its root shows the second place that was looked at too.
    share = np.sqrt(share)
    grey = pixels.mean(axis=2, keepdims=True)
    mixed = (share * pixels + (1 - share) * grey) * (_DARKEST + (1 - _DARKEST) * share)
    stream = io.BytesIO()
    Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def place_in_words(grid: Grid) -> str:
    """Where most of the attention lies: "upper left", "centre", "everywhere" when it prefers no place."""
    looks = _levels(grid)
    total = float(looks.sum())
    if total <= 0 or float(looks.max()) < 1.5 * total / looks.size:
        return "everywhere"
    y = float((looks.sum(1) * (np.arange(looks.shape[0]) + 0.5)).sum()) / total / looks.shape[0]
    x = float((looks.sum(0) * (np.arange(looks.shape[1]) + 0.5)).sum()) / total / looks.shape[1]
    row, column = _ROWS[_third(y)], _COLUMNS[_third(x)]
    if row == "middle":
        return column
    return row if column == "centre" else f"{row} {column}"


def _levels(grid: Grid) -> NDArray[np.float64]:
    return np.clip(np.array(grid, np.float64), 0, None)


def _third(at: float) -> int:
    # Centres of attention seldom reach the edges: the middle is narrower than a third.
    return 0 if at < 0.42 else 2 if at > 0.58 else 1
