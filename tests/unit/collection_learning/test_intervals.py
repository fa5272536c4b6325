"""The interval of a sample: exact, honest at its ends, and narrower the more is judged."""

from __future__ import annotations

import random
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.collection.intervals import interval, size_for
from mezzetin.errors import InputError

SAMPLES = st.integers(1, 400).flatmap(
    lambda population: st.integers(1, population).flatmap(
        lambda judged: st.tuples(st.integers(0, judged), st.just(judged), st.just(population))
    )
)


def upper(good: int, judged: int, held: int, population: int) -> float:
    ways = sum(comb(held, n) * comb(population - held, judged - n) for n in range(good, min(judged, held) + 1))
    return ways / comb(population, judged)


@given(SAMPLES)
def test_it_is_what_counting_all_draws_gives(sample: tuple[int, int, int]) -> None:
    good, judged, population = sample
    low, high = interval(good, judged, population)
    possible = range(good, population - (judged - good) + 1)
    chances = {
        held: min(upper(good, judged, held, population), upper(judged - good, judged, population - held, population))
        for held in possible
    }
    # A chance of exactly 0.025 (one of forty was judged) falls on either side.
    surely = [held for held, chance in chances.items() if chance > 0.025 * (1 + 1e-9)]
    at_most = [held for held, chance in chances.items() if chance > 0.025 * (1 - 1e-9)]
    assert at_most[0] <= low <= surely[0]
    assert surely[-1] <= high <= at_most[-1]


@given(SAMPLES)
def test_more_good_ones_never_lower_it(sample: tuple[int, int, int]) -> None:
    good, judged, population = sample
    low, high = interval(good, judged, population)
    assert good <= low <= high <= population - (judged - good)
    if good < judged:
        better = interval(good + 1, judged, population)
        assert better[0] >= low
        assert better[1] >= high
    mirrored = interval(judged - good, judged, population)
    assert mirrored == (population - high, population - low)


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    drawn = random.Random(5)
    for held, judged in ((950, 100), (999, 60), (500, 30), (40, 200)):
        texts = [1] * held + [0] * (1000 - held)
        hits = 0
        for _ in range(800):
            low, high = interval(sum(drawn.sample(texts, judged)), judged, 1000)
            hits += low <= held <= high
        assert hits >= 0.94 * 800


def test_its_ends() -> None:
    assert interval(200, 200, 200) == (200, 200)
    low, high = interval(0, 50, 1_000_000)
    assert low == 0
    # Without a finite population: 1 - 0.025 ** (1 / 50).
    assert high == pytest.approx(71_121, abs=100)
    assert interval(50, 50, 1_000_000) == (1_000_000 - high, 1_000_000)
    for wrong in ((-1, 3, 5), (4, 3, 5), (1, 6, 5)):
        with pytest.raises(InputError):
            interval(*wrong)


@given(st.integers(20, 5000), st.sampled_from([0.05, 0.1, 0.2]), st.sampled_from([0.5, 0.9, 1.0]))
def test_so_many_are_enough(population: int, width: float, share: float) -> None:
    judged = size_for(width, population, share=share)
    low, high = interval(round(share * judged), judged, population)
    assert high - low <= width * population
    # Whole pictures are good, so that the width goes up and down by one of them while it shrinks.
    period = 1 if share == 1.0 else round(1 / (1 - share))
    assert size_for(width, population * 10, share=share) >= judged - period
    with pytest.raises(InputError):
        size_for(0, population)
