"""What a search asks of a decoder, and what it gives back: a step function, and finished hypotheses.

Tensor names carry their shape: B images, K beams an image, V words of the vocabulary; `...` is the decoder's own.
Nothing here knows ONNX or torch: a step is any function over NumPy arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Step(Protocol):
    """One word further: `token_BK, state_BK..., memory_B... -> log_probabilities_BKV, state_BK...`."""

    def __call__(self, token_BK: IntArray, state: FloatArray, memory: FloatArray, /) -> tuple[FloatArray, FloatArray]:
        """Return the natural log-probability of every next word, and the state after `token_BK`."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished word sequence: numbers without start and end, and each word's log-probability (nats).

    The last log-probability is that of ending there, so there is one more than there are words. They are the
    model's own, whatever constraint, penalty or temperature had a part in choosing the words.
    """

    words: tuple[int, ...]
    log_probabilities: tuple[float, ...]

    @property
    def log_probability(self) -> float:
        """The sum over the words and the end."""
        return float(sum(self.log_probabilities))

    def rank(self, length_penalty: float) -> float:
        """What hypotheses of different length are ordered by; higher is better."""
        return float(self.log_probability / len(self.log_probabilities) ** length_penalty)
