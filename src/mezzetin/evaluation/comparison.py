"""A comparison: is one captioner really better than another, by how much, and on which pictures?

Enters: several sets of captions of the same pictures, scored against the same references. Leaves: for each one and the
first the difference of every metric with a paired bootstrap over pictures (Koehn, EMNLP 2004), and the pictures on
which they are farthest apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mezzetin
from mezzetin.errors import InputError
from mezzetin.evaluation.contestant import Contestant, Task
from mezzetin.evaluation.findings import Estimate
from mezzetin.evaluation.run import scores_to_json
from mezzetin.metrics import METRICS, Measured, measure, measure_meteor
from mezzetin.metrics.bootstrap import holm, percentile_interval, sign_p
from mezzetin.metrics.cider import cider_d
from mezzetin.records import Score
from mezzetin.text import TOKENISER, tokenise

METEOR = "METEOR"
SIGNIFICANT = 0.05
APART = 20
"""Pictures that a pair keeps for each side."""
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a contestant is above the first by one metric: `difference` is its value minus the first's.

    `better` is the share of resamples in which it is above (ties count half); `p` the two-sided p-value, and
    `corrected` the same after Holm's correction over all pairs of this metric.
    """

    metric: str
    difference: Estimate
    better: float
    p: float
    corrected: float

    @property
    def is_significant(self) -> bool:
        """Whether the corrected p-value is below 0.05."""
        return self.corrected < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Apart:
    """A picture on which two contestants differ: what each said, and how far `other` is above `first` in CIDEr-D."""

    image: str
    difference: float
    first: str
    other: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A contestant beside the first, by name: how many pictures it wins, loses and ties by CIDEr-D.

    `gained` and `lost` are the pictures where it is farthest above and below, the farthest first, at most twenty each.
    """

    first: str
    other: str
    differences: tuple[Difference, ...]
    wins: int
    losses: int
    ties: int
    gained: tuple[Apart, ...]
    lost: tuple[Apart, ...]

    @property
    def verdict(self) -> str:
        """A sentence about CIDEr-D, or the metric asked for first where that was left out."""
        lead = next((own for own in self.differences if own.metric == "CIDEr-D"), self.differences[0])
        found, size = lead.difference, abs(lead.difference.value)
        reach = f"95 % interval {found.low:+.4f} to {found.high:+.4f}, p {lead.corrected:.3f}"
        if not lead.is_significant:
            return f"no difference is shown between {self.other} and {self.first}: {lead.metric} {reach}"
        word = "better" if found.value > 0 else "worse"
        return f"{self.other} is {word} than {self.first} by {size:.4f} {lead.metric} ({reach})"


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contestant with its scores, in the comparison's order of metrics."""

    contestant: Contestant
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found; `dataset` is a digest; pairs are each of the others beside the first."""

    dataset: str
    split: str
    images: int
    protocol: str
    entrants: tuple[Entrant, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, as `comparison.json` holds them."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "images": self.images,
            "protocol": self.protocol,
            "mezzetin": mezzetin.__version__,
            "entrants": [_entrant_to_json(entrant) for entrant in self.entrants],
            "pairs": [{**asdict(pair), "verdict": pair.verdict} for pair in self.pairs],
            "notes": list(self.notes),
        }


def check_metrics(metrics: Sequence[str] | None) -> None:
    """Refuse, before anything is captioned, metrics that are not there. Raises InputError."""
    for name in metrics or ():
        if name not in METRICS and name != METEOR:
            raise InputError(f"there is no metric {name!r}: choose from {', '.join([*METRICS, METEOR])}")


def compare(
    contestants: Sequence[Contestant],
    task: Task,
    *,
    metrics: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Score all contestants alike and set each beside the first.

    `metrics` are names of `METRICS` or METEOR, by default all of `METRICS`. Every contestant is resampled over the same
    sets of pictures, so that what makes a set easy or hard for all of them cancels out.

    Raises:
        InputError: there are fewer than two, a metric is unknown, or METEOR lacks what it takes.

    """
    if len(contestants) < 2:
        raise InputError("one alone can't be compared: name at least two bundles or files of captions")
    check_metrics(metrics)
    references = [[tokenise(text) for text in own] for own in task.references]
    said = [[tokenise(text) for text in one.captions] for one in contestants]
    names = list(dict.fromkeys(metrics or METRICS))
    measured = [_measured(references, own, names, resamples, seed) for own in said]
    ciders = [cider_d(references, own) for own in said]
    differences = _differences(measured)
    pairs = tuple(
        _pair((contestants[0], contestants[n]), task, differences[n - 1], ciders[n] - ciders[0])
        for n in range(1, len(contestants))
    )
    protocol = _protocol(task)
    entrants = tuple(
        Entrant(one, tuple(found.score(protocol) for found in own))
        for one, own in zip(contestants, measured, strict=True)
    )
    notes = _notes(contestants)
    return Comparison(task.dataset.digest, task.split, len(task.names), protocol, entrants, pairs, notes)


