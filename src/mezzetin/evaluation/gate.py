"""The gate: rules that an evaluation must keep before a model is used, each answered in one line.

Enters: an evaluation, the rules of a TOML file, and what another model said of the same pictures. Leaves: a `GateLine`
a rule. What a rule asks and the evaluation does not know is a failure: a gate that can't see stays shut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mezzetin.errors import InputError
from mezzetin.evaluation.findings import Estimate, Slice
from mezzetin.evaluation.judged import Material, material_of
from mezzetin.evaluation.rules import GateRules
from mezzetin.evaluation.slices import kinds_of
from mezzetin.metrics.bootstrap import holm, percentile_interval, resampled_sums, sign_p
from mezzetin.metrics.cider import cider_d
from mezzetin.metrics.corpus import Floats
from mezzetin.text import tokenise

if TYPE_CHECKING:
    from mezzetin.evaluation.run import Evaluation

SIGNIFICANT = 0.05
RESAMPLES = 4000
"""More than a score takes: after the correction for all slices a p-value must still be able to fall below 0.05."""

Outcome = Literal["passed", "failed", "told"]


@dataclass(frozen=True, slots=True)
class GateLine:
    """What became of one rule: `why` is a sentence with the numbers; what is only told never fails.

    `found` and `limit` are None where nothing was measured or compared.
    """

    rule: str
    outcome: Outcome
    why: str
    found: float | None = None
    limit: float | None = None


def gate(evaluation: Evaluation, rules: GateRules, against: Mapping[str, str] | None = None) -> tuple[GateLine, ...]:
    """Hold an evaluation against the rules; `against` are another model's captions by `image_id`.

    Without `against`, as where a first model has no predecessor, the rule of slices is told and not failed.

    Raises:
        InputError: `against` lacks a picture of the evaluation.

    """
    lines = [*_floors(evaluation, rules), *_slices(evaluation, rules, against)]
    lines += [*_calibration(evaluation, rules), *_truth(evaluation, rules)]
    return tuple(lines)


def has_failed(lines: Iterable[GateLine]) -> bool:
    """Whether any rule failed."""
    return any(line.outcome == "failed" for line in lines)


def gate_to_json(lines: Sequence[GateLine]) -> dict[str, Any]:
    """Plain values, as `scores.json` holds them under `gate`."""
    return {"passed": not has_failed(lines), "rules": [asdict(line) for line in lines]}


def _floors(evaluation: Evaluation, rules: GateRules) -> Iterator[GateLine]:
    scores = {score.name: score for score in evaluation.scores}
    for name, floor in rules.floors.metrics.items():
        rule, score = f"floors.{name}", scores.get(name)
        if score is None:
            missing = next((note for note in evaluation.notes if note.startswith(name)), "it was not computed")
            yield GateLine(rule, "failed", f"{name} is not known: {missing.rstrip('.')}", None, floor)
            continue
        found = score.low if rules.floors.lower_bound else score.value
        which = f"the low end of the interval of {name}" if rules.floors.lower_bound else name
        if found >= floor:
            yield GateLine(rule, "passed", f"{which} is {found:.4f}, at least {floor:g}", found, floor)
        else:
            yield GateLine(rule, "failed", f"{which} is {found:.4f}, below its floor of {floor:g}", found, floor)


def _calibration(evaluation: Evaluation, rules: GateRules) -> Iterator[GateLine]:
    if rules.calibration is None:
        return
    rule, limit, known = "calibration.error", rules.calibration.error, evaluation.findings.reliability
    if known is None:
        yield GateLine(rule, "failed", "the calibration error is not known: the model gives no confidence", None, limit)
    else:
        yield _at_most(rule, "the expected calibration error", known.error.value, limit)


def _truth(evaluation: Evaluation, rules: GateRules) -> Iterator[GateLine]:
    rates = {rate.name: rate for rate in evaluation.findings.truth}
    for name, limit in rules.truth.items():
        rule, rate = f"truth.{name}", rates.get(name)
        if rate is None:
            known = ", ".join(rates) or "none"
            yield GateLine(rule, "failed", f"the evaluation has no rate {name!r}: it has {known}", None, limit)
        elif rate.share is None:
            yield GateLine(rule, "told", f"{rate.title}: there was no occasion for it", None, limit)
        else:
            what = f"{rate.title} ({rate.count:,} of {rate.of:,})"
            yield _at_most(rule, what, rate.share.value, limit)


def _at_most(rule: str, what: str, found: float, limit: float) -> GateLine:
    if found <= limit:
        return GateLine(rule, "passed", f"{what}: {found:.4f}, at most {limit:g}", found, limit)
    return GateLine(rule, "failed", f"{what}: {found:.4f}, more than the {limit:g} allowed", found, limit)


def _slices(evaluation: Evaluation, rules: GateRules, against: Mapping[str, str] | None) -> Iterator[GateLine]:
    if not rules.slices.no_worse:
        return
    known = {one.name: one for one in evaluation.findings.slices}
    if not known:
        yield GateLine("slices", "failed", "the slices are not known: the evaluation has none")
        return
    for name in sorted(rules.slices.tolerances.keys() - known.keys()):
        why = f"the evaluation has no slice {name!r}: it has {', '.join(known)}"
        yield GateLine(f"slices.{name}", "failed", why)
    if against is None:
        yield GateLine("slices", "told", "there is no other model to compare the slices with")
        return
    material = material_of(evaluation.pictures)
    change = _change(material, against)
    members = {kind.name: kind.flags for kind in kinds_of(material)}
    large = [one for one in known.values() if one.images and not one.small]
    drawn = {one.name: _drawn(change[members[one.name]]) for one in large}
    raw = [sign_p(drawn[one.name], than=-rules.slices.allowed(one.name)) for one in large]
    corrected = dict(zip(drawn, holm(raw), strict=True))
    for one in known.values():
        if one.name in drawn:
            value = float(change[members[one.name]].mean())
            estimate = Estimate(value, *percentile_interval(drawn[one.name]))
            yield _slice_line(one, estimate, corrected[one.name], rules.slices.allowed(one.name))
        else:
            yield _small_line(one, change[members[one.name]])


def _change(material: Material, against: Mapping[str, str]) -> Floats:
    """How far each picture's CIDEr-D is above the other model's; shape (images,)."""
    names = [picture.image_id for picture in material.pictures]
    missing = [name for name in names if name not in against]
    if missing:
        raise InputError(f"the other model has no caption for {len(missing):,} pictures, {missing[0]} among them")
    return material.cider - cider_d(material.references, [tokenise(against[name]) for name in names])


def _drawn(change: Floats) -> Floats:
    return resampled_sums(change[:, None], resamples=RESAMPLES, seed=0)[:, 0] / len(change)


def _slice_line(one: Slice, change: Estimate, p: float, allowed: float) -> GateLine:
    worse = change.value < -allowed and p < SIGNIFICANT
    numbers = (
        f"CIDEr-D changed by {change.value:+.4f} on {one.images:,} pictures "
        f"(95 % interval {change.low:+.4f} to {change.high:+.4f}, p {p:.3f} after Holm's correction)"
    )
    beyond = f" beyond the {allowed:g} allowed" if allowed else ""
    verdict = f"a significant loss{beyond}" if worse else f"no significant loss{beyond}"
    outcome: Outcome = "failed" if worse else "passed"
    return GateLine(f"slices.{one.name}", outcome, f"{one.title}: {numbers}, {verdict}", change.value, -allowed)


def _small_line(one: Slice, change: Floats) -> GateLine:
    if not len(change):
        return GateLine(f"slices.{one.name}", "told", f"{one.title}: no picture is in it")
    value = float(np.mean(change))
    why = f"{one.title}: CIDEr-D changed by {value:+.4f}, but {len(change)} pictures are too few to judge by"
    return GateLine(f"slices.{one.name}", "told", why, value)


def overall_line(evaluation: Evaluation, against: Mapping[str, str], name: str) -> GateLine:
    """Whether all pictures together got significantly worse than by another model's captions; `name` is its name.

    Raises:
        InputError: `against` lacks a picture of the evaluation.

    """
    change = _change(material_of(evaluation.pictures), against)
    drawn = _drawn(change)
    value, p = float(change.mean()), float(sign_p(drawn))
    low, high = percentile_interval(drawn)
    numbers = f"CIDEr-D is {value:+.4f} beside {name} (95 % interval {low:+.4f} to {high:+.4f}, p {p:.3f})"
    if value < 0 and p < SIGNIFICANT:
        return GateLine("overall", "failed", f"{numbers}, a significant loss", value, 0.0)
    return GateLine("overall", "passed", f"{numbers}, no significant loss", value, 0.0)
