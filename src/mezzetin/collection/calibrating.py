"""`calibrate`: a captioner's confidence, fitted anew to what people decided in a collection.

The confidence that a text was stored with holds all that its bundle knew of it. A logistic curve over its log-odds
(Platt 1999) says what it is worth in this house; offset and slope of the bundle's calibration change, its terms stay.
A bundle without a calibration gets one from nothing: its pictures are captioned again for the signals.

People take the least certain texts first, so that decisions are no fair sample of the collection. As the choice was
made by confidence, what is found at each confidence is still right; only how often each occurs is not. So decisions
are weighted by how many texts of the collection have such a confidence, in bands of equal size, at most tenfold, and
those of judged samples count twice as much as those that people chose for themselves.

Enters: a collection, a bundle. Leaves: a new bundle, and how far its confidence was off before and is now (the
expected calibration error, on decisions that the fit did not see).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mezzetin.bundle import Bundle, publish, reseal
from mezzetin.captioner import BundleCaptioner
from mezzetin.collection.curves import Fit, Floats, expected_error, fit_curve, odds, out_of_fold, weights_of
from mezzetin.collection.decisions import Decision, decisions
from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.rescoring import rescore
from mezzetin.confidence import LEAST_PICTURES, Calibration, Signals, fit_calibration
from mezzetin.errors import InputError
from mezzetin.records import Progress
from mezzetin.registry.reference import find_model

CALIBRATION = "calibration.json"
Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What calibrating found.

    `error_before` and `error_after` are expected calibration errors, each with an interval of 95 %; before is None
    where the bundle had no confidence. `acceptable` is the weighted share of acceptable texts; `run` and `rescored`
    tell of stored texts whose confidence was changed.
    """

    bundle: Bundle
    decisions: int
    judged: int
    acceptable: float
    error_before: tuple[float, float, float] | None
    error_after: tuple[float, float, float]
    run: int | None = None
    rescored: int = 0


def _silent(progress: Progress) -> None:
    pass


def calibrate(
    collection: str | Path,
    out: str | Path,
    *,
    model: str | Path | None = None,
    rescore_texts: bool = False,
    report: Report = _silent,
) -> Calibrated:
    """Fit a bundle's confidence to what people decided on its texts, and write the bundle so changed to `out`.

    With `rescore_texts` the machine texts in the collection get their new confidence too, in a run that can be undone.

    Raises:
        InputError: there are fewer than 100 decisions on texts of this bundle, or nearly all are alike; `out` is there.
        EnvironmentProblem: the folder can't be written.

    """
    bundle = find_model(model)
    target = Path(out)
    if target.exists():
        raise InputError(f"{target} is there already: name a new folder")
    with Collection.open(collection) as opened:
        found = list(decisions(opened, bundle.info.signature))
        _check(found, bundle)
        calibration, fit, before, after = _fitted(opened, bundle, found, report)
        judged = sum(decision.weight == 1 for decision in found)
        told = Calibrated(bundle, len(found), judged, round(calibration.acceptable, 4), before, after)
        made = _written(bundle, target, calibration, told, opened.id)
        run, changed = None, 0
        if rescore_texts:
            if fit is None:
                raise InputError(
                    "texts without a confidence get none here: collect again with --refresh and this bundle"
                )
            run, changed = rescore(opened, bundle.info.signature, made.info.signature, fit, report)
    return Calibrated(made, len(found), judged, told.acceptable, before, after, run, changed)


def _check(found: list[Decision], bundle: Bundle) -> None:
    least = LEAST_PICTURES // 10
    if len(found) < LEAST_PICTURES:
        raise InputError(
            f"{len(found):,} decisions on texts of {bundle.info.signature} tell too little: {LEAST_PICTURES} are needed"
        )
    good = sum(decision.label > 0.5 for decision in found)
    if good < least or sum(decision.label < 0.5 for decision in found) < least:
        raise InputError(f"nearly all of the {len(found):,} decisions are alike: {least} of either kind are needed")


def _fitted(
    reader: Reader, bundle: Bundle, found: list[Decision], report: Report
) -> tuple[Calibration, Fit | None, tuple[float, float, float] | None, tuple[float, float, float]]:
    labels_N = np.array([decision.label for decision in found])
    own_N = np.array([decision.weight for decision in found])
    old = bundle.calibration
    if old is None:
        calibration, said_N = _anew(bundle, found, labels_N, report)
        return calibration, None, None, expected_error(said_N, labels_N, own_N)
    known = [decision for decision in found if decision.confidence is not None]
    if len(known) < len(found):
        raise InputError("some texts were stored without confidence: collect them again with --refresh")
    said_N = np.array([float(decision.confidence or 0.0) for decision in known])
    doubt_N = np.array([min(1.0, 2 * (1 - decision.unlike)) for decision in known])
    weights_N = own_N * weights_of(said_N, _confidences(reader, bundle.info.signature))
    odds_N = odds(said_N, doubt_N)
    fit = fit_curve(odds_N, labels_N, weights_N)
    now_N = out_of_fold(odds_N, labels_N, weights_N) * doubt_N
    calibration = Calibration(
        old.terms,
        offset=round(fit.offset + fit.slope * old.offset, 6),
        slope=round(fit.slope * old.slope, 6),
        decoding=old.decoding,
        images=len(found),
        acceptable=round(float(np.average(labels_N, weights=weights_N)), 6),
        human_median=old.human_median,
    )
    before, after = (expected_error(each, labels_N, weights_N) for each in (said_N, now_N))
    return calibration, fit, before, after


def _anew(bundle: Bundle, found: list[Decision], labels_N: Floats, report: Report) -> tuple[Calibration, Floats]:
    """A calibration from signals, and what it says of each decision; the pictures are captioned again."""
    captioner = BundleCaptioner(bundle)
    signals: list[Signals] = []
    for number, decision in enumerate(found, 1):
        if decision.page:
            raise InputError("decisions on further pages of a file can't be calibrated from nothing: leave them out")
        caption, own = captioner.measured([captioner.pixels(decision.uri)])[0]
        if own is None or caption.text != decision.machine_text:
            raise InputError(
                f"{decision.uri} can't be read, or this bundle says something else of it: collect it again"
            )
        signals.append(own)
        report(Progress("caption decided pictures", number, len(found)))
    fitted = fit_calibration(signals, labels_N, 0.75, decoding=captioner.options.describe())
    if fitted is None:
        raise InputError("the decisions tell too little: 10 of either kind are needed")
    return fitted, np.array([fitted.confidence(each) for each in signals])


def _confidences(reader: Reader, signature: str) -> Floats:
    rows = reader.rows(
        "SELECT confidence FROM texts WHERE signature = ? AND confidence IS NOT NULL AND kind = 'alt'", (signature,)
    )
    return np.fromiter((row[0] for row in rows), np.float64)


def _written(bundle: Bundle, target: Path, calibration: Calibration, told: Calibrated, collection: str) -> Bundle:
    made = publish(bundle, target, {CALIBRATION: calibration.to_json()})
    note = {
        "bundle": bundle.digest,
        "collection": collection,
        **{name: value for name, value in asdict(told).items() if name in _NOTED},
    }
    provenance = {**made.manifest["provenance"], "calibrated": json.loads(json.dumps(note))}
    names = [entry["name"] for entry in made.manifest["files"]]
    return reseal(target, {**made.manifest, "provenance": provenance}, names)


_NOTED = ("decisions", "judged", "acceptable", "error_before", "error_after")
