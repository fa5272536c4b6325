"""Tags: which words of a caption are nouns, and how much of the beam names them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.records import Alternative, Caption, ModelInfo, Token
from mezzetin.serving.azure_vision.nouns import nouns_in
from mezzetin.serving.azure_vision.phrasing import Phrase, phrases_of, version_of
from mezzetin.serving.azure_vision.tags import LEAST, tags_of
from mezzetin.text import tokenise

INFO = ModelInfo("small", "3", "abc", "research-only")


@pytest.mark.parametrize(
    ("caption", "nouns"),
    [
        ("a brown dog runs through the grass", "dog grass"),
        ("two children slide down a slide", "child slide"),
        ("a man rides a wave on a surfboard", "man wave surfboard"),
        ("the surfer waves at the crowd", "surfer crowd"),
        ("a woman in jeans and sunglasses is sitting on a bench", "woman jeans sunglasses bench"),
        ("people are standing in front of a building", "person building"),
        ("a group of boys play soccer", "boy soccer"),
        ("a soccer player kicks the ball", "soccer player ball"),
        ("a little girl wearing a red dress smiles at the camera", "girl dress"),
        ("a man juggles three knives", "man knife"),
        ("a dog carries a stick in its mouth", "dog stick mouth"),
        ("a parked car near a swimming pool", "car pool"),
        ("two women with puppies and cookies on the beaches", "woman puppy cookie beach"),
        ("a firefighter , a policeman and two policewomen", "firefighter policeman policewoman"),
        ("a boat on the water at night", "boat water"),
        ("he is running quickly", ""),
        ("", ""),
    ],
)
def test_nouns(caption: str, nouns: str) -> None:
    assert nouns_in(tokenise(caption)) == nouns.split()


@given(st.text(max_size=80))
def test_any_text_has_nouns_that_are_words(text: str) -> None:
    assert all(noun and noun == noun.lower() for noun in nouns_in(tokenise(text)))


def test_a_tag_has_the_share_of_the_beam_that_names_it() -> None:
    beam = [
        Phrase("a dog and a dog on the grass", 0.5, math.log(0.3)),
        Phrase("a cat on the grass", 0.4, math.log(0.1)),
        Phrase("two dogs in the water", 0.3, math.log(0.1)),
        Phrase("a horse", 0.2, math.log(0.0001)),
    ]
    tags = tags_of(beam, "en-GB")
    assert [tag.name for tag in tags] == ["dog", "grass", "cat", "water"]
    assert [tag.confidence for tag in tags] == pytest.approx([0.8, 0.8, 0.2, 0.2], abs=1e-3)
    assert tags_of(beam, "de") == tags_of([], "en") == []


@given(st.lists(st.floats(-2000, 0), min_size=1, max_size=6))
def test_shares_are_shares_however_unlikely_the_beam_is(logs: list[float]) -> None:
    beam = [Phrase("a dog" if number % 2 else "a cat", 0.5, value) for number, value in enumerate(logs)]
    tags = tags_of(beam, "en")
    assert all(LEAST <= tag.confidence <= 1 for tag in tags) and sum(tag.confidence for tag in tags) <= 1.00001
    assert [tag.confidence for tag in tags] == sorted((tag.confidence for tag in tags), reverse=True)


def caption(confidence: float | None, *alternatives: Alternative) -> Caption:
    tokens = (Token("a", 0.9), Token("dog", 0.4))
    return Caption("A dog.", "en", INFO, confidence, tokens=tokens, alternatives=alternatives)


def test_a_phrase_has_the_calibrated_confidence_and_no_capital_or_full_stop() -> None:
    (phrase,) = phrases_of(caption(0.7))
    assert (phrase.text, phrase.confidence) == ("a dog", 0.7)
    assert phrase.log_probability == pytest.approx(math.log(0.36))
    assert version_of(INFO) == "small/3"


def test_without_a_calibration_it_is_the_mean_probability_of_its_words() -> None:
    assert phrases_of(caption(None))[0].confidence == pytest.approx(0.6, abs=1e-6)


def test_an_alternative_is_never_surer_than_the_one_before_it() -> None:
    likely, unlikely = Alternative("A cat.", math.log(0.09)), Alternative("One dog.", math.log(0.25))
    confidences = [phrase.confidence for phrase in phrases_of(caption(0.6, likely, unlikely))]
    assert confidences == [0.6, pytest.approx(0.3), pytest.approx(0.3)]


@given(
    st.none() | st.floats(0, 1),
    st.lists(st.floats(0, 1), max_size=4),
    st.lists(st.tuples(st.text(max_size=9), st.floats(-1000, 0)), max_size=4),
)
def test_confidences_are_in_order_and_within_0_and_1(
    confidence: float | None, probabilities: list[float], others: list[tuple[str, float]]
) -> None:
    tokens = tuple(Token("dog", probability) for probability in probabilities)
    given_caption = Caption(
        "Dog.", "en", INFO, confidence, tokens=tokens, alternatives=tuple(Alternative(*o) for o in others)
    )
    found = [phrase.confidence for phrase in phrases_of(given_caption)]
    assert len(found) == 1 + len(others) and found == sorted(found, reverse=True)
    assert all(0 <= value <= 1 for value in found)
