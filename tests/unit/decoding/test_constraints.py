"""Constraints: no caption breaks one, a beam that holds everything finds all that obey, and who yields first."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.decoding.beam import beam_search
from mezzetin.decoding.constraints import Constraints, at_least, constraints_for, good_endings, no_repeat
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.sampling import sample
from mezzetin.decoding.step import FloatArray, Hypothesis, IntArray, Step
from mezzetin.errors import InputError
from mezzetin.vocabulary import END, SPECIAL, Vocabulary

Words = tuple[int, ...]
VOCABULARY = Vocabulary(["the", "with", "dog", "dogs", "child", "children", "red", "runs", "ball", "on"], "ptb-py")
THE, WITH = VOCABULARY.encode(["the", "with"])
NOTHING = np.zeros(0, np.float32)


def chain(seed: int, words: int, *, end: float = 0.0, tempting: tuple[int, ...] = ()) -> Step:
    """A model that listens to the last word, the number of words and the image; `tempting` words are loud."""
    place = np.random.default_rng(seed).normal(size=(64, words + len(SPECIAL), words + len(SPECIAL)))
    place[..., END] += end
    place[..., list(tempting)] += 4
    table = (place - np.log(np.exp(place).sum(-1, keepdims=True))).astype(np.float32)

    def step(token: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
        at = state.shape[-1] + 20 * memory[:, :1].astype(int)
        return table[at % 64, token], np.concatenate([state, token[..., None].astype(np.float32)], -1)

    return step


def captions(step: Step, options: DecodingOptions, vocabulary: Vocabulary | None, images: int = 2) -> list[Hypothesis]:
    memory = np.arange(images, dtype=np.float32)[:, None]
    constraints = constraints_for(options, vocabulary)
    if options.samples:
        ranked = sample(step, memory, NOTHING, options, range(images), constraints)
    else:
        ranked = beam_search(step, memory, NOTHING, options, constraints)
    assert all(ranked), "every image has a caption"
    return [hypothesis for image in ranked for hypothesis in image]


def repeats(words: Words, size: int) -> bool:
    runs = [words[at : at + size] for at in range(len(words) - size + 1)]
    return len(set(runs)) < len(runs)


seeds = st.integers(0, 2**32 - 1)
searches = st.sampled_from(
    [{"beam": 1}, {"beam": 3}, {"beam": 4, "groups": 2}, {"beam": 3, "groups": 3, "diversity": 2.0}, {"samples": 4}]
)


@settings(max_examples=120, deadline=None)
@given(
    seed=seeds,
    search=searches,
    bounds=st.tuples(st.integers(1, 8), st.integers(1, 8)).map(sorted),
    size=st.sampled_from([0, 2, 3]),
    endings=st.booleans(),
    avoid=st.sets(st.sampled_from(["dog", "child", "with"])),
    end=st.sampled_from([-4.0, 0.0, 4.0]),
)
def test_no_caption_breaks_a_constraint(
    seed: int, search: dict[str, Any], bounds: list[int], size: int, endings: bool, avoid: set[str], end: float
) -> None:
    least, most = bounds
    options = DecodingOptions(
        **search, min_words=least, max_words=most, no_repeat=size, good_endings=endings, avoid=tuple(avoid)
    )
    tempting = (THE, WITH, *VOCABULARY.encode(sorted(avoid)))
    for hypothesis in captions(chain(seed, 10, end=end, tempting=tempting), options, VOCABULARY):
        words = VOCABULARY.decode(hypothesis.words)
        assert least <= len(words) <= most
        assert not size or not repeats(hypothesis.words, size)
        assert not endings or words[-1] not in ("the", "with")
        out = avoid | {"dogs"} if "dog" in avoid else set(avoid)
        assert not set(words) & (out | ({"children"} if "child" in avoid else set()))


@settings(max_examples=60, deadline=None)
@given(seed=seeds, words=st.integers(1, 3), bounds=st.tuples(st.integers(1, 4), st.integers(1, 4)).map(sorted),
       size=st.integers(0, 3), bad=st.sets(st.integers(4, 6)))  # fmt: skip
def test_a_beam_that_holds_everything_finds_all_that_obey(
    seed: int, words: int, bounds: list[int], size: int, bad: set[int]
) -> None:
    least, most = bounds
    numbers = range(len(SPECIAL), len(SPECIAL) + words)
    unfinished = sorted(bad & set(numbers))
    every = [said for length in range(least, most + 1) for said in product(numbers, repeat=length)]
    obedient = {said for said in every if not (size and repeats(said, size)) and said[-1] not in unfinished}
    rules = (at_least(least), *([no_repeat(size)] if size else []), good_endings(unfinished, most))
    options = DecodingOptions(beam=128, max_words=most)
    (found,) = beam_search(
        chain(seed, words), np.zeros((1, 1), np.float32), NOTHING, options, Constraints(yielding=rules)
    )
    (free,) = beam_search(chain(seed, words), np.zeros((1, 1), np.float32), NOTHING, options)
    if obedient:
        assert [h for h in free if h.words in obedient] == found
    else:
        assert found, "what nothing obeys still gives a caption"


def test_good_endings_yield_first() -> None:
    only_unfinished = Vocabulary(["the", "with"], "ptb-py")
    options = DecodingOptions(beam=2, min_words=2, max_words=3, no_repeat=1, good_endings=True)
    for hypothesis in captions(chain(1, 2), options, only_unfinished):
        assert sorted(hypothesis.words) == [4, 5]


def test_repetition_yields_before_the_least_length() -> None:
    two = Vocabulary(["the", "dog"], "ptb-py")
    options = DecodingOptions(beam=2, min_words=5, max_words=5, no_repeat=1, good_endings=True)
    for hypothesis in captions(chain(2, 2), options, two):
        assert len(hypothesis.words) == 5 and hypothesis.words[-1] == 5


def test_one_image_in_need_leaves_the_constraints_of_its_neighbour_alone() -> None:
    def step(token: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
        logp = np.full((*token.shape, 7), -3.0, np.float32)
        logp[memory[:, 0] == 1, :, 5:] = -np.inf  # the second image knows the word 4 alone
        return logp, state

    memory = np.array([[0], [1]], np.float32)
    rules = Constraints(yielding=(no_repeat(1), good_endings((4,), 3)))
    free, needy = beam_search(step, memory, NOTHING, DecodingOptions(beam=2, max_words=3), rules)
    assert all(not repeats(h.words, 1) and h.words[-1] != 4 for h in free)
    assert [h.words for h in needy] == [(4,)]


def test_log_probabilities_stay_the_model_s_own() -> None:
    step = chain(5, 10)
    options = DecodingOptions(beam=3, min_words=4, no_repeat=2, good_endings=True, avoid=("dog",))
    best = captions(step, options, VOCABULARY, images=1)[0]
    token, state, said = np.array([[1]]), np.zeros((1, 1, 0), np.float32), []
    for word in (*best.words, END):
        logp, state = step(token, state, np.zeros((1, 1), np.float32))
        said.append(float(logp[0, 0, word]))
        token = np.array([[word]])
    assert best.log_probabilities == tuple(said)


def test_constraints_that_never_bind_change_nothing() -> None:
    memory = np.arange(4, dtype=np.float32)[:, None]
    options = DecodingOptions(beam=4, max_words=8)
    idle = Constraints(yielding=(at_least(1), no_repeat(9), good_endings((), 8)))
    for seed in range(5):
        plain, constrained = (beam_search(chain(seed, 6), memory, NOTHING, options, c) for c in (None, idle))
        assert plain == constrained


@pytest.mark.parametrize(
    ("word", "gone"),
    [
        ("dog", {"dog", "dogs"}),
        ("dogs", {"dogs"}),
        ("Child", {"child", "children"}),
        ("hot", set()),
        ("run", {"runs"}),
    ],
)
def test_an_avoided_word_goes_whole_and_with_its_plural(word: str, gone: set[str]) -> None:
    never = constraints_for(DecodingOptions(avoid=(word,)), VOCABULARY).never
    assert set(VOCABULARY.decode(never)) == gone


@pytest.mark.parametrize(
    ("one", "many"),
    [("bunny", "bunnies"), ("box", "boxes"), ("fireman", "firemen"), ("goose", "geese"), ("wolf", "wolves")],
)
def test_plurals_are_spelled_as_english_does(one: str, many: str) -> None:
    vocabulary = Vocabulary([one, many, "else"], "ptb-py")
    assert vocabulary.decode(constraints_for(DecodingOptions(avoid=(one,)), vocabulary).never) == [one, many]
    german = constraints_for(DecodingOptions(avoid=(one,)), vocabulary, "de")
    assert vocabulary.decode(german.never) == [one]


def test_endings_of_another_language_are_all_good() -> None:
    assert (
        constraints_for(DecodingOptions(good_endings=True), VOCABULARY, "de-AT").yielding[0]([[(THE,)]], 14).sum() == 0
    )
    assert (
        constraints_for(DecodingOptions(good_endings=True), VOCABULARY, "en-GB").yielding[0]([[(THE,)]], 14).sum() == 1
    )


def test_all_words_can_not_be_avoided() -> None:
    words = VOCABULARY.words[len(SPECIAL) :]
    with pytest.raises(InputError, match="every word"):
        constraints_for(DecodingOptions(avoid=words), VOCABULARY)


def test_options_about_words_need_the_vocabulary() -> None:
    for options in (DecodingOptions(avoid=("dog",)), DecodingOptions(good_endings=True)):
        with pytest.raises(ValueError, match="vocabulary"):
            beam_search(chain(0, 3), np.zeros((1, 1), np.float32), NOTHING, options)
