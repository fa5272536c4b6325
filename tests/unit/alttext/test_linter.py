"""What the linter flags, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.alttext import CODES, HouseRules, lint, read_house_rules
from mezzetin.errors import RecipeError

FLAGGED = [
    ("", "empty"),
    ("  \n", "empty"),
    ("Image of a bench.", "opening"),
    ("a photo of two dogs.", "opening"),
    ("This picture: a boat.", "opening"),
    ("A bench in a park", "full_stop"),
    ("A dog and a a cat.", "repetition"),
    ("A dog on the grass and a dog on the grass.", "repetition"),
    ("Water beside water and water.", "repetition"),
    ("IMG_2033.jpg, a bench.", "file_name"),
    ("Bench <b>green</b>.", "markup"),
    ("A bench, see https://example.org/1.", "markup"),
    ("A bench\u202e.", "markup"),
    ("A GREEN BENCH STANDS HERE.", "capitals"),
    ("A woman on a bench.", "gender"),
    ("An elderly person on a bench.", "identity"),
    ("A black person on a bench.", "identity"),
    ("A bench " + "by the sea and the sand, " * 6 + "at last.", "long"),
    ("x" * 251 + ".", "too_long"),
]


@pytest.mark.parametrize(("text", "code"), FLAGGED)
def test_it_is_flagged(text: str, code: str) -> None:
    assert code in {finding.code for finding in lint(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Somebody sits on a bench and holds a lute.",
        "A black dog runs over white snow.",
        "Imagery of the sea hangs on a wall.",
        "“Who is there?”",
        "A person reads a page of the JPEG standard.",
        "Two people in NASA suits wave.",
    ],
)
def test_a_good_text_is_left_alone(text: str) -> None:
    assert lint(text) == ()


@pytest.mark.parametrize(
    ("language", "text", "code"),
    [
        ("de-AT", "Bild von einer Bank.", "opening"),
        ("de", "Eine Frau sitzt auf einer Bank.", "gender"),
        ("fr", "Photo d'un banc.", "opening"),
        ("es", "Imagen de un banco.", "opening"),
    ],
)
def test_other_languages_have_words_of_their_own(language: str, text: str, code: str) -> None:
    assert code in {finding.code for finding in lint(text, language=language)}
    assert code not in {finding.code for finding in lint(text, language="fi")}


def test_a_title_that_is_only_repeated_and_a_doubtful_caption() -> None:
    assert [finding.code for finding in lint("Mezzetin.", title="Mezzetin")] == ["title"]
    assert [finding.code for finding in lint("A bench.", confidence=0.1)] == ["low_confidence"]
    assert lint("A bench.", title="Mezzetin", confidence=0.9) == ()


def test_a_longer_description_may_be_long() -> None:
    text = "A bench by the sea, " + "and sand, stones, shells, weed, driftwood, " * 5 + "until night."
    assert {"too_long", "long"} & {finding.code for finding in lint(text)}
    assert not {"too_long", "long"} & {finding.code for finding in lint(text, kind="description")}


def test_a_house_has_its_own_rules(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    file.write_text(
        '[alt]\nabout = 10\nmost = 20\n[words]\nopenings = ["plate showing"]\nallowed = ["photograph of", "woman"]\n'
        '[words.instead]\ncraft = "boat"\n[rules]\noff = ["full_stop"]\n',
        encoding="utf-8",
    )
    house = read_house_rules(file)
    assert [finding.code for finding in lint("Plate showing.", rules=house)] == ["opening", "long"]
    assert lint("Wide sea", rules=house) == ()
    assert [finding.code for finding in lint("A craft", rules=house)] == ["instead"]
    assert "opening" not in {finding.code for finding in lint("Photograph of a woman", rules=house)}
    assert "gender" not in {finding.code for finding in lint("A woman", rules=house)}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[alt]\nabot = 3\n", "did you mean 'about'"),
        ("[alt]\nabout = 300\nmost = 250\n", "about .300. is more than most"),
        ('[rules]\noff = ["gendre"]\n', "no finding 'gendre'"),
    ],
)
def test_a_wrong_house_file_says_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "house.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=why):
        read_house_rules(file)


@given(text=st.text(max_size=300), language=st.sampled_from(["en", "de", "fr", "es", "", "x-klingon", "zh-Hant"]))
def test_any_text_is_answered_with_places_inside_it(text: str, language: str) -> None:
    for finding in lint(text, language=language, title=text[:10], confidence=0.5):
        assert finding.code in CODES
        assert 0 <= finding.start <= finding.end <= len(text)
        assert "\n" not in finding.message or "\n" in text


def test_every_finding_can_be_switched_off() -> None:
    everything = HouseRules.model_validate({"rules": {"off": list(CODES)}})
    for text, _ in FLAGGED:
        assert lint(text, rules=everything) == ()
