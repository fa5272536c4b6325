"""BLEU-1 to BLEU-4: clipped n-gram precision with a brevity penalty (Papineni et al., ACL 2002).

The reference length is the one closest to the hypothesis (the shorter of two equally close), and the
smoothing constants are those of the Microsoft COCO caption evaluation, so that the numbers are the ones that
captioning papers print. Enters: tokens. Leaves: ten additive statistics an image; BLEU of any sum of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mezzetin.metrics.corpus import ORDERS, Floats, Hypotheses, References, Tokens, ngram_counts

# They keep a corpus without a match at zero instead of undefined.
_TINY, _SMALL = 1e-15, 1e-9


def bleu_statistics(references: References, hypotheses: Hypotheses) -> Floats:
    """Count per image: matches of orders 1-4, n-grams of orders 1-4, length, closest reference length.

    Shape (images, 10); the rows may be summed over any set of images.
    """
    rows = [_row(image, hypothesis) for image, hypothesis in zip(references, hypotheses, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2 * ORDERS + 2)


def bleu(statistics: Floats) -> Floats:
    """BLEU-1 to BLEU-4, 0..1, of summed statistics: (..., 10) gives (..., 4)."""
    matches, ngrams = statistics[..., :ORDERS], statistics[..., ORDERS : 2 * ORDERS]
    precision = np.cumprod((matches + _TINY) / (ngrams + _SMALL), axis=-1)
    geometric = precision ** (1.0 / np.arange(1, ORDERS + 1))
    ratio = (statistics[..., -2:-1] + _TINY) / (statistics[..., -1:] + _SMALL)
    brevity = np.exp(np.minimum(0.0, 1.0 - 1.0 / ratio))
    return np.asarray(geometric * brevity, dtype=np.float64)


def _row(references: Sequence[Tokens], hypothesis: Tokens) -> list[int]:
    theirs = [ngram_counts(reference) for reference in references]
    matches = [0] * ORDERS
    for ngram, count in ngram_counts(hypothesis).items():
        most = max([own.get(ngram, 0) for own in theirs])
        if most:
            matches[len(ngram) - 1] += min(count, most)
    length = len(hypothesis)
    ngrams = [max(0, length - order) for order in range(ORDERS)]
    closest = min((abs(len(reference) - length), len(reference)) for reference in references)[1]
    return [*matches, *ngrams, length, closest]
