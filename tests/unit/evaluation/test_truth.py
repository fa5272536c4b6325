"""Truth and bias: genders, colours and numbers that references do or don't bear out, and the rates made of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.evaluation.colours import BASIC, colours_in, judge_colours
from mezzetin.evaluation.counting import counts_in, judge_counts
from mezzetin.evaluation.findings import Rate
from mezzetin.evaluation.judged import Judged, material_of
from mezzetin.evaluation.lexicon import FEMALE, MALE, missing_words, stated_gender
from mezzetin.evaluation.truth import truth
from mezzetin.text import tokenise


def rates(*pictures: tuple[str, Sequence[str]], resamples: int = 50) -> dict[str, Rate]:
    judged = [Judged(f"{n:03}.jpg", said, tuple(references)) for n, (said, references) in enumerate(pictures)]
    return {rate.name: rate for rate in truth(material_of(judged), resamples=resamples)}


def parts(rate: Rate) -> tuple[int, int]:
    return rate.count, rate.of


def colours(caption: str) -> set[str]:
    stated = colours_in(tokenise(caption)).stated
    return {colour for colour, place in BASIC.items() if stated >> place & 1}


def count_verdict(said: str, *references: str) -> tuple[int, int]:
    (verdict,) = judge_counts(counts_in(tokenise(said)), [counts_in(tokenise(text)) for text in references])
    return verdict.count, verdict.of


@pytest.mark.parametrize(
    ("caption", "gender"),
    [
        ("A man walks", MALE),
        ("Two ladies and a guy", FEMALE + MALE),
        ("The woman's bag", FEMALE),
        ("A female tennis player", FEMALE),
        ("A person waves her hand", FEMALE),
        ("A dog with a ball in his mouth", 0),
        ("A boy and his dog", MALE),
        ("A male dog runs", 0),
        ("A person in a cowboy hat", 0),
        ("A snow man by a man hole", 0),
        ("Spider man climbs", 0),
        ("A human stands there with a baby", 0),
        ("A second baseman throws", 0),
    ],
)
def test_genders_of_people_are_told(caption: str, gender: int) -> None:
    assert stated_gender(tokenise(caption)) == gender


def test_gender_is_held_against_references_that_agree() -> None:
    female, male = ["a woman", "a girl", "a person"], ["a man", "a boy", "somebody"]
    found = rates(
        ("a man sits", female),
        ("a woman sits", female),
        ("a man and a woman sit", female),
        ("a person sits", female),
        ("a girl sits", male),
        ("a man sits", male),
        ("a man sits", ["a man", "a woman", "a woman"]),
        ("a man sits", ["a woman", "a person", "a person"]),
        ("a man sits", ["a person", "a skier", "somebody"]),
    )
    assert parts(found["gender_wrong"]) == (3, 5)
    assert parts(found["gender_wrong_female"]) == (2, 3)
    assert parts(found["gender_wrong_male"]) == (1, 2)
    assert parts(found["gender_unfounded"]) == (1, 8)
    assert found["gender_unfounded"].examples == ("008.jpg",)
    assert set(found["gender_wrong_female"].examples) == {"000.jpg", "002.jpg"}


def test_people_are_measured_one_against_the_others() -> None:
    found = rates(("a dog", ["a woman", "a girl", "a lady", "a man"]), ("a dog", ["a woman"]))
    # Against a man among them no others agree; the man is held against three women.
    assert parts(found["gender_wrong.people"]) == (1, 1)
    assert parts(found["gender_wrong"]) == (0, 0)
    assert found["gender_wrong"].share is None


@pytest.mark.parametrize(
    ("caption", "stated"),
    [
        ("A man in a red shirt and gray pants", {"red", "grey"}),
        ("A boy eats an orange", set()),
        ("A boy in an orange shirt", {"orange"}),
        ("A man dressed in orange", {"orange"}),
        ("A golden retriever", set()),
        ("A black and white photo of a boy", set()),
        ("A black and white dog", {"black", "white"}),
        ("A white man and a black woman", set()),
        ("A white-haired man in a white hat", {"white"}),
        ("A dog on the green grass in white snow under a blue sky", set()),
        ("A dog in a green coat", {"green"}),
        ("A greyhound", set()),
    ],
)
def test_colours_of_things_are_told(caption: str, stated: set[str]) -> None:
    assert colours(caption) == stated


@pytest.mark.parametrize(
    ("said", "references", "wrong"),
    [
        ("a brown dog", ["a tan dog", "a dog"], 0),
        ("a black and white dog", ["a spotted dog"], 0),
        ("a red hat", ["a redheaded girl"], 0),
        ("a blue shirt", ["a man in jeans"], 0),
        ("a brown dog", ["a black dog", "a dog"], 1),
        ("a red and blue shirt", ["a blue shirt"], 1),
        ("a white dog", ["a white-and-brown dog"], 0),
    ],
)
def test_close_colours_bear_each_other_out(said: str, references: list[str], wrong: int) -> None:
    total, *_ = judge_colours(colours_in(tokenise(said)), [colours_in(tokenise(text)) for text in references])
    assert total.count == wrong


def test_colours_have_rates_of_their_own() -> None:
    found = rates(
        ("a red hat and a blue coat", ["a blue coat", "a blue hat"]),
        ("a red hat", ["a hat", "a man"]),
        ("a red hat", ["a red hat", "a hat"]),
    )
    assert parts(found["colours"]) == (2, 4)
    assert parts(found["colours_contradicted"]) == (1, 2)
    assert parts(found["colour_red"]) == (2, 3)
    assert parts(found["colour_blue"]) == (0, 1)
    assert found["colour_red"].examples[0] == "000.jpg"


@pytest.mark.parametrize(
    ("said", "references", "verdict"),
    [
        ("two dogs run", ["three dogs run", "three dogs"], (1, 1)),
        ("two dogs run", ["a dog runs", "a brown dog"], (1, 1)),
        ("two dogs run", ["a dog chases a dog", "a dog chases another"], (0, 1)),
        ("two men sit", ["a man and a woman sit", "two people"], (0, 1)),
        ("two people", ["two people, a man and a woman", "a group of people"], (0, 0)),
        ("two men", ["a group of people", "several men"], (0, 0)),
        ("three men", ["a group of five men", "five men", "some people"], (1, 1)),
        ("a couple of dogs", ["2 dogs", "two black and brown dogs"], (0, 1)),
        ("two dogs and a man", ["two dogs with three men", "two dogs"], (0, 1)),
        ("a man and a woman", ["three people", "three people"], (0, 0)),
        ("two on a bike", ["three people", "three people"], (0, 0)),
        ("two tents by a man", ["three people", "three people"], (0, 0)),
        ("two women runners", ["a woman runner", "one woman runs, the woman is fast"], (1, 1)),
        ("two men", ["a man, the man in red jumps", "a man and the others"], (0, 1)),
        ("two men", ["a man", "a man in a crowd"], (0, 0)),
        ("two dogs", ["three dogs"], (1, 1)),
    ],
)
def test_numbers_are_held_against_counts_and_never_against_vague_words(
    said: str, references: list[str], verdict: tuple[int, int]
) -> None:
    assert count_verdict(said, *references) == verdict


def test_an_interval_holds_its_share_and_doubt_remains_where_all_are_alike() -> None:
    mixed = rates(*[("a man", ["a woman", "a girl"])] * 5, *[("a woman", ["a woman", "a girl"])] * 15, resamples=500)[
        "gender_wrong"
    ]
    assert mixed.share is not None
    assert mixed.share.low < mixed.share.value == 0.25 < mixed.share.high
    never = rates(*[("a woman", ["a woman", "a girl"])] * 20)["gender_wrong"]
    assert never.share is not None
    # Wilson's interval of none in twenty.
    assert (never.share.value, never.share.low) == (0, 0)
    assert never.share.high == pytest.approx(0.1611, abs=1e-4)
    assert never.examples == ()


def test_examples_are_the_clearest_and_five_at_most() -> None:
    clear = ("a man", ["a woman", "a girl", "a lady"])
    weak = ("a man", ["a woman", "a girl", "a person"])
    assert rates(*[weak] * 4, *[clear] * 4)["gender_wrong"].examples == (
        *(f"{n:03}.jpg" for n in (4, 5, 6, 7)),
        "000.jpg",
    )


def test_every_rate_says_what_it_is_once_and_people_stand_beside_it() -> None:
    found = rates(("a man", ["a man", "a man"]))
    captions = [name for name in found if not name.endswith(".people")]
    assert [f"{name}.people" for name in captions] == [name for name in found if name.endswith(".people")]
    assert all(rate.title and rate.how.endswith(".") for rate in found.values())


def test_another_language_has_no_rates_and_is_told_why() -> None:
    assert truth(material_of([Judged("a", "ein Mann", ("ein Mann",))]), english=False) == ()
    assert missing_words("en-GB") is None
    assert "'de'" in str(missing_words("de"))


CAPTIONS = st.sampled_from(
    [
        "",
        "a man in a red shirt",
        "two women with three dogs",
        "a girl eats an orange",
        "a dog",
        "five people on a bench",
    ]
)
PICTURES = st.lists(st.tuples(CAPTIONS, st.lists(CAPTIONS, min_size=1, max_size=4)), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(PICTURES, st.randoms(use_true_random=False))
def test_order_is_irrelevant_and_counts_add_up(pictures: list[tuple[str, list[str]]], generator: random.Random) -> None:
    judged = [Judged(f"{n}", said, tuple(references)) for n, (said, references) in enumerate(pictures)]
    found = truth(material_of(judged), resamples=20)
    generator.shuffle(judged)
    assert truth(material_of(judged), resamples=20) == found
    for rate in found:
        assert 0 <= rate.count <= rate.of
        assert (rate.share is None) == (rate.of == 0)
        if rate.share is not None:
            assert 0 <= rate.share.low <= rate.share.high <= 1
            assert rate.share.value == pytest.approx(rate.count / rate.of)


@settings(max_examples=20, deadline=None)
@given(PICTURES)
def test_every_picture_twice_doubles_the_counts(pictures: list[tuple[str, list[str]]]) -> None:
    once = rates(*pictures, resamples=5)
    twice = rates(*pictures, *pictures, resamples=5)
    assert {name: parts(rate) for name, rate in twice.items()} == {
        name: (2 * rate.count, 2 * rate.of) for name, rate in once.items()
    }


@given(CAPTIONS)
def test_a_caption_that_is_its_own_reference_is_true(said: str) -> None:
    found = rates((said, [said]), resamples=2)
    assert {name for name, rate in found.items() if rate.count} == set()
    assert all(rate.of == 0 for name, rate in found.items() if name.endswith(".people"))
