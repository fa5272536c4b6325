"""CIDEr-D: consensus with the references, telling n-grams weigh more (Vedantam et al., CVPR 2015).

Orders 1 to 4, sigma 6, times 10, document frequencies from the references, clipped as in CIDEr-D: what the
Microsoft COCO caption evaluation prints as "CIDEr". Enters: tokens. Leaves: one number 0..10 an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mezzetin.metrics.corpus import (
    ORDERS,
    Floats,
    Hypotheses,
    References,
    Tokens,
    check_references,
    ngram_counts,
)

SIGMA = 6.0


@dataclass(frozen=True, slots=True)
class _Image:
    """The references of one image: U distinct n-grams, R references, N = 4 orders.

    Shapes: `ngrams` (U) ascending, `weights` (U, R) term frequency times inverse document frequency,
    `norms` (N, R), `lengths` (R).
    """

    ngrams: NDArray[np.int32]
    weights: NDArray[np.float32]
    norms: Floats
    lengths: Floats


class CiderD:
    """CIDEr-D against fixed references, whose document frequencies are computed once.

    `references` are images x references x tokens. With the references of a training set it is the reward of
    self-critical training (Rennie et al., CVPR 2017): a score takes some tens of microseconds, an image some
    four kilobytes.

    Raises:
        InputError: there is no image, or an image has no reference.

    """

    def __init__(self, references: References) -> None:
        check_references(references)
        self._numbers: dict[tuple[str, ...], int] = {}
        frequencies: list[int] = []
        for image in references:
            for ngram in set(chain.from_iterable(ngram_counts(reference) for reference in image)):
                number = self._numbers.setdefault(ngram, len(frequencies))
                if number == len(frequencies):
                    frequencies.append(0)
                frequencies[number] += 1
        # The last entry is for n-grams that no reference has: number -1 finds it.
        self._idf = np.log(len(references)) - np.log(np.array([*frequencies, 1], dtype=np.float64))
        self._images = [self._prepare(image) for image in references]

    def score(self, index: int, hypothesis: Tokens) -> float:
        """CIDEr-D, 0..10, of one hypothesis against the references of image `index`."""
        image = self._images[index]
        if not hypothesis or not len(image.ngrams):
            return 0.0
        numbers_H, orders_H, weights_H = self._weighted(hypothesis)
        norms_N = np.sqrt(np.bincount(orders_H, weights=weights_H**2, minlength=ORDERS))
        places_H = np.minimum(np.searchsorted(image.ngrams, numbers_H), len(image.ngrams) - 1)
        shared_S = np.flatnonzero(image.ngrams[places_H] == numbers_H)
        theirs_SR = image.weights[places_H[shared_S]].astype(np.float64)
        dots_NR = np.zeros_like(image.norms)
        np.add.at(dots_NR, orders_H[shared_S], np.minimum(weights_H[shared_S, None], theirs_SR) * theirs_SR)
        scale_NR = norms_N[:, None] * image.norms
        cosines_NR = np.divide(dots_NR, scale_NR, out=np.zeros_like(dots_NR), where=scale_NR > 0)
        apart_R = image.lengths - _length(hypothesis)
        return float(10.0 * np.mean(cosines_NR * np.exp(-(apart_R**2) / (2 * SIGMA**2))))

    def scores(self, hypotheses: Hypotheses) -> Floats:
        """CIDEr-D of one hypothesis an image, in the references' order; shape (images,)."""
        pairs = zip(range(len(self._images)), hypotheses, strict=True)
        return np.array([self.score(index, hypothesis) for index, hypothesis in pairs], dtype=np.float64)

    def _weighted(self, tokens: Tokens) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        counts = ngram_counts(tokens)
        numbers = np.array([self._numbers.get(ngram, -1) for ngram in counts], dtype=np.int64)
        orders = np.array([len(ngram) - 1 for ngram in counts], dtype=np.int64)
        return numbers, orders, np.array(list(counts.values()), dtype=np.float64) * self._idf[numbers]

    def _prepare(self, references: Sequence[Tokens]) -> _Image:
        weighted = [self._weighted(reference) for reference in references]
        ngrams_U = np.unique(np.concatenate([numbers for numbers, _, _ in weighted]))
        weights_UR = np.zeros((len(ngrams_U), len(references)), dtype=np.float32)
        norms_NR = np.zeros((ORDERS, len(references)))
        for column, (numbers, orders, weights) in enumerate(weighted):
            weights_UR[np.searchsorted(ngrams_U, numbers), column] = weights
            norms_NR[:, column] = np.sqrt(np.bincount(orders, weights=weights**2, minlength=ORDERS))
        lengths_R = np.array([_length(reference) for reference in references], dtype=np.float64)
        return _Image(ngrams_U.astype(np.int32), weights_UR, norms_NR, lengths_R)


def cider_d(references: References, hypotheses: Hypotheses) -> Floats:
    """CIDEr-D of every image, 0..10, with document frequencies from these references; shape (images,)."""
    return CiderD(references).scores(hypotheses)


def _length(tokens: Tokens) -> int:
    # The reference implementation measures length in bigrams; only nought and one word tell the difference.
    return max(0, len(tokens) - 1)
