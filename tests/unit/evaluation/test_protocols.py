"""The protocol table: the same captions in every row, and numbers that differ for the reasons that it tells."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.evaluation.judged import Judged, material_of
from mezzetin.evaluation.protocols import protocol_table
from mezzetin.metrics import score
from mezzetin.text import tokenise

PICTURES = [
    Judged("1.jpg", "A brown cat runs.", ("A dog runs .", "The brown dog is running on grass .", "A brown dog runs")),
    Judged("2.jpg", "Two men sit on a bench.", ("2 men sit .", "Two people sit on a bench in a park .")),
    Judged("3.jpg", "A woman plays the lute.", ("A woman 's lute .", "She plays a lute in the garden .")),
]
_TEXT = st.lists(st.sampled_from(["A", "dog", "2", "runs", "t-shirt", ".", "on", "grass"]), max_size=8).map(" ".join)
_PICTURE = st.tuples(_TEXT, st.lists(_TEXT, min_size=1, max_size=3))
_PICTURES = st.lists(_PICTURE, min_size=1, max_size=5).map(
    lambda items: [Judged(f"{n}.jpg", text, tuple(own)) for n, (text, own) in enumerate(items)]
)


def table(pictures: list[Judged]) -> dict[str, tuple[float, ...]]:
    return {row.name: row.bleu for row in protocol_table(material_of(pictures))}


def test_the_first_row_is_the_official_score() -> None:
    references = [[tokenise(text) for text in picture.references] for picture in PICTURES]
    official = score(references, [tokenise(picture.hypothesis) for picture in PICTURES], protocol="p", resamples=10)
    rows = protocol_table(material_of(PICTURES))
    assert rows[0].name == "official scorer"
    assert rows[0].bleu == pytest.approx([found.value for found in official[:4]])


def test_every_row_says_how_and_only_the_last_is_an_error() -> None:
    rows = protocol_table(material_of(PICTURES))
    assert len({row.name for row in rows}) == len({row.how for row in rows}) == len(rows) == 7
    assert ["error" in row.name for row in rows] == [False] * 6 + [True]
    assert ["error" in row.how for row in rows] == [False] * 6 + [True]
    assert all(row.how.endswith(".") for row in rows)
    (sentences,) = (row for row in rows if row.name == "mean of sentences")
    assert "method1" in sentences.how, "the smoothing is told"


def test_the_reasons_move_the_numbers_as_they_should() -> None:
    found = table(PICTURES)
    # Two words that always match can only help; fewer references can only hurt; capitals and full stops differ.
    assert found["tutorial, tokens left in"][0] > found["tutorial"][0]
    assert found["one reference"][0] < found["official scorer"][0]
    assert found["NLTK on raw words"][0] < found["official scorer"][0]
    assert found["NLTK on characters (an error)"][0] > found["official scorer"][0]
    assert max(values[0] for values in found.values()) - min(values[0] for values in found.values()) > 0.3


def test_the_tutorials_third_weights_sum_to_less_than_one() -> None:
    perfect = [Judged("1.jpg", "the dog runs over grass", ("the dog runs over grass",))]
    assert table(perfect)["tutorial"] == pytest.approx((1, 1, 1, 1))
    found = table(PICTURES)["tutorial"]
    assert found[2] ** (1 / 0.9) < found[2], "a sum of 0.9 makes of each BLEU-3 below one a higher one"


def test_where_there_is_one_reference_all_references_are_one() -> None:
    single = [Judged(p.image_id, p.hypothesis, p.references[:1]) for p in PICTURES]
    found = table(single)
    assert found["one reference"] == found["official scorer"]


def test_no_captions_score_nought_in_every_row_but_for_the_tokens_left_in() -> None:
    found = table([Judged(p.image_id, "", p.references) for p in PICTURES])
    left_in = found.pop("tutorial, tokens left in")
    assert left_in[0] > 0, "startseq and endseq match where nothing was said: that is what is wrong with it"
    assert all(values == (0, 0, 0, 0) for values in found.values())


@settings(max_examples=60)
@given(_PICTURES, st.randoms(use_true_random=False))
def test_neither_order_nor_repeated_pictures_change_a_row(pictures: list[Judged], shuffler: Random) -> None:
    before = table(pictures)
    mixed = list(pictures) * 2
    shuffler.shuffle(mixed)
    for name, values in table(mixed).items():
        assert values == pytest.approx(before[name], abs=1e-3), name


@settings(max_examples=60)
@given(_PICTURES)
def test_every_number_is_a_share(pictures: list[Judged]) -> None:
    for value in itertools.chain.from_iterable(table(pictures).values()):
        assert 0 <= value <= 1 + 1e-9


@settings(max_examples=40)
@given(_PICTURES)
def test_a_reference_given_twice_changes_nothing(pictures: list[Judged]) -> None:
    twice = [Judged(p.image_id, p.hypothesis, p.references * 2) for p in pictures]
    before = table(pictures)
    for name, values in table(twice).items():
        assert values == pytest.approx(before[name], abs=1e-9), name
