"""Variety: distinct captions and bigrams, words used, and captions copied from training."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from mezzetin.evaluation.judged import Judged, Material, material_of
from mezzetin.evaluation.variety import variety


def material(*captions: str, references: tuple[str, ...] = ("a cat sleeps", "the dog runs")) -> Material:
    return material_of([Judged(f"{n}.jpg", said, references) for n, said in enumerate(captions)])


def test_captions_and_words_are_counted() -> None:
    found = variety(material("A dog runs.", "a dog runs", "a dog", ""), 500, None)
    assert (found.captions, found.distinct, found.words_used, found.words_known) == (3, 2, 3, 500)
    assert found.mean_words == pytest.approx(8 / 3)
    # a dog, dog runs, of five bigrams
    assert found.distinct_2 == pytest.approx(2 / 5)
    assert found.copied is None


def test_the_humans_are_one_reference_a_picture_on_average_over_the_draws() -> None:
    # Of two pictures' references "in the" is said twice, whichever are drawn: three of four bigrams differ.
    pictures = [
        Judged("0", "x", ("red in the", "dry in the", "wet in the")),
        Judged("1", "x", ("big in the", "small in the")),
    ]
    assert variety(material_of(pictures), None, None).human_distinct_2 == 3 / 4
    alone = variety(material("x", references=("one two three", "four five six")), None, None)
    assert alone.human_distinct_2 == 1


def test_a_picture_without_a_caption_is_left_out_for_humans_too() -> None:
    pictures = [Judged("a", "a dog", ("one two",)), Judged("b", "", ("one two",))]
    assert variety(material_of(pictures), None, None).human_distinct_2 == 1


def test_a_copy_is_the_same_words_whatever_case_and_punctuation() -> None:
    training = ["A dog runs .", "a dog's ball", "adog", "Somebody is dancing"]
    copied = variety(material("A dog, runs!", "a dog", "a dog's ball", "Dancing is somebody"), None, training).copied
    assert copied is not None
    assert (copied.count, copied.of) == (2, 4)
    assert copied.examples == ("2.jpg", "0.jpg")
    assert copied.share is not None and copied.share.low < 0.5 < copied.share.high


@pytest.mark.parametrize("text", ["A sign (old) says no", "a cafe\u0301 by night", "it can't be 5:30", "-LRB- x -RRB-"])
def test_a_copy_is_found_whatever_it_is_written_with(text: str) -> None:
    copied = variety(material(text), None, [text.replace("(", "-LRB- ").replace(")", " -RRB-")]).copied
    assert copied is not None and copied.count == 1


def test_training_captions_are_read_once_and_one_by_one() -> None:
    def stream() -> Iterator[str]:
        yield from ("a cat", "a dog")

    copied = variety(material("a dog"), None, stream()).copied
    assert copied is not None and copied.count == 1


def test_nothing_said_is_no_variety() -> None:
    found = variety(material("", ""), 10, ["a dog"])
    assert (found.captions, found.distinct, found.words_used, found.mean_words) == (0, 0, 0, 0)
    assert (found.distinct_2, found.human_distinct_2) == (0, 0)
    assert found.copied is not None and found.copied.share is None


def test_one_word_has_no_bigrams() -> None:
    assert variety(material("dog"), None, None).distinct_2 == 0


def test_the_order_of_the_pictures_changes_nothing() -> None:
    pictures = [
        Judged(f"{n}.jpg", f"a {('dog', 'cat', 'cow')[n % 3]} runs", (f"reference {n} is here", f"word {n} was there"))
        for n in range(30)
    ]
    shuffled = random.Random(2).sample(pictures, len(pictures))
    training = ["a dog runs"]
    assert variety(material_of(shuffled), 5, training) == variety(material_of(pictures), 5, training)
