"""Which captions are acceptable: as close to what people wrote as people are to each other.

A human caption is measured against the others of its picture by CIDEr-D. The median over all human captions of a set
of pictures is the bar, one number for the set; a machine's caption is acceptable when its CIDEr-D, against all captions
of its picture, is at least that. By this definition half of the captions that people wrote are acceptable. Document
frequencies come from the references of the set, for people and machine alike. CIDEr-D is a mean over references, so
that one reference fewer makes a score less exact, and neither higher nor lower.

Enters: tokenised references and hypotheses. Leaves: the bar, and a yes or no a picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mezzetin.metrics.cider import SIGMA, CiderD, _Image
from mezzetin.metrics.corpus import ORDERS, Floats, Hypotheses, References, check_corpus


class _Consensus(CiderD):
    """CIDEr-D that can also measure the references of an image against each other."""

    def median(self) -> float | None:
        """The bar; None where no image has two references."""
        orders = np.array([len(ngram) - 1 for ngram in self._numbers], np.int64)
        several = [self._among(image, orders) for image in self._images if len(image.lengths) > 1]
        return float(np.median(np.concatenate(several))) if several else None

    def _among(self, image: _Image, orders: NDArray[np.int64]) -> Floats:
        """CIDEr-D of each of an image's R references against the others: as `score`, for all of them at once."""
        of_order_NU = orders[image.ngrams] == np.arange(ORDERS)[:, None]
        own_UR1, others_U1R = image.weights[:, :, None].astype(np.float64), image.weights[:, None, :]
        clipped_URR = np.minimum(own_UR1, others_U1R) * others_U1R
        dots_NRR = np.tensordot(of_order_NU.astype(np.float64), clipped_URR, 1)
        scale_NRR = image.norms[:, :, None] * image.norms[:, None, :]
        cosines_NRR = np.divide(dots_NRR, scale_NRR, out=np.zeros_like(dots_NRR), where=scale_NRR > 0)
        apart_RR = image.lengths[:, None] - image.lengths
        scores_RR = 10.0 * cosines_NRR.mean(0) * np.exp(-(apart_RR**2) / (2 * SIGMA**2))
        np.fill_diagonal(scores_RR, 0)
        return np.asarray(scores_RR.sum(1) / (len(apart_RR) - 1))


def human_median(references: References) -> float | None:
    """CIDEr-D, 0..10, of the median human caption against the others of its picture.

    `references` are images x references x tokens; images with one reference count for document frequencies alone.
    None where no image has two.

    Raises:
        InputError: there is no image, an image has no reference, or a reference is plain text.

    """
    return _Consensus(references).median()


def acceptable(references: References, hypotheses: Hypotheses) -> NDArray[np.bool_] | None:
    """Whether each image's hypothesis reaches `human_median`, shape (images,); None where there is no such bar.

    Raises:
        InputError: the lengths differ, an image has no reference, or text was not tokenised.

    """
    check_corpus(references, hypotheses)
    consensus = _Consensus(references)
    bar = consensus.median()
    if bar is None:
        return None
    scores: Floats = consensus.scores(hypotheses)
    # An empty caption is never acceptable, however little people agree.
    return (scores >= bar) & (scores > 0)
