"""Which pictures the page shows: the best, the median, the worst, and the most confident mistakes.

Enters: judged pictures with their CIDEr-D. Leaves: their places in the evaluation's order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mezzetin.evaluation.findings import Findings
from mezzetin.evaluation.judged import Judged
from mezzetin.evaluation.report.statements import main_rates

SHOWN = 12
"""Pictures in each section of the page."""
EXAMPLES = 3
"""Pictures for each rate of wrong statements."""
_SURE = 0.2


@dataclass(frozen=True, slots=True)
class Selection:
    """Places of pictures, the most telling first; `named` are those that the findings point to."""

    best: tuple[int, ...]
    median: tuple[int, ...]
    worst: tuple[int, ...]
    mistakes: tuple[int, ...]
    named: tuple[int, ...]


def select(pictures: Sequence[Judged], cider: Sequence[float], findings: Findings, count: int = SHOWN) -> Selection:
    """Choose `count` pictures a section; there are no confident mistakes where nobody states confidence."""
    order = [int(i) for i in np.argsort(-np.array(cider, np.float64), kind="stable")]
    middle = max(len(order) // 2 - count // 2, 0)
    ids = {picture.image_id: place for place, picture in enumerate(pictures)}
    wanted = [image_id for rate, _ in main_rates(findings.truth) for image_id in rate.examples[:EXAMPLES]]
    wanted += [looked.image_id for looked in findings.looked]
    return Selection(
        best=tuple(order[:count]),
        median=tuple(order[middle : middle + count]),
        worst=tuple(order[::-1][:count]),
        mistakes=_mistakes(pictures, cider, count),
        named=tuple(dict.fromkeys(ids[image_id] for image_id in wanted if image_id in ids)),
    )


def _mistakes(pictures: Sequence[Judged], cider: Sequence[float], count: int) -> tuple[int, ...]:
    """The lowest CIDEr-D among the surest fifth; of two alike, the surer one first."""
    stated = [(picture.confidence, place) for place, picture in enumerate(pictures) if picture.confidence is not None]
    stated.sort(key=lambda pair: (-pair[0], pair[1]))
    surest = stated[: math.ceil(_SURE * len(stated))]
    surest.sort(key=lambda pair: (cider[pair[1]], -pair[0], pair[1]))
    return tuple(place for _, place in surest[:count])
