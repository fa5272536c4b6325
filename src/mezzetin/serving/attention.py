"""Attention: where the model looked before it said each word of a caption.

Enters: a decoded picture and the caption that the model gave it. Leaves: a grid a word over the part of the picture
that the model saw, and the place in words; nothing where the model has no attention or the time is up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mezzetin.captioner import BundleCaptioner
from mezzetin.decoding.step import FloatArray
from mezzetin.pixels import Preprocessing
from mezzetin.records import Caption, ItemError
from mezzetin.serving.decoders import Decoded
from mezzetin.serving.threads import Threads

_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")
_MOMENT = 0.25
_log = logging.getLogger("mezzetin.serving")


@dataclass(frozen=True, slots=True)
class Look:
    """A word as the model said it; `weights` are the shares of its attention, row by row, that sum to 1."""

    word: str
    weights: Sequence[float]
    place: str


@dataclass(frozen=True, slots=True)
class Attention:
    """Grids of `rows` by `columns` over the middle of a picture: over `width` by `height` of it, parts of 1."""

    rows: int
    columns: int
    width: float
    height: float
    words: Sequence[Look]


class Looking:
    """Looks once more, in a thread of its own, so that who does not ask for it does not wait for it."""

    def __init__(self, captioner: BundleCaptioner) -> None:
        self._captioner = captioner
        self._thread = Threads("attention", 1)

    async def look(self, picture: Decoded, caption: Caption | ItemError, deadline: float) -> Attention | None:
        """Where the model looked for each word of a caption of its own; the caption must not wait for it in vain."""
        if isinstance(caption, ItemError) or not caption.tokens or not self._captioner.attends:
            return None
        words = [token.text for token in caption.tokens]
        work = asyncio.ensure_future(self._thread.run(partial(self._captioner.attend_pixels, picture.pixels, words)))
        try:
            await asyncio.wait([work], timeout=max(0.0, deadline - time.monotonic() - _MOMENT))
            if not work.done():
                return None
            failure = work.exception()
        finally:
            work.cancel()
        if failure is not None:
            # As in the batcher: ONNX Runtime's exceptions share no base, and the caption is there.
            _log.error("looking at a picture again failed: %s", type(failure).__name__)
            return None
        looks = work.result()
        seen = seen_part(self._captioner.bundle.preprocessing, picture.width, picture.height)
        return None if looks is None else attention_of(words, looks, seen)

    def close(self) -> None:
        """End the thread, once it is idle."""
        self._thread.close()


def attention_of(words: Sequence[str], looks_TRC: FloatArray, seen: tuple[float, float]) -> Attention:
    """Grids `[T, rows, columns]` of a caption's words as a record."""
    _, rows, columns = looks_TRC.shape
    looked = tuple(
        Look(word, tuple(round(float(share), 4) for share in look.ravel()), place_of(look))
        for word, look in zip(words, looks_TRC, strict=True)
    )
    return Attention(rows, columns, *seen, looked)


def seen_part(preprocessing: Preprocessing, width: int, height: int) -> tuple[float, float]:
    """The parts of a picture's width and height, around its middle, that reach the model."""
    if preprocessing.fit == "squash":
        return 1.0, 1.0
    share = preprocessing.crop_share
    scale = max(preprocessing.width / share / width, preprocessing.height / share / height)
    return (
        round(min(1.0, preprocessing.width / (width * scale)), 4),
        round(min(1.0, preprocessing.height / (height * scale)), 4),
    )


def place_of(look_RC: FloatArray) -> str:
    """Where most of the attention is: "upper left", "centre", or "everywhere" where it prefers no place."""
    rows, columns = look_RC.shape
    total = float(look_RC.sum())
    if total <= 0 or float(look_RC.max()) < 1.5 * total / look_RC.size:
        return "everywhere"
    row = _ROWS[_third(float(look_RC.sum(1) @ (np.arange(rows) + 0.5)) / total / rows)]
    column = _COLUMNS[_third(float(look_RC.sum(0) @ (np.arange(columns) + 0.5)) / total / columns)]
    if row == "middle":
        return column
    return row if column == "centre" else f"{row} {column}"


def _third(at: float) -> int:
    # Centres of attention seldom reach the edges: the middle is narrower than a third.
    return 0 if at < 0.42 else 2 if at > 0.58 else 1
