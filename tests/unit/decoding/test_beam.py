"""The beam search against enumeration, a greedy walk and a plain search that never stops early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.decoding.beam import beam_search
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.step import FloatArray, Hypothesis, IntArray
from mezzetin.vocabulary import END, SPECIAL

Words = tuple[int, ...]
Row = Callable[[Words], FloatArray]
"""What a model says after the words so far: the log-probability of every next one."""
START_STATE = np.zeros(0, np.float32)


class Model:
    """A step over images that each have a `Row`; the state is the words so far, the memory the image's number."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.images_in_call: list[int] = []

    def __call__(self, token_BK: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
        self.images_in_call.append(len(memory))
        grown = np.concatenate([state, token_BK[..., None].astype(np.float32)], -1)
        said = [
            [self.rows[int(memory[b, 0])](tuple(int(word) for word in beam[1:])) for beam in image]
            for b, image in enumerate(grown)
        ]
        return np.array(said, np.float32), grown

    def search(self, options: DecodingOptions) -> list[list[Hypothesis]]:
        memory = np.arange(len(self.rows), dtype=np.float32)[:, None]
        return beam_search(self, memory, START_STATE, options)


def log_softmax(logits: FloatArray) -> FloatArray:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()), np.float32)


def random_row(seed: int, words: int, *, sharpness: float = 1.0, end: float = 0.0, memory: int = 9) -> Row:
    """A model of `words` words that looks at the last `memory` of them (1: a Markov chain) and at how many they are.

    Without the latter, captions with the same pairs of words in another order would tie.
    """

    def row(prefix: Words) -> FloatArray:
        seen = (len(prefix), *prefix[-memory:])
        logits = sharpness * np.random.default_rng([seed, words, *seen]).normal(size=len(SPECIAL) + words)
        logits[END] += end
        return log_softmax(logits)

    return row


def said(row: Row, words: Words) -> Hypothesis:
    """A word sequence with the log-probabilities that the model gives it, one after the other."""
    each = [float(row(words[:at])[word]) for at, word in enumerate((*words, END))]
    return Hypothesis(words, tuple(each))


def every_caption(vocabulary: int, max_words: int) -> Iterator[Words]:
    for length in range(1, max_words + 1):
        yield from product(range(len(SPECIAL), vocabulary), repeat=length)


def ranked(found: list[Hypothesis], penalty: float) -> list[Hypothesis]:
    return sorted(found, key=lambda h: -h.rank(penalty))


def plain_search(row: Row, options: DecodingOptions) -> list[Hypothesis]:
    """The same rules, one image, lists, and on to the length bound whatever has been found."""
    living: list[Words] = [()]
    finished: list[Hypothesis] = []
    for length in range(options.max_words + 1):
        candidates = []
        for words in living:
            so_far = sum(said(row, words).log_probabilities[:-1])
            for word, logp in enumerate(row(words)):
                if length > 0 if word == END else word >= len(SPECIAL) and length < options.max_words:
                    candidates.append((so_far + float(logp), words, word))
        candidates.sort(key=lambda candidate: -candidate[0])
        finished += [said(row, words) for _, words, word in candidates[: options.beam] if word == END]
        living = [(*words, word) for _, words, word in candidates if word != END][: options.beam]
    return ranked(finished, options.length_penalty)[: options.beam]


seeds = st.integers(0, 2**32 - 1)
penalties = st.sampled_from([0.0, 0.3, 0.7, 1.0, 2.0])
rows = st.builds(
    random_row,
    seeds,
    st.integers(1, 3),
    sharpness=st.sampled_from([0.3, 1.0, 4.0]),
    end=st.sampled_from([-3.0, 0.0, 3.0]),
    memory=st.sampled_from([1, 2, 9]),
)


