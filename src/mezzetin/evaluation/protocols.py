"""The protocol table: one set of captions under the ways in which people compute "BLEU".

Enters: an evaluation's material. Leaves: a row a protocol, the published one first. The captions are the same in every
row; only cleaning, references and arithmetic differ, so that the rows show what a bare "BLEU-1 0.6" does not tell.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np

from mezzetin.evaluation.findings import ProtocolRow
from mezzetin.evaluation.judged import Material
from mezzetin.metrics.bleu import bleu, bleu_statistics
from mezzetin.metrics.corpus import ORDERS, Floats, Hypotheses, References
from mezzetin.text import clean_words

#: The weights of the well-known tutorials on Flickr8k: those of BLEU-3 sum to 0.9, which raises it.
TUTORIAL_WEIGHTS = ((1.0, 0.0, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0), (0.3, 0.3, 0.3, 0.0), (0.25, 0.25, 0.25, 0.25))
EVEN_WEIGHTS = ((1.0,), (1 / 2,) * 2, (1 / 3,) * 3, (1 / 4,) * 4)
START, END = "startseq", "endseq"
_EPSILON = 0.1

Weights = Sequence[Sequence[float]]


def protocol_table(material: Material) -> tuple[ProtocolRow, ...]:
    """BLEU-1 to BLEU-4 of the same captions under seven protocols; the last one is an error that is often made."""
    said = [picture.hypothesis for picture in material.pictures]
    wrote = [picture.references for picture in material.pictures]
    cleaned = [clean_words(caption) for caption in said], [list(map(clean_words, own)) for own in wrote]
    marked = [_marked(words) for words in cleaned[0]], [list(map(_marked, own)) for own in cleaned[1]]
    raw = [caption.split() for caption in said], [[caption.split() for caption in own] for own in wrote]
    characters = [list(caption) for caption in said], [list(map(list, own)) for own in wrote]
    official = bleu_statistics(material.references, material.hypotheses)
    first = bleu_statistics([own[:1] for own in material.references], material.hypotheses)
    rows = [
        ("official scorer", _OFFICIAL, _four(bleu(official.sum(axis=0)))),
        ("tutorial", _TUTORIAL, _corpus(*cleaned)),
        ("tutorial, tokens left in", _MARKED, _corpus(*marked)),
        ("NLTK on raw words", _RAW, _corpus(*raw, EVEN_WEIGHTS)),
        ("mean of sentences", _SENTENCES, _four(nltk_sentence_bleu(official, EVEN_WEIGHTS).mean(axis=0))),
        ("one reference", _ONE, _four(bleu(first.sum(axis=0)))),
        ("NLTK on characters (an error)", _CHARACTERS, _corpus(*characters, EVEN_WEIGHTS)),
    ]
    return tuple(ProtocolRow(*row) for row in rows)


def nltk_corpus_bleu(statistics: Floats, weights: Weights) -> list[float]:
    """What NLTK's `corpus_bleu` without smoothing says, once for each of `weights`, of the statistics of images.

    `statistics` are `bleu_statistics`, (images, 10). It differs from the published arithmetic where a caption is
    shorter than an n-gram, which then counts as one that is missed, and where an order has no match at all.
    """
    matches = statistics[:, :ORDERS].sum(axis=0)
    ngrams = np.maximum(statistics[:, ORDERS : 2 * ORDERS], 1).sum(axis=0)
    length, closest = statistics[:, -2:].sum(axis=0)
    if not matches[0]:
        return [0.0] * len(weights)
    precision = np.where(matches > 0, matches / ngrams, sys.float_info.min)
    brevity = 1.0 if length > closest else math.exp(1 - closest / length)
    return [brevity * math.exp(float(np.dot(own, np.log(precision[: len(own)])))) for own in weights]


def nltk_sentence_bleu(statistics: Floats, weights: Weights) -> Floats:
    """What NLTK's `sentence_bleu` with its smoothing `method1` says of each image; shape (images, weights).

    `method1` takes 0.1 matches where there are none (Chen and Cherry, WMT 2014).
    """
    matches = statistics[:, :ORDERS]
    ngrams = np.maximum(statistics[:, ORDERS : 2 * ORDERS], 1)
    logs = np.log(np.where(matches > 0, matches, _EPSILON) / ngrams)
    length, closest = statistics[:, -2], statistics[:, -1]
    brevity = np.exp(np.minimum(0, 1 - closest / np.maximum(length, 1)))
    values = np.stack([np.exp(logs[:, : len(own)] @ np.array(own)) for own in weights], axis=1)
    matched = (matches[:, :1] > 0).astype(np.float64)
    return np.asarray(values * brevity[:, None] * matched, np.float64)


def _corpus(
    hypotheses: Hypotheses, references: References, weights: Weights = TUTORIAL_WEIGHTS
) -> tuple[float, float, float, float]:
    return _four(nltk_corpus_bleu(bleu_statistics(references, hypotheses), weights))


def _four(values: Floats | Sequence[float]) -> tuple[float, float, float, float]:
    one, two, three, four = map(float, values)
    return one, two, three, four


def _marked(words: list[str]) -> list[str]:
    return [START, *words, END]


_OFFICIAL = (
    "The Microsoft COCO caption evaluation, as papers print it: Penn Treebank tokens without punctuation, all "
    "references, over the whole split."
)
_TUTORIAL = (
    "NLTK's corpus BLEU after the tutorials' cleaning: lower case, punctuation stripped, one-letter words and words "
    "with digits dropped, all references, weights (1, 0, 0, 0), (.5, .5, 0, 0), (.3, .3, .3, 0), "
    "(.25, .25, .25, .25)."
)
_MARKED = (
    "The same with the start and end tokens left in captions and references, as the tutorials' code has them: two "
    "words that always match."
)
_RAW = "NLTK's corpus BLEU on texts as they are written, split at spaces: case and punctuation count, even weights."
_SENTENCES = (
    "The mean over pictures of NLTK's sentence BLEU, smoothed by its method1 (0.1 matches where there are none), on "
    "the official tokens."
)
_ONE = "The official scorer, given only the first reference of each picture."
_CHARACTERS = (
    "An error that is often made: NLTK given strings in place of lists of words, and so counting characters. It says "
    "nothing of a captioner."
)
