"""Loading: a captioner by the name of its bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from mezzetin.captioner.describing import BundleCaptioner
from mezzetin.captioner.opening import default_options
from mezzetin.decoding.options import DecodingChanges
from mezzetin.pixels import DEFAULT_MAX_PIXELS
from mezzetin.registry.reference import find_model


def load_captioner(
    model: str | Path | None = None,
    *,
    beam: int | None = None,
    alternatives: int = 0,
    threads: int = 1,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    min_confidence: float | None = None,
    **decoding: Unpack[DecodingChanges],
) -> BundleCaptioner:
    """Open a captioner: a bundle's folder, a model of the registry, or the bundled one when `model` is left out.

    `decoding` replaces defaults of the bundle by name: `no_repeat=3`, `avoid=["dog"]`, `gender_neutral=True`; see
    `DecodingOptions`. The beam that nobody asked for grows to hold alternatives and groups, and so do the samples.
    A caption of less than `min_confidence` becomes an item without text, whose error is `low_confidence`.

    Raises:
        BundleError: there is no bundle, it is incomplete or altered, or of a newer format.
        InputError: a value is out of range, two exclude each other, `min_confidence` is asked of a bundle without a
            calibration, or the registry has no such model.
        EnvironmentProblem: the registry does not answer.

    """
    bundle = find_model(model)
    options = default_options(bundle).adapted(decoding, beam=beam, captions=alternatives + 1)
    return BundleCaptioner(
        bundle,
        options=options,
        alternatives=alternatives,
        threads=threads,
        max_pixels=max_pixels,
        min_confidence=min_confidence,
    )
