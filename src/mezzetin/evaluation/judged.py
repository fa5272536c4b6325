"""What an evaluation looks at: pictures with what a captioner said and what people wrote, tokenised once.

Enters: captions and references. Leaves: `Judged` pictures, and `Material`, from which every section of an evaluation
is computed. Memory holds words and a few numbers a picture, never its pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mezzetin.metrics.cider import cider_d
from mezzetin.text import tokenise

Tokens = list[str]


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks, measured on its pixels at most 256 wide.

    `sharpness` is the standard deviation of the grey levels' Laplacian; `brightness` the mean grey level, 0..1;
    `plainness` the share of the picture, 0..1, that has hardly any edge in it.
    """

    sharpness: float
    brightness: float
    plainness: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One evaluated picture, in words; `hypothesis` is empty where the captioner had none."""

    image_id: str
    hypothesis: str
    references: tuple[str, ...]
    confidence: float | None = None
    unlike_training: float | None = None
    look: Look | None = None


@dataclass(frozen=True)
class Material:
    """Pictures with their tokens and the CIDEr-D of each, `cider` (images,), 0..10, in the same order."""

    pictures: tuple[Judged, ...]
    hypotheses: list[Tokens] = field(repr=False)
    references: list[list[Tokens]] = field(repr=False)
    cider: NDArray[np.float64] = field(repr=False)


def material_of(pictures: Sequence[Judged]) -> Material:
    """Tokenise and score once what all sections share.

    Raises:
        InputError: there are no pictures, or one has no references.

    """
    hypotheses = [tokenise(picture.hypothesis) for picture in pictures]
    references = [[tokenise(reference) for reference in picture.references] for picture in pictures]
    return Material(tuple(pictures), hypotheses, references, cider_d(references, hypotheses))
