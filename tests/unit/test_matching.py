"""The space of words and pictures: unit vectors, what counts in a text, and that a bundle's arrays give it back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.matching import Matcher
from mezzetin.vocabulary import SPECIAL, UNKNOWN

CHANNELS, WORDS, WIDTH = 12, 30, 8
words = st.lists(st.integers(len(SPECIAL), WORDS - 1), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    random = np.random.default_rng(3)
    shapes = ((CHANNELS, WIDTH), (WIDTH,), (WORDS, WIDTH), (WORDS,))
    return Matcher(*(random.normal(size=shape).astype(np.float32) for shape in shapes))


@given(said=words)
def test_a_text_is_a_unit_vector_whatever_the_order_of_its_words(matcher: Matcher, said: list[int]) -> None:
    vector = matcher.text(said)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(matcher.text(said[::-1]), vector, atol=1e-5)


@given(said=words)
def test_what_the_model_does_not_know_does_not_count(matcher: Matcher, said: list[int]) -> None:
    np.testing.assert_array_equal(matcher.text([UNKNOWN, *said]), matcher.text(said))


def test_a_text_without_known_words_fits_nothing(matcher: Matcher) -> None:
    picture = matcher.pictures(np.ones((1, CHANNELS), np.float32))[0]
    assert matcher.fit(picture, [[], [UNKNOWN]]).tolist() == [0, 0]


def test_a_heavier_word_draws_the_text_to_itself(matcher: Matcher) -> None:
    light, heavy = 10, 11
    weights = np.zeros(WORDS, np.float32)
    weights[heavy] = 20
    weighted = Matcher(matcher.picture_CD, matcher.bias_D, matcher.words_VD, weights)
    np.testing.assert_allclose(weighted.text([light, heavy]), weighted.text([heavy]), atol=1e-4)


def test_arrays_give_the_space_back(matcher: Matcher) -> None:
    read = Matcher.read(matcher.tensors() | {"novelty.mean": np.zeros(3)})
    assert read is not None
    np.testing.assert_array_equal(read.text([7, 9]), matcher.text([7, 9]))


def test_a_bundle_without_arrays_has_no_space() -> None:
    assert Matcher.read({"novelty.mean": np.zeros(3)}) is None
