"""Nucleus sampling: the right words at the right rates, the same for a seed, whoever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mezzetin.decoding.beam import beam_search
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.sampling import nucleus, sample
from mezzetin.decoding.step import FloatArray, Hypothesis, IntArray
from mezzetin.vocabulary import END

NOTHING = np.zeros(0, np.float32)
WORDS = 12


class Model:
    """What is said hangs on the word before, the place, and the image, whose number is its memory."""

    def __init__(self, seed: int, end: float = 0.0) -> None:
        loud = np.random.default_rng(seed).normal(size=(16, 12, WORDS, WORDS))
        loud[..., END] += end
        self.table = np.asarray(loud - np.log(np.exp(loud).sum(-1, keepdims=True)), np.float32)

    def __call__(self, token: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
        said = self.table[memory[:, :1].astype(int), state.shape[-1], token]
        return said, np.concatenate([state, token[..., None].astype(np.float32)], -1)

    def draw(self, options: DecodingOptions, images: list[int], keys: list[int]) -> list[list[Hypothesis]]:
        return sample(self, np.array(images, np.float32)[:, None], NOTHING, options, keys)


def log_rows(count: int) -> st.SearchStrategy[FloatArray]:
    numbers = arrays(np.float32, (count, 8), elements=st.floats(-20, 0, width=32))
    return numbers.map(lambda logits: logits - np.log(np.exp(logits).sum(1, keepdims=True)))


@settings(max_examples=150, deadline=None)
@given(logp=log_rows(3), top_p=st.floats(0.01, 1), temperature=st.floats(0.2, 3))
def test_the_nucleus_is_the_fewest_likeliest_words(logp: FloatArray, top_p: float, temperature: float) -> None:
    for row, odds in zip(logp.astype(np.float64), nucleus(logp, top_p, temperature), strict=True):
        all_odds = np.exp(row / temperature)
        share = all_odds / all_odds.sum()
        kept = odds > 0
        assert kept.any() and share[kept].min() >= share[~kept].max(initial=0)
        assert share[kept].sum() >= top_p - 1e-9
        strictly_likelier = share > share[kept].min() + 1e-12
        assert share[strictly_likelier].sum() < top_p + 1e-9, "without the least likely of them it would not do"
        assert odds[kept] / odds.sum() == pytest.approx(share[kept] / share[kept].sum(), rel=1e-5)


def test_what_no_word_follows_has_no_nucleus() -> None:
    rows = np.array([[-np.inf] * 5, [np.nan] * 5, [np.nan, -1, -np.inf, -1, np.nan]], np.float32)
    for top_p in (0.5, 1.0):
        assert (nucleus(rows, top_p, 1.0) > 0).tolist() == [[False] * 5, [False] * 5, [False, True, False, True, False]]


@pytest.mark.parametrize(("top_p", "temperature"), [(1.0, 1.0), (0.8, 1.0), (0.9, 0.5), (1.0, 2.0)])
def test_words_come_as_often_as_the_nucleus_says(top_p: float, temperature: float) -> None:
    model, draws = Model(7), 4000
    options = DecodingOptions(samples=1, max_words=1, top_p=top_p, temperature=temperature, seed=3)
    found = model.draw(options, [0] * draws, list(range(draws)))
    counts = np.bincount([ranked[0].words[0] for ranked in found], minlength=WORDS)
    first = model.table[0, 0, 1].copy()
    first[:4] = -np.inf
    odds = nucleus(first[None], top_p, temperature)[0]
    expected = draws * odds / odds.sum()
    assert not counts[expected == 0].any()
    likely = expected > 0
    chi_square = float(((counts - expected)[likely] ** 2 / expected[likely]).sum())
    # Of 7 degrees of freedom, above 24 with a probability of 1 in 1,000; the seed is fixed.
    assert chi_square < 24


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), order=st.permutations([0, 1, 2, 3, 4]))
def test_the_same_seed_draws_the_same_whatever_the_batch(seed: int, order: list[int]) -> None:
    model = Model(1)
    options = DecodingOptions(samples=3, max_words=6, seed=seed)
    together = model.draw(options, order, [100 + image for image in order])
    assert together == [model.draw(options, [image], [100 + image])[0] for image in order]


def test_another_seed_or_another_key_draws_others() -> None:
    model = Model(2)
    one, other = (model.draw(DecodingOptions(samples=6, max_words=5, seed=seed), [0], [5])[0] for seed in (0, 1))
    (elsewhere,) = model.draw(DecodingOptions(samples=6, max_words=5), [0], [6])
    assert one != other != elsewhere != one


def test_alike_pictures_do_not_share_their_luck() -> None:
    found = Model(2).draw(DecodingOptions(samples=1, max_words=4), [0] * 40, list(range(40)))
    assert len({ranked[0].words for ranked in found}) > 10


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), end=st.sampled_from([-3.0, 0.0, 3.0]))
def test_the_narrowest_nucleus_is_greedy(seed: int, end: float) -> None:
    model = Model(seed, end)
    drawn = model.draw(DecodingOptions(samples=2, top_p=1e-9, max_words=6), [0, 1], [8, 9])
    memory = np.array([[0], [1]], np.float32)
    assert drawn == beam_search(model, memory, NOTHING, DecodingOptions(beam=1, max_words=6))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), temperature=st.sampled_from([0.3, 1.0, 3.0]))
def test_captions_are_distinct_ranked_and_as_the_model_says_them(seed: int, temperature: float) -> None:
    model, options = Model(seed), DecodingOptions(samples=8, max_words=4, temperature=temperature)
    for image, ranked in enumerate(model.draw(options, [0, 1], [0, 1])):
        assert 1 <= len(ranked) <= 8 and len({h.words for h in ranked}) == len(ranked)
        assert ranked == sorted(ranked, key=lambda h: -h.rank(options.length_penalty))
        for hypothesis in ranked:
            path = (1, *hypothesis.words, END)
            said = [float(model.table[image, at, path[at], path[at + 1]]) for at in range(len(path) - 1)]
            assert hypothesis.log_probabilities == tuple(said)
            assert 1 <= len(hypothesis.words) <= 4 and min(hypothesis.words) > 3


def test_an_image_about_which_the_model_knows_nothing_has_no_caption() -> None:
    model = Model(4)
    model.table[1] = np.nan
    options = DecodingOptions(samples=2, max_words=5)
    good, silent = model.draw(options, [0, 1], [0, 1])
    assert silent == [] and good == model.draw(options, [0], [0])[0]


def test_no_images_give_no_captions() -> None:
    assert Model(0).draw(DecodingOptions(samples=2), [], []) == []
