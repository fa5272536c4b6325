"""How probable given words are: the decoder is told each of them in turn, and says what it expected next.

Enters: a step, memories of B images, T words. Leaves: their log-probabilities. Tensor names as in `step`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mezzetin.decoding.step import FloatArray, Step
from mezzetin.vocabulary import START


def word_log_probabilities(step: Step, memory: FloatArray, start_state: FloatArray, words: Sequence[int]) -> FloatArray:
    """The natural log-probability of each word for each image, `[B, T]`, given the words before it."""
    images = len(memory)
    state = np.broadcast_to(start_state, (images, 1, *start_state.shape)).astype(np.float32)
    found = np.empty((images, len(words)), np.float32)
    for place, (said, word) in enumerate(zip([START, *words], words, strict=False)):
        logp_BKV, state = step(np.full((images, 1), said, np.int64), state, memory)
        found[:, place] = logp_BKV[:, 0, word]
    return found
