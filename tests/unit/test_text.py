from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.text import TOKENISER, mirror_words, sentence, tokenise

_SHARED = Path(os.environ.get("MEZZETIN_SHARED", Path(__file__).parents[3] / "shared"))

# Shapes that people write into captions: leaning words, stops inside words, brackets, quotes, numbers.
_WRITTEN = (
    "A dog's toy isn't on St. Mark's square ( almost ) . ; , ? ?! \" ' -- - ... & # 7 $ 5 50 % no. 1 "
    "1,000 5:30 can't cannot gonna won't t.v. D.C. U. p letter t-shirt red/blue o'clock 'n' 1950s '80s Mr. "
    "Potato he'll we're I'm the left right café naïve Straße [x] {y} at&t"
)


@pytest.fixture(scope="module")
def captions() -> list[str]:
    path = _SHARED / "data" / "flickr8k" / "captions.txt"
    if not path.is_file():
        pytest.skip(f"Flickr8k's captions are not at {path} (MEZZETIN_SHARED)")
    with path.open(encoding="utf-8", newline="") as stream:
        return [row["caption"] for row in csv.DictReader(stream)]


# What Stanford's PTBTokenizer and the COCO evaluation make of these, computed once with pycocoevalcap 1.2.
@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("A man , in a hat .", "a man in a hat"),
        ("He doesn't know.", "he does n't know"),
        ("He does n't know", "he does n't know"),
        ("They can't", "they ca n't"),
        ("We cannot wait, gonna go", "we can not wait gon na go"),
        ("the dog's toy", "the dog 's toy"),
        ("the dog 's toy", "the dog 's toy"),
        ("the dogs' toys", "the dogs toys"),
        ("he's she'll they'd we're I'm you've", "he 's she 'll they 'd we 're i 'm you 've"),
        ("should've couldn't've", "should 've could n't 've"),
        ("don’t “quoted” ‘single’", "do n't quoted single"),
        ('"Hello," he said.', "hello he said"),
        ("A man watching t.v.", "a man watching t.v."),
        ("A S.C.U.B.A. diver", "a s.c.u.b.a. diver"),
        ("On Main St. there is Mr. Potato", "on main st. there is mr. potato"),
        ('the letter " P. "', "the letter p."),
        ("Dale Earnhardt , Jr. , display .", "dale earnhardt jr. display"),
        ("no. 5 and no.", "no. 5 and no"),
        ("at&t headphones", "at & t headphones"),
        ("a jersey ( # 7 ) [x]", "a jersey -lrb- # 7 -rrb- -lsb- x -rsb-"),
        ("$1,000.50 at 5:30, -5 degrees, 50%", "$ 1,000.50 at 5:30 -5 degrees 50 %"),
        ("a red/blue t-shirt, black-and-white, 24/7", "a red/blue t-shirt black-and-white 24/7"),
        ("dog -- cat dog--cat dog—cat well - known", "dog cat dog cat dog cat well known"),
        ("wait... what?! ok? ... …", "wait what ?! ok"),
        ("bird's-eye-view", "bird 's eye-view"),
        ("rock'n'roll 'n' 5 o'clock, the '80s", "rock 'n' roll 'n' 5 o'clock the '80s"),
        ("an avrovulcan.com sign RIF=ding", "an avrovulcan.com sign rif = ding"),
        ("café naïve 東京 тест", "café naïve 東京 тест"),
        ("", ""),
        (" . ", ""),
    ],
)
def test_tokens_are_those_of_the_coco_evaluation(caption: str, tokens: str) -> None:
    assert tokenise(caption) == tokens.split()


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    assert tokenise("cafe\u0301") == tokenise("caf\u00e9") == ["caf\u00e9"]


def test_vowel_signs_stay_in_their_word() -> None:
    assert tokenise("हिन्दी में") == ["हिन्दी", "में"]


def test_the_tokeniser_has_a_name_for_signatures() -> None:
    assert TOKENISER == "ptb-py"


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("", ""),
        ("a dog runs", "A dog runs."),
        ("a dog 's toy is n't red", "A dog's toy isn't red."),
        ("they 're there and we can not see", "They're there and we cannot see."),
        ("a man watches t.v.", "A man watches t.v."),
        ("the letter p", "The letter p ."),
        ("a jersey -lrb- # 7 -rrb- is 50 % off", "A jersey (#7) is 50% off."),
        ("what ?!", "What?!"),
        ("ßtraße", "ßtraße."),
        ("'s", "'s."),
    ],
)
def test_sentence_is_for_people(tokens: str, text: str) -> None:
    assert sentence(tokens.split()) == text
    assert tokenise(text) == tokens.split()


@given(st.lists(st.sampled_from(_WRITTEN.split()), max_size=12).map(" ".join))
def test_sentence_can_be_read_back(caption: str) -> None:
    tokens = tokenise(caption)
    assert tokenise(sentence(tokens)) == tokens


@settings(max_examples=400)
@given(data=st.data())
def test_sentences_of_real_captions_can_be_read_back(captions: list[str], data: st.DataObject) -> None:
    # Two captions in a row end and begin in the middle, where abbreviations and stops behave differently.
    caption = " ".join(data.draw(st.lists(st.sampled_from(captions), min_size=1, max_size=2)))
    tokens = tokenise(caption)
    assert tokenise(sentence(tokens)) == tokens
    assert tokenise(" ".join(tokens)) == tokens


def test_every_real_caption_can_be_read_back(captions: list[str]) -> None:
    tokens = [tokenise(caption) for caption in captions]
    assert [words for words in tokens if tokenise(sentence(words)) != words] == []


@given(st.text(max_size=60))
def test_any_text_is_tokenised(text: str) -> None:
    tokens = tokenise(text)
    assert not any(character.isspace() for token in tokens for character in token)
    assert bool(tokens) == bool(sentence(tokens))


@pytest.mark.parametrize(
    ("tokens", "mirrored"),
    [
        ("the dog on the left", "the dog on the right"),
        ("his right hand", "his left hand"),
        ("the leftmost boy is right-handed", "the rightmost boy is left-handed"),
        ("a left-to-right sign", "a right-to-left sign"),
        ("a lefty and a right-hander", "a righty and a left-hander"),
        ("to the left the girl sits", "to the right the girl sits"),
        ("bright lights frighten the upright dog", "bright lights frighten the upright dog"),
        ("a dog left alone right behind a man", "a dog left alone right behind a man"),
        ("the leftovers", "the leftovers"),
        ("", ""),
    ],
)
def test_left_and_right_change_places(tokens: str, mirrored: str) -> None:
    assert mirror_words(tokens.split()) == mirrored.split()


@given(st.lists(st.sampled_from(["the", "a", "on", "left", "right", "leftmost", "right-hand", "behind", "dog"])))
def test_mirrored_twice_is_the_original(tokens: list[str]) -> None:
    once = mirror_words(tokens)
    assert mirror_words(once) == tokens
    assert len(once) == len(tokens)
