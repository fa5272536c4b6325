"""Shares and means with their intervals, by bootstrap over pictures.

Enters: counts an image. Leaves: `Estimate`s and `Rate`s. The pictures are put in an order of their own first, so that
an interval does not depend on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mezzetin.evaluation.findings import Estimate, Rate
from mezzetin.evaluation.judged import Material
from mezzetin.metrics.bootstrap import percentile_interval, resampled_sums
from mezzetin.metrics.corpus import Floats

RESAMPLES, SEED = 1000, 0
EXAMPLES = 5
_Z = 1.959964
"""The 97.5th percentile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a rate asks: the first three fields of a `Rate`."""

    name: str
    title: str
    how: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one caption adds to a rate: `count` of `of` occasions; the higher `clearness`, the better an example."""

    count: int = 0
    of: int = 0
    clearness: int = 0


@dataclass(slots=True)
class Tally:
    """The verdicts of a question, one a picture."""

    question: Question
    verdicts: list[Verdict] = field(default_factory=list)


def in_order(material: Material) -> Material:
    """The same pictures in the order of their names and words."""
    pictures = material.pictures
    order = sorted(
        range(len(pictures)), key=lambda i: (pictures[i].image_id, pictures[i].hypothesis, pictures[i].references)
    )
    return Material(
        tuple(pictures[i] for i in order),
        [material.hypotheses[i] for i in order],
        [material.references[i] for i in order],
        material.cider[np.array(order, np.intp)],
    )


def drawn_ratios(counts: Floats, of: Floats, *, resamples: int, seed: int) -> Floats:
    """Sums of `counts` over sums of `of` in resampled sets of pictures: (images, k) twice gives (resamples, k).

    Where a set holds no occasion the ratio is not a number.
    """
    sums = resampled_sums(np.concatenate([counts, of], axis=1), resamples=resamples, seed=seed)
    above, below = np.split(sums, 2, axis=1)
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def estimate(value: float, drawn: Floats) -> Estimate:
    """A value with the percentile interval of those draws that have one."""
    known = drawn[~np.isnan(drawn)]
    low, high = percentile_interval(known) if len(known) else (value, value)
    return Estimate(value, low, high)


def rates_of(tallies: Sequence[Tally], names: Sequence[str], *, resamples: int, seed: int) -> tuple[Rate, ...]:
    """Turn tallies into rates; `names` are the pictures'.

    Where every occasion was alike, resampling knows no doubt; the interval is Wilson's (JASA 1927) instead.
    """
    counts = np.array([[verdict.count for verdict in tally.verdicts] for tally in tallies], np.float64).T
    of = np.array([[verdict.of for verdict in tally.verdicts] for tally in tallies], np.float64).T
    drawn = drawn_ratios(counts, of, resamples=resamples, seed=seed)
    found = []
    for column, tally in enumerate(tallies):
        count, occasions = int(counts[:, column].sum()), int(of[:, column].sum())
        share = None
        if occasions and 0 < count < occasions:
            share = estimate(count / occasions, drawn[:, column])
        elif occasions:
            share = _wilson(count, occasions)
        question = tally.question
        examples = _examples(tally.verdicts, names)
        found.append(Rate(question.name, question.title, question.how, count, occasions, share, examples))
    return tuple(found)


def _wilson(count: int, of: int) -> Estimate:
    share, spread = count / of, _Z**2 / of
    middle = (share + spread / 2) / (1 + spread)
    reach = (share * (1 - share) * spread + spread**2 / 4) ** 0.5 / (1 + spread)
    return Estimate(share, min(max(middle - reach, 0.0), share), max(min(middle + reach, 1.0), share))


def _examples(verdicts: Sequence[Verdict], names: Sequence[str]) -> tuple[str, ...]:
    hits = [(-verdict.clearness, name) for verdict, name in zip(verdicts, names, strict=True) if verdict.count]
    return tuple(dict.fromkeys(name for _, name in sorted(hits)))[:EXAMPLES]
