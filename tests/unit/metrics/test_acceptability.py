"""Acceptable is what reaches the median human caption; people are measured against the others of their picture."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from mezzetin.errors import InputError
from mezzetin.metrics.acceptability import acceptable, human_median
from mezzetin.metrics.cider import CiderD

WORDS = [f"w{number}" for number in range(300)]


def corpus(images: int, people: int, seed: int = 0) -> list[list[list[str]]]:
    random = np.random.default_rng(seed)
    made = []
    for _ in range(images):
        topic = random.choice(len(WORDS), 14)
        made.append([[WORDS[n] for n in random.choice(topic, random.integers(4, 12))] for _ in range(people)])
    return made


def test_a_person_is_measured_against_the_others_with_the_document_frequencies_of_all() -> None:
    references = corpus(12, 3)
    everyone = CiderD(references)
    scores = []
    for index, image in enumerate(references):
        for person, caption in enumerate(image):
            # CIDEr-D is a mean over references: against one alone it is what that one adds.
            pairs = [CiderD.score(_against(everyone, references, index, other), index, caption) for other in range(3)]
            scores.append(np.mean([pair for other, pair in enumerate(pairs) if other != person]))
    assert human_median(references) == pytest.approx(np.median(scores), rel=1e-5)


def _against(everyone: CiderD, references: list[list[list[str]]], index: int, other: int) -> CiderD:
    """The same document frequencies, one reference for one image."""
    alone = CiderD(references)
    alone._images[index] = alone._prepare([references[index][other]])
    assert np.array_equal(alone._idf, everyone._idf)
    return alone


def test_half_of_what_people_wrote_is_acceptable() -> None:
    references = corpus(200, 6, seed=3)
    shares = []
    for person in range(6):
        others = [[c for number, c in enumerate(image) if number != person] for image in references]
        answer = acceptable(others, [image[person] for image in references])
        assert answer is not None
        shares.append(answer.mean())
    assert np.mean(shares) == pytest.approx(0.5, abs=0.08)


def test_word_for_word_is_acceptable_and_silence_is_not() -> None:
    references = corpus(40, 5)
    answer = acceptable(references, [image[0] if number % 2 else [] for number, image in enumerate(references)])
    assert answer is not None
    assert not answer[::2].any() and answer[1::2].mean() > 0.9


def test_silence_is_not_acceptable_even_where_people_share_no_word() -> None:
    references = [[[f"a{number}"], [f"b{number}"]] for number in range(5)]
    assert human_median(references) == 0
    answer = acceptable(references, [[], ["c"], ["a2"], [], []])
    assert answer is not None and answer.tolist() == [False, False, True, False, False]


def test_one_caption_a_picture_says_nothing_of_people() -> None:
    references = corpus(10, 1)
    assert human_median(references) is None
    assert acceptable(references, [image[0] for image in references]) is None
    mixed = [*references, *corpus(10, 2, seed=5)]
    assert human_median(mixed) is not None


def test_the_order_of_pictures_and_people_does_not_matter() -> None:
    references = corpus(30, 4)
    turned = [image[::-1] for image in references[::-1]]
    assert human_median(turned) == pytest.approx(human_median(references) or 0, rel=1e-9)


def test_what_is_no_corpus_is_refused() -> None:
    corpora: list[Any] = [[], [[]], [["text"]]]
    for wrong in corpora:
        with pytest.raises(InputError):
            human_median(wrong)
    with pytest.raises(InputError, match="one hypothesis an image"):
        acceptable(corpus(2, 2), [["a"]])


def test_a_thousand_pictures_take_a_moment() -> None:
    references = corpus(1000, 5)
    begin = time.process_time()
    human_median(references)
    assert time.process_time() - begin < 3
