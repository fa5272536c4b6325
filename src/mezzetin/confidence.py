"""How sure a caption is to be acceptable: signals of the search become a probability.

A ridge regression foretells how good a caption is (the square root of its CIDEr-D) from a few signals; a logistic curve
over what it foretells gives the share of captions that are acceptable there (Platt 1999). Both are fitted on pictures
that were held out from training. The regression sees how good each caption is and not only whether it is good enough,
so that a few hundred pictures suffice; the curve is fitted to what each tenth of them gets from a regression on the
others, so that it does not believe the regression more than it deserves.

Enters: signals of captions. Leaves: 0..1, or a `Calibration` and its JSON. Letters in shapes: N pictures, S signals.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mezzetin.errors import BundleError, FormatError
from mezzetin.vocabulary import SPECIAL

VERSION = 1
LEAST_PICTURES = 100
"""With fewer pictures, or fewer than a tenth as many on either side of the bar, nothing is fitted."""
SCENE = 16
"""Main directions of the encoder's feature space that count; whatever is left of them is mostly noise."""
LENGTH_PENALTY = 0.6
_SCENES = tuple(f"scene_{number}" for number in range(1, SCENE + 1))
_WANTED_SIGNS = {"score": 1.0, "hesitation": -1.0, "fit": 1.0}
_TENTHS = 10
_DIGITS = 6
Floats = NDArray[np.float64]
Signals = Mapping[str, float]


def signals_of(
    words: Sequence[int],
    log_probabilities: Sequence[float],
    openness: Sequence[float],
    *,
    scene: Sequence[float],
    unlike: float,
    fit: float | None = None,
) -> Signals:
    """What of a caption and its search tells how good it is.

    - `score`: its log-probability (nats) over its length ** 0.6, the end counted as a word.
    - `hesitation`: the mean entropy (nats) of the choices of its words. A rare word counts more than a common one, by
      the squared logarithm of its place in the vocabulary: what a model does not know it shows at the nouns.
    - `fit`: how well words and picture match, a cosine; only where the bundle has learned to match.
    - `scene_1` and so on: where the picture lies along the main directions of the encoder's feature space.
    - `unlike`: how unlike the training pictures it is, 0..1; it only ever takes confidence away.

    `words` are the vocabulary's numbers; `log_probabilities` and `openness` have one number more, for the end.
    """
    rarity = [math.log(max(word - len(SPECIAL) + 1, 1)) ** 2 + 1e-3 for word in words]
    found = {
        "score": sum(log_probabilities) / len(log_probabilities) ** LENGTH_PENALTY,
        "hesitation": sum(map(float.__mul__, rarity, openness)) / sum(rarity) if rarity else openness[0],
        "unlike": unlike,
        **dict(zip(_SCENES, scene, strict=False)),
    }
    return found if fit is None else {**found, "fit": fit}


