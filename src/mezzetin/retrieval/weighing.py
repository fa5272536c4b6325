"""How much each signal counts, and from where on a picture is no answer at all.

Enters: for every candidate the cosine of the question with its texts and with the picture, and how good a place holds
its words. Leaves: a score, and whether it is one of an answer. The numbers were chosen on the validation pictures of
Flickr8k, one half for the other: bench/search.py does so again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mezzetin.retrieval.index import Floats


@dataclass(frozen=True, slots=True)
class Weights:
    """`picture` counts its cosine beside the texts', `words` what a full match in the best place adds.

    `meaning_floor` and `picture_floor` are the cosines below which nothing is alike.
    """

    picture: float = 2.0
    words: float = 0.3
    meaning_floor: float = 0.34
    picture_floor: float = 0.38


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for each of N candidates: cosines (NaN where there is nothing to compare), words 0..1.

    `known` is the share of the question's words that the picture's space has learned.
    """

    meaning_N: Floats
    picture_N: Floats
    words_N: Floats
    known: float = 1.0


def weigh(signals: Signals, weights: Weights = Weights()) -> tuple[Floats, Floats]:
    """The scores `[N]`, and by how much each is above what an answer needs; words that match need nothing more.

    A picture or text without a vector counts as the other one would have it.
    """
    meaning, picture = signals.meaning_N, signals.picture_N
    counts = weights.picture * signals.known
    has_meaning, has_picture = not np.isnan(meaning).all(), counts > 0 and not np.isnan(picture).all()
    ratio = weights.picture_floor / weights.meaning_floor
    meaning_N = np.where(np.isnan(meaning), picture / ratio, meaning) if has_meaning else np.zeros_like(meaning)
    picture_N = np.where(np.isnan(picture), meaning * ratio, picture) if has_picture else np.zeros_like(picture)
    near = np.nan_to_num(meaning_N) + counts * np.nan_to_num(picture_N)
    floor = has_meaning * weights.meaning_floor + has_picture * counts * weights.picture_floor
    scores = near + weights.words * signals.words_N
    above = np.where(signals.words_N > 0, np.inf, near - floor if floor else -np.inf)
    return scores.astype(np.float32), above.astype(np.float32)
