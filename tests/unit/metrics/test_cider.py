from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import InputError
from mezzetin.metrics import CiderD
from mezzetin.metrics.cider import cider_d
from mezzetin.metrics.rouge import common_subsequence

_REFERENCES = [
    [caption.split() for caption in image]
    for image in (
        ["a brown dog runs on the grass", "the dog runs through grass"],
        ["two men sit on a bench", "men on a wooden bench"],
        ["a boat in the harbour", "fishing boats lie at anchor", "the harbour at dusk"],
    )
]
_WORDS = st.sampled_from(
    ["a", "the", "dog", "runs", "on", "grass", "two", "men", "sit", "bench", "boat", "harbour", "zebra"]
)


@given(st.lists(st.lists(_WORDS, max_size=10), min_size=3, max_size=3))
def test_one_at_a_time_is_the_same_as_all_together(hypotheses: list[list[str]]) -> None:
    scorer = CiderD(_REFERENCES)
    singly = [scorer.score(index, words) for index, words in enumerate(hypotheses)]
    assert singly == list(cider_d(_REFERENCES, hypotheses)) == list(scorer.scores(hypotheses))


def test_the_right_image_and_the_telling_word_score_more() -> None:
    scorer = CiderD(_REFERENCES)
    words = ["a", "brown", "dog", "runs"]
    assert scorer.score(0, words) > scorer.score(1, words) >= 0
    # "a" is in every image and tells nothing; "dog" is in one.
    assert scorer.score(0, ["dog"]) > scorer.score(0, ["a"]) == 0


def test_unknown_words_dilute() -> None:
    scorer = CiderD(_REFERENCES)
    assert scorer.score(0, ["zebra"]) == 0
    assert 0 < scorer.score(0, ["zebra", "dog"]) < scorer.score(0, ["dog"])


def test_repeating_a_word_does_not_pay() -> None:
    scorer = CiderD(_REFERENCES)
    assert scorer.score(0, ["dog"] * 6) < scorer.score(0, ["the", "dog", "runs"])


def test_images_without_references_are_refused() -> None:
    with pytest.raises(InputError, match="image 1 has no reference"):
        CiderD([[["a"]], []])


@given(st.lists(_WORDS, max_size=40), st.lists(_WORDS, max_size=40))
def test_the_common_subsequence_is_as_long_as_the_textbook_says(left: list[str], right: list[str]) -> None:
    row = [0] * (len(right) + 1)
    for token in left:
        diagonal = 0
        for place, other in enumerate(right, start=1):
            above = row[place]
            row[place] = diagonal + 1 if token == other else max(row[place], row[place - 1])
            diagonal = above
    assert common_subsequence(left, right) == row[-1]