class Term(NamedTuple):
    """A signal in a calibration: mean, scale (standard deviation), range seen (in scales from the mean), weight."""

    name: str
    mean: float
    scale: float
    low: float
    high: float
    weight: float


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration: what it makes of signals, and of what it was made.

    `offset` and `slope` are those of the curve over the weighted sum of `terms`. `decoding` tells the search whose
    captions it was fitted to, `images` their number, `acceptable` their share that was acceptable, `human_median` the
    bar (CIDEr-D).
    """

    terms: tuple[Term, ...]
    offset: float
    slope: float
    decoding: str
    images: int
    acceptable: float
    human_median: float

    def confidence(self, signals: Signals) -> float:
        """The probability, 0..1, that a caption with these signals is acceptable; KeyError where one is missing.

        A signal outside the range that was seen counts as the end of that range. A picture that is more unlike the
        training pictures than nearly all of them (`unlike` above 0.5) is beyond what was fitted: what was found
        there falls, to 0 where `unlike` is 1.
        """
        total = 0.0
        for name, mean, scale, low, high, weight in self.terms:
            total += weight * min(max((signals[name] - mean) / scale, low), high)
        curve = 1 / (1 + math.exp(-min(max(self.offset + self.slope * total, -30.0), 30.0)))
        return curve * min(1.0, 2 * (1 - signals["unlike"]))

    def to_json(self) -> bytes:
        """The content of `calibration.json`."""
        body = {
            "version": VERSION,
            "decoding": self.decoding,
            "images": self.images,
            "acceptable": self.acceptable,
            "human_median": self.human_median,
            "offset": self.offset,
            "slope": self.slope,
            "signals": [term._asdict() for term in self.terms],
        }
        return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> Calibration:
        """Read what `to_json` wrote.

        Raises:
            FormatError: it is of a newer version.
            BundleError: it is damaged.

        """
        try:
            body: dict[str, Any] = json.loads(content)
            if int(body["version"]) > VERSION:
                raise FormatError("calibration.json is of a newer version: update with pip install -U mezzetin")
            terms = (
                Term(str(each["name"]), *(_number(each[key]) for key in Term._fields[1:])) for each in body["signals"]
            )
            read = cls(
                tuple(terms),
                offset=_number(body["offset"]),
                slope=_number(body["slope"]),
                decoding=str(body["decoding"]),
                images=int(body["images"]),
                acceptable=_number(body["acceptable"]),
                human_median=_number(body["human_median"]),
            )
            # All that can go wrong later goes wrong now.
            read.confidence({"unlike": 0.0, **{term.name: term.mean for term in read.terms}})
        except (ValueError, KeyError, TypeError, OverflowError, ArithmeticError, RecursionError) as error:
            raise BundleError("calibration.json can't be read: make or fetch the bundle again") from error
        return read


def fit_calibration(
    signals: Sequence[Signals], quality: Sequence[float] | Floats, bar: float, *, decoding: str = ""
) -> Calibration | None:
    """Fit to captions with their `quality` (CIDEr-D, 0..10), acceptable from `bar` on.

    None where there are too few pictures, or too few of either kind. What is found does not depend on the order of the
    pictures. A higher score never makes a caption less sure, nor does less hesitation or a better fit: a signal whose
    weight has the wrong sign is noise, and left out.
    """
    scores_N = np.asarray(quality, np.float64)
    good_N = (scores_N >= bar) & (scores_N > 0)
    needed = LEAST_PICTURES // 10
    if len(scores_N) < LEAST_PICTURES or good_N.sum() < needed or (~good_N).sum() < needed:
        return None
    names = sorted(set.intersection(*(set(each) for each in signals)) - {"unlike"})
    while True:
        raw_NS = np.array([[each[name] for name in names] for each in signals], np.float64).reshape(len(good_N), -1)
        order = np.lexsort((*raw_NS.T, scores_N))
        means_S, scales_S = raw_NS.mean(0), np.maximum(raw_NS.std(0), 1e-6)
        seen_NS, target_N = ((raw_NS - means_S) / scales_S)[order], np.sqrt(scores_N[order])
        weights_S = _regress(seen_NS, target_N, names)
        wrong = {n for n, weight in zip(names, weights_S, strict=True) if weight * _WANTED_SIGNS.get(n, 0.0) < 0}
        if not wrong:
            break
        names = [name for name in names if name not in wrong]
    offset, slope = _curve(_foretold(seen_NS, target_N, names), good_N[order])
    columns = np.stack([means_S, scales_S, seen_NS.min(0), seen_NS.max(0), weights_S], 1).round(_DIGITS).tolist()
    return Calibration(
        tuple(Term(name, *numbers) for name, numbers in zip(names, columns, strict=True)),
        offset=round(offset, _DIGITS),
        slope=round(slope, _DIGITS),
        decoding=decoding,
        images=len(scores_N),
        acceptable=round(float(good_N.mean()), _DIGITS),
        human_median=round(bar, _DIGITS),
    )


def scene_of(gists_NC: NDArray[Any], mean_C: NDArray[Any], directions_RC: NDArray[Any]) -> NDArray[np.float32]:
    """Where pictures lie along the main directions of a feature space, `[N, 16]` or fewer.

    Signed square roots of the gists, centred, as the space itself takes them; in standard deviations.
    """
    tamed_NC = np.sign(gists_NC) * np.sqrt(np.abs(gists_NC))
    return np.asarray((tamed_NC - mean_C) @ directions_RC[:SCENE].T, np.float32)


def _regress(seen_NS: Floats, target_N: Floats, names: Sequence[str]) -> Floats:
    """Ridge regression on standardised signals; what the scene adds is held to half of what it seems to add."""
    penalties_S = np.array([float(len(seen_NS)) if name in _SCENES else 1.0 for name in names])
    centred_N = target_N - target_N.mean()
    normal = seen_NS.T @ seen_NS + np.diag(penalties_S)
    return np.asarray(np.linalg.solve(normal, seen_NS.T @ centred_N), np.float64)


def _foretold(seen_NS: Floats, target_N: Floats, names: Sequence[str]) -> Floats:
    """What a regression on the other nine tenths says of each picture."""
    tenth_N = np.arange(len(target_N)) % _TENTHS
    found_N = np.empty(len(target_N))
    for tenth in range(_TENTHS):
        out = tenth_N == tenth
        found_N[out] = seen_NS[out] @ _regress(seen_NS[~out], target_N[~out], names)
    return found_N


def _curve(foretold_N: Floats, good_N: NDArray[np.bool_]) -> tuple[float, float]:
    """Offset and slope of the logistic curve, by Newton's method; the slope is never negative."""
    scale = max(float(foretold_N.std()), 1e-9)
    design_N2 = np.stack([np.ones_like(foretold_N), foretold_N / scale], 1)
    # As much doubt as one picture has: a bounded slope even where the curve could be a step.
    penalty, weights = np.diag([0.0, 1.0]), np.zeros(2)
    weights[0] = math.log(good_N.mean() / (1 - good_N.mean()))
    for _ in range(50):
        share_N = 1 / (1 + np.exp(-np.clip(design_N2 @ weights, -30, 30)))
        slope = design_N2.T @ (good_N - share_N) - penalty @ weights
        bend = (design_N2.T * (share_N * (1 - share_N))) @ design_N2 + penalty
        change = np.linalg.solve(bend + 1e-9 * np.eye(2), slope)
        weights = weights + np.clip(change, -1, 1)
        if np.abs(change).max() < 1e-10:
            break
    if weights[1] < 0:
        return math.log(good_N.mean() / (1 - good_N.mean())), 0.0
    return float(weights[0]), float(weights[1] / scale)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)
