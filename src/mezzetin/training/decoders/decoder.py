"""What every decoder is: two walks over the same weights, and the shape of its state.

Tensor names carry their shape: B images, K captions an image, T words, P grid positions, C encoder channels,
V vocabulary; `...` is the decoder's own. `memory_B...` is what it keeps of the picture, `state_BK...` what it keeps of
the words so far.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn


class Decoder(nn.Module, ABC):
    """Made of a recipe, the number of words, and C and P of the encoder.

    `attends` says whether `step` also returns the attention over the grid; `words` are the vectors of the words that
    it reads.
    """

    attends: ClassVar[bool] = False
    words: nn.Embedding

    @property
    @abstractmethod
    def start_shape(self) -> tuple[int, ...]:
        """Shape of the state before the first word, without B and K; all zeros. An axis of length 0 grows by words."""

    @abstractmethod
    def remember(self, features_BPC: Tensor) -> Tensor:
        """Compute once a picture what every word needs of it: `memory_B...`."""

    @abstractmethod
    def forward(self, words_BKT: Tensor, memory: Tensor) -> Tensor:
        """Read whole captions (teacher forcing); the hidden state `[B, K, T, ...]` at each word, for `logits`."""

    @abstractmethod
    def logits(self, hidden: Tensor) -> Tensor:
        """Score every word of the vocabulary: `[..., D] -> [..., V]`."""

    @abstractmethod
    def step(self, token_BK: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, ...]:
        """Add one word to each of K captions an image.

        Returns the log-probabilities `[B, K, V]` of the next word, the next state, and the attention `[B, K, P]` that
        led to them where the decoder has one.
        """

    def read(self, words_BKT: Tensor, memory: Tensor, spoken_BKT: Tensor) -> tuple[Tensor, Tensor | None]:
        """What `forward` says, and the term that the decoder adds to the loss; `spoken` marks the words that count."""
        return self(words_BKT, memory), None
