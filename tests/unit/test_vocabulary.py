"""The numbering of words: by frequency, reserved numbers never said, JSON there and back."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import BundleError
from mezzetin.vocabulary import END, PAD, SPECIAL, START, UNKNOWN, Vocabulary

words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"]), min_size=1, max_size=6).filter(
    lambda word: word not in SPECIAL
)
captions = st.lists(st.lists(words, max_size=6), max_size=8)


def test_frequent_words_come_first_and_ties_are_alphabetical() -> None:
    said = [["a", "dog"], ["a", "cat"], ["a", "dog", "runs"], ["cat"]]
    made = Vocabulary.build(said, min_count=2, tokeniser="t")
    assert made.words == ("<pad>", "<start>", "<end>", "<unk>", "a", "cat", "dog")
    assert len(made) == 7
    assert made.encode(["a", "dog", "flies"]) == [4, 6, UNKNOWN]


@given(captions, st.integers(1, 3))
def test_every_word_that_is_frequent_enough_goes_through_and_no_other(said: list[list[str]], min_count: int) -> None:
    made = Vocabulary.build(said, min_count=min_count, tokeniser="t")
    counts = Counter(word for caption in said for word in caption)
    assert set(made.words[len(SPECIAL) :]) == {word for word, count in counts.items() if count >= min_count}
    for caption in said:
        assert made.decode(made.encode(caption)) == [word for word in caption if counts[word] >= min_count]


def test_reserved_numbers_are_never_decoded() -> None:
    made = Vocabulary(["dog"], "t")
    assert made.decode([START, 4, UNKNOWN, PAD, 4, END]) == ["dog", "dog"]


@given(captions)
def test_json_there_and_back(said: list[list[str]]) -> None:
    made = Vocabulary.build(said, min_count=1, tokeniser="ptb")
    again = Vocabulary.from_json(made.to_json())
    assert (again.words, again.tokeniser) == (made.words, "ptb")
    assert again.to_json() == made.to_json()


def test_json_is_utf8_that_people_can_read() -> None:
    content = Vocabulary(["café", "犬"], "ptb").to_json()
    assert json.loads(content) == {"tokeniser": "ptb", "words": ["café", "犬"]}
    assert "犬" in content.decode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"words": ["a"]}',
        b'{"tokeniser": "t"}',
        b'{"tokeniser": "t", "words": 3}',
        b'{"tokeniser": "t", "words": ["a", "a"]}',
        b'{"tokeniser": "t", "words": ["<end>"]}',
    ],
)
def test_anything_else_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(BundleError, match="make or fetch the bundle again") as caught:
        Vocabulary.from_json(content)
    assert "\n" not in str(caught.value)
