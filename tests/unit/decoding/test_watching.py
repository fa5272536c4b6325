"""A watched search finds what a search finds, and knows afterwards how open each of its words was."""

from __future__ import annotations

import numpy as np
import pytest

from mezzetin.decoding.beam import beam_search
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.sampling import sample
from mezzetin.decoding.step import FloatArray, Hypothesis, IntArray, Step
from mezzetin.decoding.watching import FREQUENT, WatchedStep, entropies
from mezzetin.vocabulary import START

IMAGES, WORDS = 4, 12
OPTIONS = [
    DecodingOptions(beam=1, max_words=8),
    DecodingOptions(beam=4, max_words=8),
    DecodingOptions(beam=6, groups=3, max_words=8, no_repeat=2),
    DecodingOptions(samples=5, max_words=8, seed=3),
]


def distribution(image: float, said: tuple[int, ...]) -> FloatArray:
    """What the decoder below says after these words: its own for every image and every beginning."""
    random = np.random.default_rng([int(image), *said])
    shares = random.dirichlet(np.full(WORDS, 0.4)) + 1e-6
    return np.asarray(np.log(shares / shares.sum()))


def step(token_BK: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A decoder whose state is the words so far; an axis of it grows by one a word."""
    grown = np.concatenate([state, token_BK[..., None]], -1).astype(np.float32)
    logp = [
        [distribution(image[0], tuple(int(w) for w in row)) for row in rows]
        for image, rows in zip(memory, grown, strict=True)
    ]
    return np.array(logp, np.float32), grown


def search(options: DecodingOptions, *, watch: bool) -> tuple[list[list[Hypothesis]], WatchedStep]:
    memory, start = np.arange(IMAGES, dtype=np.float32)[:, None] + 7, np.zeros((0,), np.float32)
    watched = WatchedStep(step, memory, start)
    used: Step = watched if watch else step
    given, begin = (watched.images, watched.start) if watch else (memory, start)
    if options.samples:
        return sample(used, given, begin, options, list(range(IMAGES))), watched
    return beam_search(used, given, begin, options), watched


@pytest.mark.parametrize("options", OPTIONS, ids=["greedy", "beam", "groups", "samples"])
def test_it_changes_nothing_and_knows_the_entropy_of_every_word_of_every_caption(options: DecodingOptions) -> None:
    found, watched = search(options, watch=True)
    assert found == search(options, watch=False)[0]
    assert sum(len(each) for each in found) > IMAGES or options.beam == 1
    for image, hypotheses in enumerate(found):
        for hypothesis in hypotheses:
            begun = [(START, *hypothesis.words[:place]) for place in range(len(hypothesis.words) + 1)]
            true = [-(np.exp(d) * d).sum() for d in (distribution(image + 7, words) for words in begun)]
            assert watched.openness(image, hypothesis.words) == pytest.approx(true, abs=1e-5)


def test_impossible_words_count_nothing_and_rare_ones_as_one() -> None:
    logp = np.full((1, 2, FREQUENT + 50), -np.inf, np.float32)
    logp[0, 0, :4] = np.log(0.25)
    logp[0, 1, 0], logp[0, 1, FREQUENT:] = np.log(0.5), np.log(0.01)
    assert entropies(logp)[0] == pytest.approx([np.log(4), np.log(2)], abs=1e-4)
