from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.data.splits import most_held_out, seeded_split, split_name


@given(st.binary(), st.integers())
def test_a_copy_lands_on_the_same_side(content: bytes, seed: int) -> None:
    digest = hashlib.sha256(content).hexdigest()
    assert seeded_split(digest, seed) == seeded_split(digest, seed) in {"train", "val", "test"}


def test_shares_are_kept_and_the_seed_matters() -> None:
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(5000)]
    zero = [seeded_split(digest, 0) for digest in digests]
    shares = Counter(zero)
    assert 0.77 < shares["train"] / 5000 < 0.83
    assert 0.08 < shares["val"] / 5000 < 0.12
    assert zero != [seeded_split(digest, 1) for digest in digests]
    assert {seeded_split(digest, 0, (0, 0, 1)) for digest in digests} == {"test"}


@pytest.mark.parametrize(
    ("written", "name"), [(" Validation ", "val"), ("DEV", "val"), ("train", "train"), ("", None), ("x", "x")]
)
def test_split_names(written: str, name: str | None) -> None:
    assert split_name(written) == name


def test_contradictory_splits_keep_the_picture_out_of_training() -> None:
    assert most_held_out(["train", "val"]) == "val"
    assert most_held_out(["test", "val", "train", "extra"]) == "test"
