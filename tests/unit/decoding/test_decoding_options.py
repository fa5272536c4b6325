"""Decoding options: one line for what is wrong, a name in the signature, room for what is asked."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from mezzetin.decoding.options import DecodingChanges, DecodingOptions
from mezzetin.errors import InputError

OTHER: dict[str, Any] = {
    "beam": 4,
    "max_words": 12,
    "length_penalty": 1.0,
    "min_words": 5,
    "no_repeat": 3,
    "good_endings": True,
    "avoid": ("dog", "cat"),
    "gender_neutral": True,
}
GROUPS = {"beam": 4, "groups": 2}
SAMPLES = {"samples": 3}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"beam": 0}, "beam is 0"),
        ({"beam": True}, "beam is True"),
        ({"beam": "5"}, "beam is '5'"),
        ({"beam": 2.5}, "beam is 2.5"),
        ({"max_words": 0}, "max_words is 0"),
        ({"max_words": 61}, "60 at most"),
        ({"min_words": 0}, "min_words is 0"),
        ({"min_words": 21}, "above max_words"),
        ({"length_penalty": -0.1}, "length_penalty is -0.1"),
        ({"length_penalty": float("nan")}, "length_penalty is nan"),
        ({"length_penalty": "long"}, "length_penalty is 'long'"),
        ({"groups": 0}, "groups is 0"),
        ({"beam": 5, "groups": 2}, "multiple"),
        ({"diversity": -1}, "diversity is -1"),
        ({"samples": -1}, "samples is -1"),
        ({"samples": 2, "groups": 3}, "choose one"),
        ({"top_p": 0}, "top_p is 0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"temperature": 0}, "temperature of 0"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"seed": -1}, "seed is -1"),
        ({"no_repeat": -1}, "no_repeat is -1"),
        ({"good_endings": "yes"}, "good_endings is 'yes'"),
        ({"gender_neutral": 1}, "gender_neutral is 1"),
        ({"avoid": "dog"}, "avoid is 'dog'"),
        ({"avoid": ["hot dog"]}, "'hot dog' is not one word"),
        ({"avoid": [""]}, "'' is not one word"),
        ({"avoid": ["!"]}, "'!' is not one word"),
        ({"avoid": [3]}, "3 is not one word"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        DecodingOptions(**wrong)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 120


def test_signatures_of_before_stay_what_they_were() -> None:
    assert DecodingOptions(beam=5, max_words=20, length_penalty=0.6).describe() == (
        "beam=5|max_words=20|length_penalty=0.6"
    )


def test_a_signature_names_everything_that_matters() -> None:
    assert DecodingOptions(**OTHER).describe() == (
        "beam=4|max_words=12|length_penalty=1|min_words=5|no_repeat=3|avoid=cat,dog|good_endings|gender_neutral"
    )
    assert DecodingOptions(beam=4, groups=2).describe().endswith("|groups=2|diversity=0.5")
    assert DecodingOptions(samples=3).describe().startswith("samples=3|top_p=0.9|temperature=1|seed=0|max_words")


@pytest.mark.parametrize("name", [field.name for field in fields(DecodingOptions)])
def test_no_option_is_left_out_of_the_signature(name: str) -> None:
    others: dict[str, Any] = {**OTHER, "groups": 3, "diversity": 2.0, "samples": 5, "top_p": 0.5, "temperature": 2.0}
    others |= {"seed": 9, "beam": 6, "match": 2.0}
    needed = {"diversity": GROUPS, "top_p": SAMPLES, "temperature": SAMPLES, "seed": SAMPLES, "groups": {"beam": 6}}
    base: dict[str, Any] = needed.get(name, {})
    assert DecodingOptions(**base).describe() != DecodingOptions(**{**base, name: others[name]}).describe()


def test_words_to_avoid_are_a_set_spelled_as_captions_are() -> None:
    assert DecodingOptions(avoid=("Dog", "cat", "dog")) == DecodingOptions(avoid=("cat", "dog"))
    assert DecodingOptions(avoid=["T-Shirt"]).avoid == ("t-shirt",)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "beam", "captions", "expected"),
    [
        ({}, None, 1, {"beam": 5}),
        ({}, 2, 1, {"beam": 2}),
        ({}, 2, 4, {"beam": 4}),
        ({"groups": 3}, None, 1, {"beam": 6, "groups": 3}),
        ({"groups": 3}, 6, 1, {"beam": 6, "groups": 3}),
        ({"groups": 3}, 3, 4, {"beam": 6, "groups": 3}),
        ({"samples": 2}, None, 4, {"samples": 4, "beam": 5}),
        ({"samples": 9, "seed": 2}, None, 4, {"samples": 9, "seed": 2, "beam": 5}),
        ({"no_repeat": 3, "avoid": ("dog",)}, None, 1, {"no_repeat": 3, "avoid": ("dog",), "beam": 5}),
    ],
)
def test_what_is_asked_for_finds_room(
    changes: DecodingChanges, beam: int | None, captions: int, expected: dict[str, Any]
) -> None:
    adapted = DecodingOptions(beam=5).adapted(changes, beam=beam, captions=captions)
    assert adapted == DecodingOptions(**expected)


@pytest.mark.parametrize(
    ("changes", "beam", "said"),
    [
        ({"groups": 3}, 4, "multiple"),
        ({"groups": 0}, None, "groups is 0"),
        ({"diversity": 1.0}, None, "groups"),
        ({"top_p": 0.5}, None, "how many samples"),
        ({"temperature": 0.5}, None, "how many samples"),
        ({"seed": 1}, None, "how many samples"),
        ({"samples": 2}, 3, "choose one"),
        ({"min_words": 21}, None, "above max_words"),
    ],
)
def test_what_would_have_no_effect_is_refused(changes: DecodingChanges, beam: int | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        DecodingOptions().adapted(changes, beam=beam)
