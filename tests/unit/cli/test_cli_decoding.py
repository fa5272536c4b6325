"""`mezzetin caption` with options for the search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mezzetin.text import tokenise

Command = Callable[..., Any]
Photographs = Callable[..., Path]


def test_options_reach_the_captions(mezzetin: Command, photographs: Photographs, bundle_path: Path) -> None:
    folder = photographs(2)
    options = ["--model", bundle_path, "--json", "--alternatives", 2]
    bounds = ["--min-words", 8, "--max-words", 9, "--no-repeat", 2, "--good-endings", "--length-penalty", 1]
    answer = mezzetin("caption", folder, *options, *bounds, "--avoid", "man", "--avoid", "dog")
    assert answer.code == 0
    for row in answer.objects:
        for text in (row["caption"], *(other["text"] for other in row["alternatives"])):
            words = tokenise(text)
            assert 8 <= len(words) <= 9 and not {"man", "men", "dog", "dogs"} & set(words)


def test_drawn_captions_hang_on_the_seed(mezzetin: Command, photographs: Photographs, bundle_path: Path) -> None:
    folder = photographs(2)

    def drawn(seed: int) -> list[str]:
        options = ["--sample", 4, "--top-p", 0.95, "--temperature", 1.2, "--seed", seed]
        answer = mezzetin("caption", folder, "--model", bundle_path, "--json", *options)
        assert answer.code == 0
        return [row["caption"] for row in answer.objects]

    assert drawn(1) == drawn(1) != drawn(2)


def test_neutral_and_diverse(mezzetin: Command, photographs: Photographs, bundle_path: Path) -> None:
    options = ["--model", bundle_path, "--json", "--alternatives", 3]
    answer = mezzetin("caption", photographs(2), *options, "--gender-neutral", "--diverse", 2, "--diversity", 1)
    assert answer.code == 0
    said = {word for row in answer.objects for word in tokenise(row["caption"])}
    assert not said & {"man", "woman", "boy", "girl", "men", "women", "boys", "girls", "his", "her"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--min-words", 30], "above max_words"),
        (["--top-p", 0.5], "how many samples"),
        (["--sample", 3, "--diverse", 2], "choose one"),
        (["--sample", 3, "--beam", 2], "choose one"),
        (["--diversity", 1], "groups"),
        (["--beam", 5, "--diverse", 2], "multiple"),
        (["--avoid", "hot dog"], "not one word"),
        (["--max-words", 61], "--max-words"),
        (["--temperature", 0, "--sample", 2], "temperature of 0"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    mezzetin: Command, photographs: Photographs, bundle_path: Path, options: list[Any], said: str
) -> None:
    answer = mezzetin("caption", photographs(1), "--model", bundle_path, *options)
    assert answer.code == 2 and answer.out == ""
    assert said in answer.err and len(answer.err.splitlines()) == 1
