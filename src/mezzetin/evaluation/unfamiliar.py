"""What the warning of unlike pictures is worth: does it tell foreign pictures, and do captions get worse as it rises?

Enters: a captioner and judged pictures with their `unlike_training`. Leaves: an `Unfamiliar`. The foreign pictures are
drawn here, so that the same are asked about everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from mezzetin.captioner import BundleCaptioner
from mezzetin.contactsheet import UNLIKE_TRAINING
from mezzetin.evaluation.findings import Band, Estimate, Foreign, Unfamiliar
from mezzetin.evaluation.foreign import KINDS, foreign_pictures
from mezzetin.evaluation.judged import Material
from mezzetin.metrics.bootstrap import percentile_interval, resampled_sums
from mezzetin.worker import BATCH

Floats = NDArray[np.float64]
Weights = Floats | NDArray[np.int64]
DRAWN = 40
"""Foreign pictures of each kind."""
EDGES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Between the bands above 0; the lowest band is 0 itself, where every second usual picture lies."""
_RESAMPLES = 1000


def unfamiliar(captioner: BundleCaptioner, material: Material, *, count: int = DRAWN) -> Unfamiliar | None:
    """Measure the warning on `count` foreign pictures a kind; None where no judged picture carries a warning.

    The area under the ROC curve is the chance that a foreign picture has a higher `unlike_training` than one of the
    split, ties counted as half; its interval is a bootstrap over both (1,000 resamples, seed 0).
    """
    carried = [i for i, picture in enumerate(material.pictures) if picture.unlike_training is not None]
    own = np.array([material.pictures[i].unlike_training for i in carried], np.float64)
    if not carried:
        return None
    foreign = []
    for name, kind in KINDS.items():
        theirs = unlike_training(captioner, foreign_pictures(kind, count))
        warned = float((theirs >= UNLIKE_TRAINING).mean())
        foreign.append(Foreign(name, kind.title, len(theirs), auroc(own, theirs), warned))
    return Unfamiliar(tuple(foreign), bands(own, material.cider[carried]))


def unlike_training(captioner: BundleCaptioner, pictures: Iterable[bytes]) -> Floats:
    """The `unlike_training` of encoded pictures, in their order; one that can't be read is left out."""
    source, found = iter(pictures), []
    while batch := list(islice(source, BATCH)):
        decoded = [pixels for pixels in map(captioner.pixels, batch) if isinstance(pixels, np.ndarray)]
        if decoded:
            found.extend(captioner.unlike(np.stack(decoded)).tolist())
    return np.array(found, np.float64)


def auroc(usual: Floats, foreign: Floats) -> Estimate:
    """How often a foreign picture's number is higher than a usual one's, ties counted as half.

    That is the area under the ROC curve (Hanley and McNeil, Radiology 1982).
    """
    value = float(_wins(usual, foreign, np.ones((1, len(usual))), np.ones((1, len(foreign))))[0])
    generator, drawn = np.random.default_rng(0), []
    # A chunk at a time: counts of a hundred thousand pictures in a thousand resamples would fill the memory.
    step = max(1, 4_000_000 // max(len(usual), len(foreign)))
    for start in range(0, _RESAMPLES, step):
        rows = min(step, _RESAMPLES - start)
        counts = [
            generator.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), rows)
            for numbers in (usual, foreign)
        ]
        drawn.append(_wins(usual, foreign, *counts))
    return Estimate(value, *percentile_interval(np.concatenate(drawn)))


def bands(unlike: Floats, cider: Floats) -> tuple[Band, ...]:
    """The mean CIDEr-D of pictures that are exactly 0, and of those in each band above, upper edges included."""
    found = [_band(0.0, 0.0, cider[unlike <= 0])]
    for low, high in pairwise(EDGES):
        found.append(_band(low, high, cider[(unlike > low) & (unlike <= high)]))
    return tuple(found)


def _band(low: float, high: float, cider: Floats) -> Band:
    if not len(cider):
        return Band(low, high, 0, None)
    means = resampled_sums(cider[:, None], resamples=_RESAMPLES, seed=0)[:, 0] / len(cider)
    return Band(low, high, len(cider), Estimate(float(cider.mean()), *percentile_interval(means)))


def _wins(usual: Floats, foreign: Floats, weight_RU: Weights, weight_RF: Weights) -> Floats:
    """The weighted share of pairs that the foreign picture wins, a row of weights each: R resamples."""
    order = np.argsort(usual, kind="stable")
    below_RU = np.cumsum(weight_RU[:, order], axis=1, dtype=np.float64)
    below_RU = np.concatenate([np.zeros((len(below_RU), 1)), below_RU], axis=1)
    left, right = (np.searchsorted(usual[order], foreign, side) for side in ("left", "right"))
    beaten_RF = (below_RU[:, left] + below_RU[:, right]) / 2
    return np.asarray((beaten_RF * weight_RF).sum(1) / (below_RU[:, -1] * weight_RF.sum(1)), np.float64)
