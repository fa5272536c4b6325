"""What confidence is worth: is it as often right as it says, and does it sort good captions from bad ones?

Enters: judged pictures with their confidence and their CIDEr-D. Leaves: a `Reliability`. Pictures without a confidence
are left out. Captions of equal confidence have no order among themselves: whatever depends on an order is its mean over
all orders of the equal ones, so the order of the pictures never matters.

Letters in shapes: N pictures, G groups of equal confidence (ascending), S resamples, B bins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mezzetin.evaluation.findings import Bin, Coverage, Estimate, Reliability
from mezzetin.evaluation.judged import Material
from mezzetin.metrics.acceptability import human_median
from mezzetin.metrics.bootstrap import percentile_interval

BINS = 10
BAD = 0.1
LEAST_CERTAIN = 0.2
RESAMPLES = 1000
_STEPS = 50
_COUNTS_AT_ONCE = 2_000_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Sorted:
    """Pictures by ascending confidence, and where each group of equal confidence begins."""

    confidence_N: Floats
    acceptable_N: Floats
    bad_N: Floats
    starts_G: NDArray[np.intp]

    @classmethod
    def of(cls, confidence_N: Floats, acceptable_N: Floats, bad_N: Floats) -> _Sorted:
        order = np.argsort(confidence_N, kind="stable")
        _, starts = np.unique(confidence_N[order], return_index=True)
        return cls(confidence_N[order], acceptable_N[order], bad_N[order], starts)

    def sums(self, values_N: Floats, counts_SN: Floats) -> Floats:
        """The sum of values over each group, `[S, G]`."""
        return np.asarray(np.add.reduceat(counts_SN * values_N, self.starts_G, axis=1))


def reliability(material: Material, *, resamples: int = RESAMPLES, seed: int = 0) -> Reliability | None:
    """Measure confidence against the references; intervals are 95 % bootstrap intervals over pictures.

    The calibration error's interval is moved by what resampling adds to it: binned errors are never negative, so that
    every resample of a perfect calibration shows one.

    None where no caption has a confidence, no picture two references, or all captions are acceptable, or none.
    """
    known = np.array([picture.confidence is not None for picture in material.pictures], bool)
    bar = human_median(material.references) if known.any() else None
    if bar is None:
        return None
    confidence = np.array([p.confidence for p in material.pictures if p.confidence is not None], np.float64)
    cider = material.cider[known]
    good = ((cider >= bar) & (cider > 0)).astype(np.float64)
    if good.min() == good.max():
        return None
    pictures = _Sorted.of(confidence, good, _lowest(cider, BAD))
    drawn = np.concatenate([_measures(pictures, counts) for counts in _draws(len(good), resamples, seed)])
    share, error, auroc, lowest = _measures(pictures, np.ones((1, len(good))))[0]
    low, high = _interval(drawn[:, 1])
    bias = float(np.nanmean(drawn[:, 1])) - error
    return Reliability(
        human_median=bar,
        acceptable=Estimate(float(share), *_interval(drawn[:, 0])),
        error=Estimate(float(error), max(float(low - bias), 0.0), max(float(high - bias), 0.0)),
        auroc=Estimate(float(auroc), *_interval(drawn[:, 2])),
        lowest_fifth=Estimate(float(lowest), *_interval(drawn[:, 3])),
        bins=_bins(pictures, resamples, seed),
        coverage=_coverage(pictures),
    )


def _draws(images: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each picture is drawn, `[S, N]`, a block of resamples at a time."""
    random = np.random.default_rng(seed)
    block = max(1, _COUNTS_AT_ONCE // images)
    for start in range(0, resamples, block):
        yield random.multinomial(images, np.full(images, 1 / images), min(block, resamples - start)).astype(np.float64)


def _measures(pictures: _Sorted, counts_SN: Floats) -> Floats:
    """Share acceptable, calibration error, AUROC and the lowest fifth's share of the bad, `[S, 4]`."""
    weight_SG = pictures.sums(np.ones(counts_SN.shape[1]), counts_SN)
    good_SG = pictures.sums(pictures.acceptable_N, counts_SN)
    sure_SG = pictures.sums(pictures.confidence_N, counts_SN)
    bad_SG = pictures.sums(pictures.bad_N, counts_SN)
    edges = np.linspace(0, counts_SN.shape[1], BINS + 1)
    gaps_SB = np.diff(_up_to(edges, weight_SG, sure_SG) - _up_to(edges, weight_SG, good_SG), axis=1)
    lowest_S1 = _up_to(edges[-1:] * LEAST_CERTAIN, weight_SG, bad_SG)
    other_SG = weight_SG - good_SG
    # A pair is sorted when the acceptable one is the more certain; of equal ones one half counts.
    pairs_S = (good_SG * (np.cumsum(other_SG, 1) - other_SG / 2)).sum(1)
    with np.errstate(invalid="ignore"):
        auroc_S = pairs_S / (good_SG.sum(1) * other_SG.sum(1))
        share_S = lowest_S1[:, 0] / bad_SG.sum(1)
    error_S = np.abs(gaps_SB).sum(1) / counts_SN.shape[1]
    return np.stack([good_SG.sum(1) / counts_SN.shape[1], error_S, auroc_S, share_S], 1)


def _up_to(edges: Floats, weight_SG: Floats, values_SG: Floats) -> Floats:
    """The sum of values over the pictures up to each edge, in pictures; a group that an edge cuts gives its part."""
    reached = zip(np.cumsum(weight_SG, 1), np.cumsum(values_SG, 1), strict=True)
    return np.stack([np.interp(edges, [0, *weights], [0, *values]) for weights, values in reached])


def _lowest(values_N: Floats, share: float) -> Floats:
    """1 for each of the lowest, 0 for the others; equal values at the border have a part each."""
    wanted = share * len(values_N)
    border = np.sort(values_N)[max(int(np.ceil(wanted)) - 1, 0)]
    below, equal = values_N < border, values_N == border
    return np.asarray(below + equal * ((wanted - below.sum()) / equal.sum()), np.float64)


def _bins(pictures: _Sorted, resamples: int, seed: int) -> tuple[Bin, ...]:
    """Ten bins of as equal a size as whole pictures allow; those of equal confidence share what is acceptable."""
    counts = np.diff(pictures.starts_G, append=len(pictures.confidence_N))
    own = np.add.reduceat(pictures.acceptable_N, pictures.starts_G) / counts
    acceptable = np.repeat(own, counts)
    draws = {}
    found = []
    for places in np.array_split(np.arange(len(acceptable)), BINS):
        if not len(places):
            continue
        if len(places) not in draws:
            draws[len(places)] = np.concatenate(list(_draws(len(places), resamples, seed)))
        inside, sure = acceptable[places], pictures.confidence_N[places]
        drawn = draws[len(places)] @ inside / len(places)
        held = Estimate(float(inside.mean()), *percentile_interval(drawn))
        found.append(Bin(float(sure[0]), float(sure[-1]), len(places), float(sure.mean()), held))
    return tuple(found)


def _coverage(pictures: _Sorted) -> tuple[Coverage, ...]:
    """From all captions to the surest alone, in steps of a fiftieth or as far apart as equal confidences are."""
    total, found = len(pictures.confidence_N), []
    wanted = np.linspace(0, total, _STEPS, endpoint=False)
    for group in np.unique(np.searchsorted(pictures.starts_G, wanted, side="right") - 1):
        start = pictures.starts_G[group]
        risk = 1 - float(pictures.acceptable_N[start:].mean())
        found.append(Coverage(float(pictures.confidence_N[start]), (total - int(start)) / total, risk))
    return tuple(found)


def _interval(values: Floats) -> tuple[float, float]:
    """Without resamples in which there is nothing to measure."""
    return percentile_interval(values[np.isfinite(values)])
