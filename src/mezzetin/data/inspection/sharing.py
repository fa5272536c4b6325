"""Pictures that stand in more than one split: what is learned from must not be what is judged on.

Enters: digests and hashes of the pictures as they come. Leaves: pairs from different splits, of the same bytes
or of the same look.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mezzetin.data.likeness import MAX_DISTANCE, near_pairs

#: How many pairs of each kind are named.
NAMED = 100
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class SharedPair:
    """Two pictures from different splits, by row number, and in how many of 64 bits their hashes differ."""

    first: int
    second: int
    distance: int


@dataclass(frozen=True, slots=True)
class SharedFacts:
    """Pictures that other splits have too: by the original file's bytes, and by look (hashes within `max_distance`).

    `same` and `alike` count pictures by split; a picture with the same bytes elsewhere is not counted as alike
    again. The first hundred pairs of each are named.
    """

    same: Mapping[str, int]
    alike: Mapping[str, int]
    same_pairs: tuple[SharedPair, ...]
    alike_pairs: tuple[SharedPair, ...]
    max_distance: int


class SharingTally:
    """Keeps 18 bytes a picture: 64 bits of its digest, its hash, its split."""

    def __init__(self) -> None:
        self._digests, self._hashes, self._sides = array("Q"), array("Q"), array("H")
        self._splits: dict[str, int] = {}

    def add(self, split: str, sha256: str, looks: int) -> None:
        """Take in one usable picture: its digest (hex) and its perceptual hash."""
        self._digests.append(int(sha256[:_DIGITS], 16))
        self._hashes.append(looks)
        self._sides.append(self._splits.setdefault(split, len(self._splits)))

    def facts(self, split: str | None = None) -> SharedFacts:
        """Compare; with `split` only pairs that this split is a part of."""
        digests = np.frombuffer(self._digests, np.uint64)
        hashes, sides = np.frombuffer(self._hashes, np.uint64), np.frombuffer(self._sides, np.uint16)
        # Equal digests are the pairs at distance 0.
        same = self._of(near_pairs(digests, 0, sides=sides), split)
        is_same = _members(digests, sides, same)
        # The first of equal hashes stands for all of them: let it be one whose bytes are nowhere else.
        order = np.argsort(is_same, kind="stable")
        alike = near_pairs(hashes[order], MAX_DISTANCE, sides=sides[order])
        alike[:, :2] = np.sort(order[alike[:, :2]], axis=1)
        alike = self._of(alike[digests[alike[:, 0]] != digests[alike[:, 1]]], split)
        return SharedFacts(
            same=self._by_split(sides[is_same]),
            alike=self._by_split(sides[_members(hashes, sides, alike) & ~is_same]),
            same_pairs=_named(same),
            alike_pairs=_named(alike),
            max_distance=MAX_DISTANCE,
        )

    def _of(self, pairs: NDArray[np.int64], split: str | None) -> NDArray[np.int64]:
        if split is None:
            return pairs
        sides = np.frombuffer(self._sides, np.uint16)
        kept: NDArray[np.int64] = pairs[(sides[pairs[:, :2]] == self._splits[split]).any(axis=1)]
        return kept

    def _by_split(self, sides: NDArray[np.uint16]) -> dict[str, int]:
        counts = np.bincount(sides, minlength=len(self._splits))
        return {name: int(counts[number]) for name, number in self._splits.items() if counts[number]}


def _members(keys: NDArray[np.uint64], sides: NDArray[np.uint16], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pictures have the key of a pair's end on the same side."""
    ends = np.unique(pairs[:, :2])
    member = np.zeros(len(keys), bool)
    for side in np.unique(sides[ends]):
        of_side = sides == side
        member[of_side] = np.isin(keys[of_side], keys[ends[sides[ends] == side]])
    return member


def _named(pairs: NDArray[np.int64]) -> tuple[SharedPair, ...]:
    order = np.lexsort((pairs[:, 1], pairs[:, 0], pairs[:, 2]))[:NAMED]
    return tuple(SharedPair(*pair) for pair in pairs[order].tolist())