@settings(max_examples=40, deadline=None)
@given(row=rows, max_words=st.integers(1, 4), penalty=penalties)
def test_a_beam_that_holds_everything_lists_all_captions_in_order(row: Row, max_words: int, penalty: float) -> None:
    options = DecodingOptions(beam=128, max_words=max_words, length_penalty=penalty)
    (found,) = Model([row]).search(options)
    expected = ranked([said(row, words) for words in every_caption(len(row(())), max_words)], penalty)
    assert [h.words for h in found] == [h.words for h in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.log_probabilities == theirs.log_probabilities


@settings(max_examples=60, deadline=None)
@given(row=rows, max_words=st.integers(1, 6), penalty=penalties)
def test_a_beam_of_one_is_greedy(row: Row, max_words: int, penalty: float) -> None:
    words: Words = ()
    while len(words) < max_words:
        logps = row(words).copy()
        logps[[n for n in range(len(SPECIAL)) if n != END or not words]] = -np.inf
        if (best := int(logps.argmax())) == END:
            break
        words = (*words, best)
    assert Model([row]).search(DecodingOptions(1, max_words, penalty)) == [[said(row, words)]]


@settings(max_examples=80, deadline=None)
@given(row=rows, beam=st.integers(2, 5), max_words=st.integers(1, 6), penalty=penalties)
def test_stopping_early_loses_nothing(row: Row, beam: int, max_words: int, penalty: float) -> None:
    options = DecodingOptions(beam, max_words, penalty)
    assert Model([row]).search(options) == [plain_search(row, options)]


@settings(max_examples=40, deadline=None)
@given(
    seeds=st.lists(seeds, min_size=2, max_size=5),
    ends=st.lists(st.sampled_from([-9.0, 0.0, 2.0, 9.0]), min_size=5, max_size=5),
    beam=st.integers(1, 4),
)
def test_a_batch_finds_what_each_image_finds_alone(seeds: list[int], ends: list[float], beam: int) -> None:
    models = [random_row(seed, 3, end=end) for seed, end in zip(seeds, ends, strict=False)]
    options = DecodingOptions(beam=beam, max_words=6)
    assert Model(models).search(options) == [Model([row]).search(options)[0] for row in models]


def test_decided_images_leave_the_batch() -> None:
    quick, slow = random_row(1, 3, sharpness=0.1, end=20), random_row(2, 3, end=-20)
    together, alone = Model([quick, slow, quick]), Model([quick])
    together.search(DecodingOptions(beam=2, max_words=12))
    alone.search(DecodingOptions(beam=2, max_words=12))
    assert together.images_in_call[0] == 3 and together.images_in_call[-1] == 1
    assert len(alone.images_in_call) < len(together.images_in_call) == 13


@settings(max_examples=60, deadline=None)
@given(row=rows, beam=st.integers(1, 6), max_words=st.integers(1, 5), loud=st.floats(0, 60))
def test_what_is_found_is_sayable_sorted_and_distinct(row: Row, beam: int, max_words: int, loud: float) -> None:
    def tempting(prefix: Words) -> FloatArray:
        logits = row(prefix).copy()
        logits[[n for n in range(len(SPECIAL)) if n != END or not prefix]] += loud
        return log_softmax(logits)

    (found,) = Model([tempting]).search(DecodingOptions(beam, max_words))
    assert 1 <= len(found) <= beam
    assert len({h.words for h in found}) == len(found)
    assert found == ranked(found, 0.7)
    for hypothesis in found:
        assert 1 <= len(hypothesis.words) <= max_words
        assert min(hypothesis.words) >= len(SPECIAL)
        assert hypothesis == said(tempting, hypothesis.words)
        assert hypothesis.log_probability == pytest.approx(sum(hypothesis.log_probabilities))


def test_a_model_that_never_wants_to_end_is_ended_at_the_bound() -> None:
    row = random_row(3, 3, end=-60)
    (found,) = Model([row]).search(DecodingOptions(beam=3, max_words=5))
    assert [len(h.words) for h in found] == [5, 5, 5]
    assert found[0].log_probability < -50  # ending there is counted at what the model gives it


def test_a_model_that_ends_at_once_says_one_word() -> None:
    row = random_row(4, 3, end=60)
    (found,) = Model([row]).search(DecodingOptions(beam=3, max_words=5))
    assert len(found[0].words) == 1
    assert found[0].words[0] == len(SPECIAL) + int(row(())[len(SPECIAL) :].argmax())


def test_the_length_penalty_decides_between_short_and_long() -> None:
    def row(prefix: Words) -> FloatArray:
        # "4" ends at -2.0 in all; "5 5 5" at -3.2, that is -0.8 a word and end.
        logps = np.full(6, -np.inf, np.float32)
        if not prefix:
            logps[[4, 5]] = -1.0, -0.8
        elif prefix == (5, 5, 5) or prefix[0] == 4:
            logps[END] = -1.0 if prefix[0] == 4 else -0.8
        else:
            logps[5] = -0.8
        return logps

    options = DecodingOptions(beam=2, max_words=3)
    assert [h.words for h in Model([row]).search(replace(options, length_penalty=0.0))[0]] == [(4,), (5, 5, 5)]
    assert [h.words for h in Model([row]).search(replace(options, length_penalty=1.0))[0]] == [(5, 5, 5), (4,)]


@settings(max_examples=60, deadline=None)
@given(
    row=rows,
    broken=st.dictionaries(st.integers(0, 6), st.sampled_from([float("nan"), float("-inf")]), min_size=1),
    depth=st.integers(0, 3),
    beam=st.integers(1, 4),
)
def test_broken_numbers_neither_hang_nor_touch_the_neighbour(
    row: Row, broken: dict[int, float], depth: int, beam: int
) -> None:
    def damaged(prefix: Words) -> FloatArray:
        logps = row(prefix).copy()
        for word, value in broken.items():
            if len(prefix) >= depth and word < len(logps):
                logps[word] = value
        return logps

    width = len(row(()))
    neighbour = random_row(5, width - len(SPECIAL))
    options = DecodingOptions(beam=beam, max_words=5)
    hurt, whole = Model([damaged, neighbour]).search(options)
    assert whole == Model([neighbour]).search(options)[0]
    for hypothesis in hurt:
        assert np.isfinite(hypothesis.log_probabilities).all()
        assert 1 <= len(hypothesis.words) <= 5 and not set(hypothesis.words[depth:]) & set(broken)


def test_an_image_about_which_the_model_knows_nothing_has_no_hypothesis() -> None:
    silent = lambda prefix: np.full(7, np.nan, np.float32)  # noqa: E731
    nothing, something = Model([silent, random_row(6, 3)]).search(DecodingOptions(beam=3, max_words=4))
    assert nothing == [] and len(something) == 3


def test_no_images_give_no_hypotheses() -> None:
    model = Model([])
    assert model.search(DecodingOptions()) == [] and model.images_in_call == []


@pytest.mark.parametrize("beam", [1, 3, 50])
def test_a_beam_wider_than_the_words_is_allowed(beam: int) -> None:
    (found,) = Model([random_row(7, 1)]).search(DecodingOptions(beam=beam, max_words=3))
    assert {h.words for h in found} <= {(4,), (4, 4), (4, 4, 4)} and len(found) == min(beam, 3)
