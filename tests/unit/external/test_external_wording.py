"""What a chat model writes becomes one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.external.wording import LONGEST, one_line, one_sentence


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("A dog runs.", "A dog runs."),
        ("a dog runs", "a dog runs"),
        ('"A dog runs."', "A dog runs."),
        ("“A dog runs.”", "A dog runs."),
        ("**Caption:** A dog runs.", "A dog runs."),
        ("Alt text: A dog runs. It is brown.", "A dog runs."),
        ("Here is the caption:\n\nA dog runs.", "A dog runs."),
        ("# A dog\nA dog runs.", "A dog"),
        ("<think>Is it a dog? It is.</think>\nA dog runs.", "A dog runs."),
        ("<think>Is it a dog? It is.", ""),
        ("Mr. Smith walks near St. Paul's. It rains.", "Mr. Smith walks near St. Paul's."),
        ("J. S. Bach at an organ. He plays.", "J. S. Bach at an organ."),
        ("A sign at 3.50 euros. A man.", "A sign at 3.50 euros."),
        ("Is it a dog? Yes.", "Is it a dog?"),
        ("犬が走る。空は青い。", "犬が走る。"),
        ("Ein Hund läuft. Er ist braun.", "Ein Hund läuft."),
        ("- A dog runs.", "A dog runs."),
        ('A sign says "Stop." A man waits.', 'A sign says "Stop."'),
        ("A dog\x1b[31m runs.\u2028Twice.", "A dog [31m runs."),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_one_sentence(said: str, sentence: str) -> None:
    assert one_sentence(said) == sentence


@given(st.text())
def test_whatever_is_said_it_is_one_short_printable_line(said: str) -> None:
    for text in (one_sentence(said), one_line(said)):
        assert text == text.strip() and len(text) <= LONGEST
        assert all(letter.isprintable() for letter in text)
        assert one_line(text) == text


def test_a_long_line_is_cut_between_words() -> None:
    cut = one_line("word " * 200)
    assert cut.endswith("word…") and len(cut) <= LONGEST
    assert len(one_line("x" * 1000)) == LONGEST
