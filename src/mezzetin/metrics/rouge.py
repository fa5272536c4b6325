"""ROUGE-L: the longest common subsequence as an F-measure (Lin, ACL workshop 2004), beta 1.2 as COCO has it.

Enters: tokens. Leaves: one number 0..1 an image. Precision and recall are each the best over the references.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mezzetin.metrics.corpus import Floats, Hypotheses, References, Tokens

BETA = 1.2


def rouge_l(references: References, hypotheses: Hypotheses) -> Floats:
    """ROUGE-L of every image, 0..1; shape (images,)."""
    values = [_image(image, hypothesis) for image, hypothesis in zip(references, hypotheses, strict=True)]
    return np.array(values, dtype=np.float64)


def common_subsequence(left: Tokens, right: Tokens) -> int:
    """Length of the longest common subsequence, in tokens (bit-parallel: Hyyrö, AWOCA 2004)."""
    places: dict[str, int] = {}
    for place, token in enumerate(left):
        places[token] = places.get(token, 0) | 1 << place
    everywhere = (1 << len(left)) - 1
    # A zero bit marks a place where the subsequence grew; carries move it to the earliest such place.
    row = everywhere
    for token in right:
        found = row & places.get(token, 0)
        row = ((row + found) | (row - found)) & everywhere
    return len(left) - row.bit_count()


def _image(references: Sequence[Tokens], hypothesis: Tokens) -> float:
    common = [common_subsequence(reference, hypothesis) for reference in references]
    if not any(common):
        return 0.0
    precision = max(common) / len(hypothesis)
    recall = max(length / len(reference) for length, reference in zip(common, references, strict=True) if reference)
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)
