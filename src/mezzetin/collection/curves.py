"""The arithmetic of calibrating: weights, a logistic curve over log-odds, and how far confidence is off.

Letters in shapes: N decisions, B bins.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BANDS = 10
RESAMPLES = 500
_MOST = 10.0
_FOLDS = 10


class Fit(NamedTuple):
    """The curve: the log-odds of now are `offset` + `slope` x those of before; the slope is never negative."""

    offset: float
    slope: float

    def __call__(self, odds_N: Floats) -> Floats:
        """The probability, 0..1, at log-odds of before."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.offset + self.slope * odds_N, -30, 30))))


def odds(said_N: Floats, doubt_N: Floats) -> Floats:
    """The log-odds behind stored confidences, without what was taken away for strange pictures (`doubt`, 0..1)."""
    bare_N = np.clip(said_N / np.maximum(doubt_N, 1e-3), 1e-3, 1 - 1e-3)
    return np.asarray(np.log(bare_N / (1 - bare_N)))


def weights_of(said_N: Floats, all_M: Floats) -> Floats:
    """How many texts of the collection each decision stands for, by bands of confidence, tenfold at most; mean 1."""
    edges = np.unique(np.quantile(all_M, np.linspace(0, 1, BANDS + 1)[1:-1])) if len(all_M) else np.zeros(0)
    band_N, band_M = np.searchsorted(edges, said_N, "right"), np.searchsorted(edges, all_M, "right")
    counts = np.bincount(band_N, minlength=len(edges) + 1)
    there = np.bincount(band_M, minlength=len(edges) + 1)
    share_N = there[band_N] / max(len(all_M), 1) / (counts[band_N] / len(said_N))
    capped_N = np.minimum(np.maximum(share_N, 1 / _MOST), _MOST)
    return np.asarray(capped_N / capped_N.mean())


def fit_curve(odds_N: Floats, labels_N: Floats, weights_N: Floats) -> Fit:
    """Fit offset and slope by Newton's method; as much doubt as one decision has keeps the slope near 1."""
    design_N2 = np.stack([np.ones_like(odds_N), odds_N], 1)
    found, usual, penalty = np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.diag([1e-3, 1.0])
    for _ in range(100):
        share_N = 1 / (1 + np.exp(-np.clip(design_N2 @ found, -30, 30)))
        slope = design_N2.T @ (weights_N * (labels_N - share_N)) - penalty @ (found - usual)
        bend = (design_N2.T * (weights_N * share_N * (1 - share_N))) @ design_N2 + penalty
        change = np.clip(np.linalg.solve(bend, slope), -1, 1)
        found = found + change
        if np.abs(change).max() < 1e-10:
            break
    if found[1] < 0:
        # Upside down it would be noise: the same confidence for all.
        share = float(np.clip(np.average(labels_N, weights=weights_N), 1e-3, 1 - 1e-3))
        return Fit(float(np.log(share / (1 - share))), 0.0)
    return Fit(float(found[0]), float(found[1]))


def out_of_fold(odds_N: Floats, labels_N: Floats, weights_N: Floats) -> Floats:
    """What a curve that was fitted to the other nine tenths says of each decision."""
    fold_N = np.arange(len(odds_N)) % _FOLDS
    said_N = np.empty_like(odds_N)
    for fold in range(_FOLDS):
        out = fold_N == fold
        said_N[out] = fit_curve(odds_N[~out], labels_N[~out], weights_N[~out])(odds_N[out])
    return said_N


def expected_error(
    said_N: Floats, labels_N: Floats, weights_N: Floats, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """The expected calibration error over ten bins of equal size, and its interval of 95 % (bootstrap)."""
    random = np.random.default_rng(0)
    drawn = [
        _error(*(each[picked] for each in (said_N, labels_N, weights_N)))
        for picked in (random.integers(len(said_N), size=len(said_N)) for _ in range(resamples))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    found: tuple[Any, ...] = (_error(said_N, labels_N, weights_N), low, high)
    return round(float(found[0]), 4), round(float(low), 4), round(float(high), 4)


def _error(said_N: Floats, labels_N: Floats, weights_N: Floats) -> float:
    order = np.argsort(said_N, kind="stable")
    total = 0.0
    for part in np.array_split(order, BANDS):
        if len(part):
            weight = weights_N[part]
            total += abs(float((weight * (said_N[part] - labels_N[part])).sum()))
    return total / float(weights_N.sum())
