"""Near duplicates are all found and nothing else, compared with looking at every pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mezzetin.data.likeness import groups, near_pairs
from mezzetin.pixels.likeness import FLAT, hamming


def hashes_of(seeds: list[tuple[int, list[int]]]) -> NDArray[np.uint64]:
    """Hashes in clusters: for each seed, the seed itself with some bits turned, several times."""
    found = []
    for seed, flips in seeds:
        value = seed
        found.append(value)
        for bit in flips:
            value ^= 1 << bit
            found.append(value)
    return np.array(found, np.uint64)


clusters = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.lists(st.integers(0, 63), max_size=8)), min_size=0, max_size=8
).map(hashes_of)


@settings(max_examples=150, deadline=None)
@given(clusters, st.integers(0, 8))
def test_all_near_pairs_of_different_hashes_are_found(hashes: NDArray[np.uint64], distance: int) -> None:
    hashes = np.unique(hashes)
    values = hashes.tolist()
    wanted = {
        (first, second, hamming(values[first], values[second]))
        for first in range(len(values))
        for second in range(first + 1, len(values))
        if hamming(values[first], values[second]) <= distance and FLAT not in (values[first], values[second])
    }
    found = near_pairs(hashes, distance).tolist()
    assert {tuple(pair) for pair in found} == wanted
    assert len(found) == len(wanted)
    assert [pair[2] for pair in found] == sorted(pair[2] for pair in found)


@settings(max_examples=150, deadline=None)
@given(clusters, st.integers(0, 8))
def test_groups_are_the_connected_pictures(hashes: NDArray[np.uint64], distance: int) -> None:
    values = hashes.tolist()
    number = list(range(len(values)))
    for _ in values:
        for first, one in enumerate(values):
            for second, other in enumerate(values):
                if FLAT not in (one, other) and hamming(one, other) <= distance:
                    number[first] = number[second] = min(number[first], number[second])
    assert groups(hashes, distance).tolist() == number


def test_flat_pictures_are_like_none() -> None:
    hashes = np.array([FLAT, FLAT, 1, 1], np.uint64)
    assert near_pairs(hashes, 4).tolist() == [[2, 3, 0]]
    assert groups(hashes, 4).tolist() == [0, 1, 2, 2]


def test_copies_are_paired_with_the_first_of_them() -> None:
    hashes = np.array([7, 9_000_000_000_000_000_000, 7, 7], np.uint64)
    assert near_pairs(hashes, 0).tolist() == [[0, 2, 0], [0, 3, 0]]


def test_with_sides_only_pairs_across_them_count() -> None:
    hashes = np.array([7, 7, 7, 6, 1 << 40], np.uint64)
    sides = np.array([0, 0, 1, 0, 1])
    assert near_pairs(hashes, 1, sides=sides).tolist() == [[0, 2, 0], [2, 3, 1]]


@pytest.mark.parametrize("count", [0, 1])
def test_there_may_be_nothing_to_compare(count: int) -> None:
    hashes = np.arange(5, 5 + count).astype(np.uint64)
    assert near_pairs(hashes).shape == (0, 3)
    assert groups(hashes).tolist() == list(range(count))


@pytest.mark.parametrize("distance", [-1, 64])
def test_a_distance_that_makes_no_sense_is_refused(distance: int) -> None:
    with pytest.raises(ValueError, match="max_distance"):
        near_pairs(np.array([1], np.uint64), distance)


def test_many_pictures_are_compared_without_comparing_all_pairs() -> None:
    # All pairs of 100,000 are 5 thousand million, 40 GB of them: this test would not end, or not fit.
    random = np.random.default_rng(2)
    hashes = random.integers(1, 2**64 - 1, 100_000, dtype=np.uint64)
    hashes[50_000] = hashes[7] ^ np.uint64(0b101)
    assert near_pairs(hashes, 4).tolist() == [[7, 50_000, 2]]
    assert len(near_pairs(np.full(100_000, 3, np.uint64), 4)) == 99_999
