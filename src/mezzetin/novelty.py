"""How unlike its training pictures a picture is, by where it lies in the encoder's feature space.

A Gaussian with few principal directions and one variance for all the others is fitted to the gists (mean features) of
training pictures; the distance is Mahalanobis' (probabilistic PCA, Tipping and Bishop 1999; for spotting foreign
pictures, Lee et al. 2018). Enters: gists `[N, C]`. Leaves: 0..1, where 0.5 is what one held-out picture in a hundred
exceeds. Tensor names: N pictures, C channels, R directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 64
PREFIX = "novelty."
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureSpace:
    """The fitted Gaussian: `mean_C`, whitening `directions_RC`, `rest` (variance of the remaining channels),
    and the held-out pictures' `median` distance and 99th percentile, `rare`.
    """

    mean_C: Floats
    directions_RC: Floats
    rest: float
    median: float = 0.0
    rare: float = 1.0

    def distance(self, gists_NC: Floats) -> Floats:
        """Root mean square of the standardised coordinates: about 1 for a picture like the training's."""
        centred = _tamed(gists_NC) - self.mean_C
        along = centred @ self.directions_RC.T
        # The directions are scaled to unit variance; undo that to take their share out of the length.
        scale = np.square(self.directions_RC).sum(1)
        left = np.square(centred).sum(1) - (np.square(along) / scale).sum(1)
        # What is left spreads over all the other channels, each with the same share of `rest`.
        others = max(len(self.mean_C) - len(self.directions_RC), 1)
        squares = np.square(along).sum(1) + others * np.maximum(left, 0) / self.rest
        return np.asarray(np.sqrt(squares / len(self.mean_C)), np.float32)

    def unlike(self, gists_NC: Floats) -> Floats:
        """0..1: 0 up to the median held-out picture, 0.5 at the 99th percentile, 1 at twice that excess."""
        excess = (self.distance(gists_NC) - self.median) / (self.rare - self.median)
        return np.asarray(np.clip(0.5 * excess, 0, 1), np.float32)

    def tensors(self) -> dict[str, Floats]:
        """The arrays, under the names that weights.safetensors holds them by."""
        return {f"{PREFIX}mean": self.mean_C, f"{PREFIX}directions": self.directions_RC}

    def numbers(self) -> dict[str, float]:
        """The scalars, for bundle.json."""
        return {"rest": self.rest, "median": self.median, "rare": self.rare}

    @classmethod
    def read(cls, tensors: Mapping[str, NDArray[Any]], numbers: Mapping[str, float]) -> FeatureSpace:
        """Put `tensors` and `numbers` together again."""
        mean, directions = (tensors[f"{PREFIX}{name}"].astype(np.float32) for name in ("mean", "directions"))
        return cls(mean, directions, **{key: float(value) for key, value in numbers.items()})


def fit_feature_space(training_NC: Floats, held_out_NC: Floats) -> FeatureSpace:
    """Fit to training gists, and take the scale from pictures that were held out."""
    tamed = _tamed(training_NC)
    mean = tamed.mean(0)
    _, singular, rows = np.linalg.svd(tamed - mean, full_matrices=False)
    count = min(DIRECTIONS, max(len(training_NC) - 2, 1))
    variances = np.square(singular) / max(len(training_NC) - 1, 1)
    # With few pictures or few channels nothing is left, and dividing by it would measure rounding.
    floor = 1e-6 * (1 + float(np.square(mean).sum()))
    rest = max(float(variances[count:].sum()), 0.01 * float(variances.sum()), floor)
    directions = rows[:count] / np.sqrt(np.maximum(variances[:count, None], floor))
    # Stored in half precision: measure with what will be used.
    space = FeatureSpace(_halved(mean), _halved(directions), rest)
    distances = space.distance(held_out_NC)
    median = float(np.median(distances))
    rare = max(float(np.quantile(distances, 0.99)), median * 1.1, median + 1e-6)
    return FeatureSpace(space.mean_C, space.directions_RC, rest, median, rare)


def _tamed(gists_NC: Floats) -> Floats:
    """Signed square roots: channels are far from Gaussian, their roots less so."""
    return np.asarray(np.sign(gists_NC) * np.sqrt(np.abs(gists_NC)), np.float32)


def _halved(array: NDArray[np.floating[Any]]) -> Floats:
    return array.astype(np.float16).astype(np.float32)
