"""What a captioner takes out of its bundle beside the graphs: how to decode, and the spaces that pictures lie in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from mezzetin.bundle import WEIGHTS, Bundle
from mezzetin.decoding.options import OPTION_NAMES, DecodingOptions
from mezzetin.errors import BundleError, InputError
from mezzetin.matching import PREFIX as MATCHING
from mezzetin.novelty import PREFIX as NOVELTY


def default_options(bundle: Bundle) -> DecodingOptions:
    """The decoding that the bundle was trained to be used with.

    Raises:
        BundleError: it names an option or a value that this package does not know.

    """
    named = bundle.manifest["decoding"]
    unknown = sorted(set(named) - OPTION_NAMES)
    if unknown:
        raise BundleError(f"{bundle.folder} wants {unknown[0]!r} in its decoding: use a newer mezzetin")
    try:
        return DecodingOptions(**named)
    except InputError as error:
        raise BundleError(f"{bundle.folder} can't be decoded: {error}") from error


def beside_the_graphs(bundle: Bundle) -> dict[str, NDArray[np.generic]]:
    """The arrays of the weights file that no graph refers to."""
    with safe_open(bundle.folder / WEIGHTS, framework="numpy") as weights:
        names = [name for name in weights.keys() if name.startswith((NOVELTY, MATCHING))]  # noqa: SIM118
        return {name: weights.get_tensor(name) for name in names}
