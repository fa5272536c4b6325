"""Diverse beam search: one group is the plain search, the next ones avoid its words, and batches change nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.decoding.beam import beam_search
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.step import FloatArray, Hypothesis, IntArray, Step
from mezzetin.vocabulary import END, START

NOTHING = np.zeros(0, np.float32)
WORDS = 9


def table(seed: int) -> FloatArray:
    """Of eight images: what is said after each word at each place."""
    loud = np.random.default_rng(seed).normal(size=(8, 8, WORDS, WORDS))
    return np.asarray(loud - np.log(np.exp(loud).sum(-1, keepdims=True)), np.float32)


def stepper(numbers: FloatArray) -> Step:
    def step(token: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
        said = numbers[memory[:, :1].astype(int), state.shape[-1], token]
        return said, np.concatenate([state, token[..., None].astype(np.float32)], -1)

    return step


def search(seed: int, options: DecodingOptions, images: list[int]) -> list[list[Hypothesis]]:
    return beam_search(stepper(table(seed)), np.array(images, np.float32)[:, None], NOTHING, options)


def greedy_in_turn(numbers: FloatArray, groups: int, diversity: float, longest: int) -> list[tuple[int, ...]]:
    """Groups of one beam each, written from the definition: each takes the best word after the others' malus."""
    said: list[tuple[int, ...]] = [()] * groups
    going = [True] * groups
    for place in range(longest + 1):
        malus = np.zeros(WORDS)
        for group in range(groups):
            if not going[group]:
                continue
            row = numbers[place, said[group][-1] if said[group] else START].astype(float) - diversity * malus
            row[[0, 1, 3]] = -np.inf
            if place == 0:
                row[END] = -np.inf
            word = int(row.argmax()) if place < longest else END
            if word == END:
                going[group] = False
            else:
                said[group] = (*said[group], word)
                malus[word] += 1
    return said


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, groups=st.integers(2, 4), diversity=st.sampled_from([0.1, 0.5, 1.0, 3.0]), longest=st.integers(1, 6))
def test_groups_of_one_beam_take_turns(seed: int, groups: int, diversity: float, longest: int) -> None:
    options = DecodingOptions(beam=groups, groups=groups, diversity=diversity, max_words=longest)
    for image, found in enumerate(search(seed, options, [0, 1])):
        assert {h.words for h in found} == set(greedy_in_turn(table(seed)[image], groups, diversity, longest))


@settings(max_examples=40, deadline=None)
@given(seed=seeds, width=st.integers(1, 3), groups=st.integers(2, 3))
def test_without_diversity_every_group_is_the_plain_search(seed: int, width: int, groups: int) -> None:
    diverse = DecodingOptions(beam=width * groups, groups=groups, diversity=0.0, max_words=6)
    assert search(seed, diverse, [0, 1, 2]) == search(seed, DecodingOptions(beam=width, max_words=6), [0, 1, 2])


@settings(max_examples=40, deadline=None)
@given(seed=seeds, diversity=st.sampled_from([0.5, 5.0]))
def test_a_batch_finds_what_each_image_finds_alone(seed: int, diversity: float) -> None:
    options = DecodingOptions(beam=6, groups=3, diversity=diversity, max_words=6)
    together = search(seed, options, [0, 1, 2, 3])
    assert together == [search(seed, options, [image])[0] for image in range(4)]


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_what_is_found_is_ranked_distinct_and_as_the_model_says_it(seed: int) -> None:
    options = DecodingOptions(beam=6, groups=2, diversity=1.0, max_words=6)
    for image, found in enumerate(search(seed, options, [0, 1])):
        assert 3 <= len(found) <= 6 and len({h.words for h in found}) == len(found)
        assert found == sorted(found, key=lambda h: -h.rank(options.length_penalty))
        for hypothesis in found:
            path = (START, *hypothesis.words, END)
            said = [float(table(seed)[image, at, path[at], path[at + 1]]) for at in range(len(path) - 1)]
            assert hypothesis.log_probabilities == tuple(said)


def test_a_strong_diversity_shares_no_word_at_a_place() -> None:
    options = DecodingOptions(beam=3, groups=3, diversity=50.0, max_words=6)
    for image in search(3, options, list(range(8))):
        assert len(image) == 3
        for place in range(6):
            said = [h.words[place] for h in image if len(h.words) > place]
            assert len(set(said)) == len(said)
