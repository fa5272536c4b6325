"""How open the choice of each word was: a decoder's step that is watched while a search runs over it.

Enters: a step with the memory and the start state of its images. Leaves: a step for any search of this package, and
after the search, for each word sequence that it went through, the entropy of every next word. The search sees the
number of an image in place of its memory and the number of a row in place of its state; what belongs to them stays
here, so that a word is known by the image and by all the words before it.

Tensor names carry their shape: B images, K beams an image, R rows of the last call, V words, F the
most frequent of them; `...` is the decoder's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mezzetin.decoding.step import FloatArray, IntArray, Step

FREQUENT = 1000
"""So many of the most frequent words are told apart; all others are one. It costs a third and predicts as well."""


class WatchedStep:
    """A step that remembers what was open to it; hand `images` and `start` to the search as memory and start state."""

    def __init__(self, step: Step, memory: FloatArray, start_state: FloatArray) -> None:
        self.images: FloatArray = np.arange(len(memory), dtype=np.float64)
        self.start: FloatArray = np.zeros((), np.float32)
        self._step = step
        self._memory = memory
        self._asked: tuple[NDArray[np.intp], FloatArray] = np.arange(len(memory)), memory
        self._start_state = start_state
        self._state_R: FloatArray | None = None
        self._words_R: list[tuple[int, ...]] = []
        self._entropies: dict[tuple[int, tuple[int, ...]], float] = {}

    def __call__(self, token_BK: IntArray, row_BK: FloatArray, image_B: FloatArray, /) -> tuple[FloatArray, FloatArray]:
        """See `Step`; a state is the number of the row that it lies in."""
        shape, images_B = token_BK.shape, image_B.astype(np.intp)
        if self._state_R is None:
            state = np.broadcast_to(self._start_state, (*shape, *self._start_state.shape)).astype(np.float32)
            # What a search says first is the start, which is no word.
            said: list[tuple[int, ...]] = [()] * token_BK.size
        else:
            rows = row_BK.astype(np.intp)
            state = self._state_R[rows]
            before = [self._words_R[row] for row in rows.ravel().tolist()]
            said = [(*words, token) for words, token in zip(before, token_BK.ravel().tolist(), strict=True)]
        logp_BKV, grown = self._step(token_BK, state, self._memory_of(images_B))
        self._state_R, self._words_R = grown.reshape(token_BK.size, *grown.shape[2:]), said
        owners = np.repeat(images_B, shape[1]).tolist()
        self._entropies |= zip(zip(owners, said, strict=True), entropies(logp_BKV).ravel().tolist(), strict=True)
        return logp_BKV, np.arange(token_BK.size, dtype=np.float64).reshape(shape)

    def openness(self, image: int, words: Sequence[int]) -> list[float]:
        """The entropy (nats) of each word of a sequence that was found for an image, and of its end."""
        return [self._entropies[image, tuple(words[:place])] for place in range(len(words) + 1)]

    def _memory_of(self, images_B: NDArray[np.intp]) -> FloatArray:
        """What the encoder said of these images; copied only when they are others than in the call before."""
        if not np.array_equal(images_B, self._asked[0]):
            self._asked = images_B, self._memory[images_B]
        return self._asked[1]


def entropies(logp_BKV: FloatArray) -> FloatArray:
    """The entropy (nats) of each distribution, `[B, K]`, all but the most frequent words counted as one."""
    told_BKF = logp_BKV[..., :FREQUENT]
    shares_BKF = np.exp(told_BKF)
    rest_BK = np.clip(1 - shares_BKF.sum(-1), 1e-9, 1)
    # A word that is impossible adds nothing: 0 times -inf is nothing here, and no NaN.
    lost_BK = np.einsum("...f,...f->...", shares_BKF, np.maximum(told_BKF, -1e4))
    return np.asarray(-lost_BK - rest_BK * np.log(rest_BK))
