"""The tutorials' cleaning of captions, as they describe it and as they count its words."""

from __future__ import annotations

import csv
import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.text import TOKENISER, TOKENISERS, TUTORIAL, clean_words, sentence, tokenise

_SHARED = Path(os.environ.get("MEZZETIN_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        (
            "A child in a pink dress is climbing up a set of stairs .",
            "child in pink dress is climbing up set of stairs",
        ),
        ("Two men's T-shirts say 'no. 1' & isn't that 50's-like ?", "two mens tshirts say no isnt that"),
        ("A b 1 22 x3 .", ""),
        ("Straße am Café", "straße am café"),
    ],
)
def test_captions_are_cleaned_as_the_tutorials_say(caption: str, words: str) -> None:
    assert clean_words(caption) == words.split()


@given(st.text())
def test_cleaned_words_are_of_letters_and_stay_as_they_are(text: str) -> None:
    words = clean_words(text)
    assert all(len(word) > 1 and word.isalpha() and not set(word) & set(string.punctuation) for word in words)
    assert clean_words(" ".join(words)) == [word for word in " ".join(words).lower().split() if len(word) > 1]


def test_cleaned_words_become_a_sentence() -> None:
    assert sentence(clean_words("A man , in a RED hat cannot run !")) == "Man in red hat cannot run."


def test_tokenisers_have_the_names_that_vocabularies_keep() -> None:
    assert {TOKENISER: tokenise, TUTORIAL: clean_words} == TOKENISERS
    assert (TOKENISER, TUTORIAL) == ("ptb-py", "tutorial")


def test_flickr8k_has_the_words_and_the_longest_caption_that_the_tutorials_count() -> None:
    folder = _SHARED / "data" / "flickr8k"
    if not (folder / "captions.txt").is_file():
        pytest.skip(f"Flickr8k's captions are not at {folder} (MEZZETIN_SHARED)")
    with (folder / "captions.txt").open(encoding="utf-8", newline="") as stream:
        cleaned = [clean_words(row["caption"]) for row in csv.DictReader(stream)]
    # 8,763 of all pictures; the test split is not here. One of these 7,000 pictures is missing: the others have 8,166.
    assert len({word for words in cleaned for word in words}) == 8167
    # They count 34, with a word for the start and one for the end.
    assert max(map(len, cleaned)) == 32
