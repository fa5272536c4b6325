"""Bootstrap: how far a score would move had other images been drawn (Efron 1979; Koehn, EMNLP 2004).

Enters: additive statistics per image. Leaves: their sums over resampled sets of images, intervals, and how likely a
difference is chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mezzetin.errors import InputError
from mezzetin.metrics.corpus import Floats

_COUNTS_AT_ONCE = 4_000_000


def resampled_sums(statistics: Floats, *, resamples: int, seed: int) -> Floats:
    """Sum the statistics over `resamples` sets of images drawn with replacement, each as large as the whole.

    Shapes: (images, statistics) gives (resamples, statistics). The same seed and number of images draw the
    same sets, so two metrics, or two captioners on the same images, are resampled alike.

    Raises:
        InputError: `resamples` is below 1.

    """
    if resamples < 1:
        raise InputError(f"the number of resamples is {resamples}: it must be at least 1")
    images = len(statistics)
    generator = np.random.default_rng(seed)
    sums = np.empty((resamples, statistics.shape[1]))
    step = max(1, _COUNTS_AT_ONCE // images)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = generator.integers(images, size=(rows, images)) + images * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * images).reshape(rows, images)
        sums[start : start + rows] = counts @ statistics
    return sums


def percentile_interval(values: Floats) -> tuple[float, float]:
    """Return the percentile interval of 95 % (2.5 and 97.5) of resampled values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def sign_p(differences: Floats, than: float = 0.0) -> float:
    """The two-sided p-value of a difference, from its paired resamples (Koehn, EMNLP 2004), 0..1.

    Twice the share of resamples on the other side of `than`; never 0, since another resample might lie there (Davison
    and Hinkley 1997).
    """
    below = int((differences <= than).sum())
    above = int((differences >= than).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for being several, in the same order (Holm, Scandinavian Journal of Statistics 1979)."""
    corrected, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = largest
    return corrected
