"""How sure a bundle is of the captions that it found, and which of them are too unsure to be told.

Enters: the best hypothesis of each picture, the watched search that found it, the pictures' gists. Leaves: signals,
confidences, and captions that are withheld. Tensor names: B pictures, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mezzetin.bundle import Bundle
from mezzetin.confidence import Signals, scene_of, signals_of
from mezzetin.decoding.step import FloatArray, Hypothesis
from mezzetin.decoding.watching import WatchedStep
from mezzetin.errors import InputError
from mezzetin.matching import Matcher
from mezzetin.novelty import FeatureSpace
from mezzetin.records import Caption, ItemError

LOW_CONFIDENCE = "low_confidence"
"""The code of an item whose caption was withheld: no failure, but an answer."""


def is_withheld(caption: Caption) -> bool:
    """Whether an item without text is one whose caption was too unsure."""
    return caption.error is not None and caption.error.code == LOW_CONFIDENCE


class Gauge:
    """Measures captions of one bundle; `least` is the confidence below which a caption is withheld.

    Raises:
        InputError: `least` is out of range, or the bundle has no calibration to measure it by.
        BundleError: the bundle's calibration is damaged.

    """

    def __init__(self, bundle: Bundle, space: FeatureSpace, matcher: Matcher | None, least: float | None) -> None:
        self._calibration = bundle.calibration
        self._space, self._matcher, self._least = space, matcher, least
        if least is not None and not 0 <= least <= 1:
            raise InputError(f"min_confidence is {least:g}: give a number from 0 to 1")
        if least is not None and self._calibration is None:
            raise InputError(
                f"{bundle.folder} has no calibration, so its captions have no confidence: leave min_confidence out"
            )

    def signals(
        self, best: Sequence[Hypothesis | None], step: WatchedStep, gist_BC: FloatArray
    ) -> list[Signals | None]:
        """What tells how good each picture's caption is; None where there is none."""
        unlike = self._space.unlike(gist_BC).tolist()
        scenes = scene_of(gist_BC, self._space.mean_C, self._space.directions_RC).tolist()
        fits = self._fits(best, gist_BC)
        return [
            None
            if found is None
            else signals_of(
                found.words,
                found.log_probabilities,
                step.openness(image, found.words),
                scene=scenes[image],
                unlike=unlike[image],
                fit=fits[image],
            )
            for image, found in enumerate(best)
        ]

    def confidence(self, signals: Signals) -> float | None:
        """0..1, to four digits; None where the bundle has no calibration."""
        return None if self._calibration is None else round(self._calibration.confidence(signals), 4)

    def told(self, caption: Caption) -> Caption:
        """The caption, or an item without text where its confidence is too low."""
        sure = caption.confidence
        if self._least is None or sure is None or sure >= self._least:
            return caption
        why = f"confidence {sure:g} is below {self._least:g}: have a person caption it, or ask for less confidence"
        return replace(caption, text=None, tokens=(), alternatives=(), error=ItemError(LOW_CONFIDENCE, why))

    def _fits(self, best: Sequence[Hypothesis | None], gist_BC: FloatArray) -> list[float | None]:
        if self._matcher is None:
            return [None] * len(best)
        pairs = zip(best, self._matcher.pictures(gist_BC), strict=True)
        return [None if found is None else float(self._matcher.fit(at, [found.words])[0]) for found, at in pairs]
