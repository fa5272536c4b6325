"""How well words fit a picture: both become vectors of one space, and their cosine tells.

The space was trained on pictures with their captions against the captions of others (contrastively; Radford et al.
2021, CLIP), here from the captioner's own features: it costs next to nothing beside captioning. It ranks what a search
found again, and finds pictures by words. Enters: gists (mean features) `[N, C]`, and numbers of words. Leaves: unit
vectors `[..., D]`. Tensor names: N pictures, C channels, V words of the vocabulary, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mezzetin.vocabulary import UNKNOWN

PREFIX = "matching."
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Matcher:
    """The trained space: `picture_CD` and `bias_D` take a gist into it, `words_VD` and `weights_V` a text.

    A text is the mean of its words' vectors, each counted by the exponential of its weight: "surfer" says more than
    "man".
    """

    picture_CD: Floats
    bias_D: Floats
    words_VD: Floats
    weights_V: Floats

    def pictures(self, gists_NC: Floats) -> Floats:
        """The unit vectors of pictures, `[N, D]`."""
        return _unit(gists_NC @ self.picture_CD + self.bias_D)

    def text(self, words: Sequence[int]) -> Floats:
        """The unit vector of a text, `[D]`; all zeros, which fit nothing, when it has no word that the model knows."""
        known = np.array([word for word in words if word > UNKNOWN], np.int64)
        if not len(known):
            return np.zeros_like(self.bias_D)
        counted = np.exp(self.weights_V[known] - self.weights_V[known].max())
        return _unit(counted @ self.words_VD[known])

    def fit(self, picture_D: Floats, texts: Sequence[Sequence[int]]) -> Floats:
        """The cosine, -1..1, of one picture with each of the texts, `[len(texts)]`."""
        if not texts:
            return np.zeros(0, np.float32)
        return np.stack([self.text(words) for words in texts]) @ picture_D

    def tensors(self) -> dict[str, Floats]:
        """The arrays, under the names that weights.safetensors holds them by."""
        named = {"picture": self.picture_CD, "bias": self.bias_D, "words": self.words_VD, "weights": self.weights_V}
        return {f"{PREFIX}{name}": array for name, array in named.items()}

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[np.generic]]) -> Matcher | None:
        """Read what `tensors` gave; None where a bundle holds none."""
        own = {name[len(PREFIX) :]: array for name, array in tensors.items() if name.startswith(PREFIX)}
        if not own:
            return None
        picture, bias, words, weights = (
            own[name].astype(np.float32) for name in ("picture", "bias", "words", "weights")
        )
        return cls(picture, bias, words, weights)


def _unit(vectors: Floats) -> Floats:
    lengths = np.sqrt(np.square(vectors).sum(-1, keepdims=True))
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
