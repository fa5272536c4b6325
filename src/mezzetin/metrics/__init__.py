"""Metrics: tokens become statistics an image, statistics become scores with an interval.

Enters: tokenised references and hypotheses. Leaves: `Score`s on the scale that papers print, each with its
95 % bootstrap interval, its value per image and a signature that says how it was made. `METRICS` is a plain
dict: put a `Metric` of your own into it and `score` computes it. METEOR stands apart, since it takes Java.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mezzetin.errors import InputError
from mezzetin.metrics.bleu import bleu, bleu_statistics
from mezzetin.metrics.bootstrap import resampled_sums
from mezzetin.metrics.cider import CiderD, cider_d
from mezzetin.metrics.corpus import Floats, Hypotheses, References, check_corpus
from mezzetin.metrics.measured import Measured
from mezzetin.metrics.meteor import measure_meteor, meteor
from mezzetin.metrics.rouge import rouge_l
from mezzetin.records import Score

__all__ = ["METRICS", "CiderD", "Measured", "Metric", "measure", "measure_meteor", "meteor", "score"]


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric comes from statistics.

    `statistics` gives (images, k) numbers that may be summed over images; `value` turns sums (..., k) over
    `n` images into (...) values; `details` is what the metric adds to a score's signature.
    """

    statistics: Callable[[References, Hypotheses], Floats]
    value: Callable[[Floats, int], Floats]
    details: str


def _bleu_value(order: int, sums: Floats, images: int) -> Floats:
    return bleu(sums)[..., order - 1]


def _mean(sums: Floats, images: int) -> Floats:
    return sums[..., 0] / images


def _rouge_statistics(references: References, hypotheses: Hypotheses) -> Floats:
    return rouge_l(references, hypotheses)[:, None]


def _cider_statistics(references: References, hypotheses: Hypotheses) -> Floats:
    return cider_d(references, hypotheses)[:, None]


METRICS: dict[str, Metric] = {
    **{
        f"BLEU-{order}": Metric(
            bleu_statistics, partial(_bleu_value, order), f"order={order},length=closest,smooth=coco"
        )
        for order in (1, 2, 3, 4)
    },
    "ROUGE-L": Metric(_rouge_statistics, _mean, "beta=1.2"),
    "CIDEr-D": Metric(_cider_statistics, _mean, "order=4,sigma=6,df=references"),
}


def score(
    references: References,
    hypotheses: Hypotheses,
    *,
    protocol: str,
    metrics: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Score]:
    """Score one hypothesis an image against its references: images x references x tokens, images x tokens.

    `metrics` are names of `METRICS`, all of them by default; the scores come in that order. `protocol` says
    what was scored and how ("split=val|n=1000|refs=5|..."); each metric adds its part to make the signature.
    An empty hypothesis scores 0. The interval of CIDEr-D keeps the document frequencies of the whole corpus.

    Raises:
        InputError: the lengths differ, an image has no reference, text was not tokenised, a metric is
            unknown, or `resamples` is below 1.

    """
    measured = measure(references, hypotheses, metrics=metrics, resamples=resamples, seed=seed)
    return [one.score(protocol) for one in measured]


def measure(
    references: References,
    hypotheses: Hypotheses,
    *,
    metrics: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Measured]:
    """What `score` computes, the values of the resampled sets included; arguments and errors as there."""
    names = list(METRICS) if metrics is None else list(metrics)
    for name in names:
        if name not in METRICS:
            raise InputError(f"there is no metric {name!r}: choose from {', '.join(METRICS)}")
    check_corpus(references, hypotheses)
    # BLEU-1 to BLEU-4 share their statistics and resamples: count once.
    counted: dict[Callable[[References, Hypotheses], Floats], tuple[Floats, Floats]] = {}
    found = []
    for name in names:
        metric = METRICS[name]
        if metric.statistics not in counted:
            statistics = metric.statistics(references, hypotheses)
            drawn = resampled_sums(statistics, resamples=resamples, seed=seed)
            counted[metric.statistics] = statistics, drawn
        details = f"{name}:{metric.details}|interval=95%,bootstrap={resamples},seed={seed}"
        found.append(_measured(name, metric, *counted[metric.statistics], details))
    return found


def _measured(name: str, metric: Metric, statistics: Floats, drawn: Floats, details: str) -> Measured:
    images = len(statistics)
    value = float(metric.value(statistics.sum(axis=0), images))
    return Measured(name, value, metric.value(statistics, 1), metric.value(drawn, images), details)
