"""Variety: how many different things a captioner says, and how much of it is copied from its training.

Enters: `Material`, and the training captions one by one. Leaves: a `Variety`. Any language; memory holds the captions
that are judged, never those of the training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from unicodedata import normalize
from zlib import crc32

from mezzetin.evaluation.findings import Rate, Variety
from mezzetin.evaluation.judged import Material
from mezzetin.evaluation.rates import RESAMPLES, SEED, Question, Tally, Verdict, in_order, rates_of
from mezzetin.text import tokenise

_BRACKETS = ("-lrb-", "-rrb-", "-lsb-", "-rsb-", "-lcb-", "-rcb-")
_COPIED = Question(
    "copied",
    "Captions that repeat a training caption",
    "Of the captions, those whose words are a training caption's, word for word, case and punctuation apart.",
)


def variety(
    material: Material,
    words_known: int | None,
    training_captions: Iterable[str] | None,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Variety:
    """Measure variety; `words_known` is the size of the captioner's vocabulary, None where nobody knows it.

    Distinct-2 (Li et al., NAACL 2016) falls with the number of captions: the humans' is that of as many references,
    one a picture, as the mean over as many draws as a picture has references.
    """
    material = in_order(material)
    said = [place for place, tokens in enumerate(material.hypotheses) if tokens]
    captions = [tuple(material.hypotheses[place]) for place in said]
    copied = None
    if training_captions is not None:
        names = [material.pictures[place].image_id for place in said]
        copied = _copied(captions, names, training_captions, resamples=resamples, seed=seed)
    return Variety(
        captions=len(captions),
        distinct=len(set(captions)),
        words_used=len({word for caption in captions for word in caption}),
        words_known=words_known,
        mean_words=sum(map(len, captions)) / len(captions) if captions else 0.0,
        distinct_2=_distinct_2(captions),
        human_distinct_2=_human_distinct_2(material, said),
        copied=copied,
    )


def _distinct_2(captions: Sequence[Sequence[str]]) -> float:
    """Different bigrams among all; 0 where there are none."""
    bigrams = [pair for caption in captions for pair in pairwise(caption)]
    return len(set(bigrams)) / len(bigrams) if bigrams else 0.0


def _human_distinct_2(material: Material, said: Sequence[int]) -> float:
    draws = max((len(material.references[place]) for place in said), default=0)
    # Datasets list a picture's captions in all kinds of order (of the alphabet, of the annotator): each picture
    # begins at one that its name decides.
    firsts = {place: crc32(material.pictures[place].image_id.encode()) for place in said}
    drawn = (
        _distinct_2([own[(firsts[place] + draw) % len(own)] for place in said for own in (material.references[place],)])
        for draw in range(draws)
    )
    return sum(drawn) / draws if draws else 0.0


def _letters(text: str) -> str:
    text = normalize("NFC", text.lower())
    # The tokeniser names brackets: "(" and "-lrb-" are one token.
    for name in _BRACKETS:
        text = text.replace(name, "")
    return "".join(filter(str.isalnum, text))


def _copied(
    captions: Sequence[tuple[str, ...]],
    names: Sequence[str],
    training_captions: Iterable[str],
    *,
    resamples: int,
    seed: int,
) -> Rate:
    wanted = set(captions)
    # Tokenising is dear: only what has the same letters as some caption can have the same words.
    letters = {_letters("".join(caption)) for caption in wanted}
    alike = (text for text in training_captions if _letters(text) in letters)
    known = {tokens for text in alike if (tokens := tuple(tokenise(text))) in wanted}
    verdicts = [Verdict(caption in known, 1, len(caption)) for caption in captions]
    if not verdicts:
        return Rate(_COPIED.name, _COPIED.title, _COPIED.how, 0, 0, None)
    return rates_of([Tally(_COPIED, verdicts)], names, resamples=resamples, seed=seed)[0]
