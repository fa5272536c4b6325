"""What is scored: for every image its references and one hypothesis, as tokens.

Enters: token lists (images x references x tokens; images x tokens). Leaves: the same, checked; n-gram counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mezzetin.errors import InputError

Tokens: TypeAlias = Sequence[str]
References: TypeAlias = Sequence[Sequence[Tokens]]
Hypotheses: TypeAlias = Sequence[Tokens]
Floats: TypeAlias = NDArray[np.float64]

ORDERS = 4


def check_references(references: References) -> None:
    """Check that there are images, each with references that are lists of tokens.

    Raises:
        InputError: there is no image, an image has no reference, or a reference is plain text.

    """
    if not references:
        raise InputError("there is nothing to score: give at least one image with its references")
    for index, image in enumerate(references):
        if not image:
            raise InputError(f"image {index} has no reference caption: leave it out or caption it")
        if isinstance(image, str) or any(isinstance(reference, str) for reference in image):
            raise InputError(f"the references of image {index} are text: tokenise each of them first")


def check_corpus(references: References, hypotheses: Hypotheses) -> None:
    """Check that every image has references and exactly one hypothesis, all of them token lists.

    Raises:
        InputError: as `check_references`, or the lengths differ, or a hypothesis is plain text.

    """
    if len(references) != len(hypotheses):
        raise InputError(
            f"{len(references)} images have references but {len(hypotheses)} have a hypothesis: "
            "give one hypothesis an image, in the same order"
        )
    check_references(references)
    for index, hypothesis in enumerate(hypotheses):
        if isinstance(hypothesis, str):
            raise InputError(f"the hypothesis of image {index} is text: tokenise it first")


def ngram_counts(tokens: Tokens) -> Counter[tuple[str, ...]]:
    """Count the n-grams of orders 1 to 4."""
    # Slices of the words, zipped, keep the whole count out of Python's bytecode.
    shifted = [tokens[start:] for start in range(ORDERS)]
    return Counter(chain.from_iterable(zip(*shifted[:order], strict=False) for order in range(1, ORDERS + 1)))