def _differences(measured: list[list[Measured]]) -> list[list[Difference]]:
    """Of each other contestant from the first, metric by metric; p-values are corrected over the contestants."""
    others, metrics = range(1, len(measured)), range(len(measured[0]))
    raw = [[_p(measured[0][m], measured[n][m]) for n in others] for m in metrics]
    corrected = [holm(own) for own in raw]
    return [
        [_difference(measured[0][m], measured[n][m], raw[m][n - 1], corrected[m][n - 1]) for m in metrics]
        for n in others
    ]


def _measured(
    references: list[list[list[str]]], hypotheses: list[list[str]], names: Sequence[str], resamples: int, seed: int
) -> list[Measured]:
    plain = [name for name in names if name != METEOR]
    found = {one.name: one for one in measure(references, hypotheses, metrics=plain, resamples=resamples, seed=seed)}
    if METEOR in names:
        answer = measure_meteor(references, hypotheses, resamples=resamples, seed=seed)
        if isinstance(answer, str):
            raise InputError(answer[:-1] + ", or compare by other metrics")
        found[METEOR] = answer
    return [found[name] for name in names]


def _p(first: Measured, other: Measured) -> float:
    return sign_p(other.drawn - first.drawn)


def _difference(first: Measured, other: Measured, p: float, corrected: float) -> Difference:
    apart = other.drawn - first.drawn
    better = float(((apart > _SAME) + 0.5 * (np.abs(apart) <= _SAME)).mean())
    estimate = Estimate(other.value - first.value, *percentile_interval(apart))
    return Difference(first.name, estimate, better, p, corrected)


def _pair(
    sides: tuple[Contestant, Contestant], task: Task, differences: list[Difference], apart: NDArray[np.float64]
) -> Pair:
    first, other = sides
    order = np.argsort(-apart, kind="stable")

    def pictures(numbers: NDArray[np.intp]) -> tuple[Apart, ...]:
        return tuple(
            Apart(task.names[n], round(float(apart[n]), 6), first.captions[n], other.captions[n])
            for n in numbers[:APART]
        )

    wins, losses = int((apart > _SAME).sum()), int((apart < -_SAME).sum())
    return Pair(
        first.name,
        other.name,
        tuple(differences),
        wins,
        losses,
        len(apart) - wins - losses,
        pictures(order[apart[order] > _SAME]),
        pictures(order[::-1][apart[order[::-1]] < -_SAME]),
    )


def _protocol(task: Task) -> str:
    counts = sorted({len(own) for own in task.references})
    spread = "-".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    return f"split={task.split}|n={len(task.names)}|refs={spread}|tok={TOKENISER}|mezzetin={mezzetin.__version__}"


def _notes(contestants: Sequence[Contestant]) -> tuple[str, ...]:
    notes = []
    for one in contestants:
        silent = sum(not caption for caption in one.captions)
        if silent:
            notes.append(f"{one.name} has no caption for {silent:,} pictures, which score 0.")
    if any(one.model is None or one.decoding is None for one in contestants):
        notes.append("Whether what is behind a file of captions or a service learned from these pictures is not known.")
    if len(contestants) > 2:
        notes.append(f"p-values are corrected for {len(contestants) - 1} comparisons a metric (Holm 1979).")
    return tuple(notes)


def _entrant_to_json(entrant: Entrant) -> dict[str, Any]:
    one = entrant.contestant
    return {
        "name": one.name,
        "source": one.source,
        "model": None if one.model is None else asdict(one.model),
        "decoding": one.decoding,
        "captions": one.file,
        "scores": scores_to_json(entrant.scores),
    }
