"""Vectors that can be asked for the nearest: the protocol, and one that compares with every vector.

Enters: rows of int8 `[N, D]` with a key each and the picture that owns it. Leaves: pictures, and the cosine of their
vectors with a question's. Whatever keeps this protocol (Postgres with pgvector, Azure AI Search) can take the place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mezzetin.collection.vectors import unpacked

Numbers = NDArray[np.int64]
Rows = NDArray[np.int8]
Floats = NDArray[np.float32]
Among = NDArray[np.bool_]
"""For every number of a picture, from 0 on, whether it counts."""
_CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Nearest:
    """What was found, the nearest first: keys, their pictures (one may stand there twice), cosines -1..1."""

    keys: Numbers
    pictures: Numbers
    cosines: Floats


class Index(Protocol):
    """Vectors of one space, by keys that are never used twice."""

    @property
    def size(self) -> int:
        """How many vectors there are."""

    def add(self, keys: Numbers, pictures: Numbers, rows: Rows) -> None:
        """Take vectors in, without making anything anew; `keys` are above all those before."""

    def remove(self, keys: Numbers) -> None:
        """Take vectors out; unknown keys are passed over."""

    def nearest(self, vector: Floats, count: int, among: Among | None = None) -> Nearest:
        """At most `count` vectors near to one `[D]`; only pictures that `among` lets count."""

    def rebuild(self) -> None:
        """Make it anew from what it holds, without what was taken out."""


class ExactIndex:
    """Compares with every vector: for tens of thousands, or for what came since a graph was made."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._keys: Numbers = np.empty(0, np.int64)
        self._pictures: Numbers = np.empty(0, np.int64)
        self._rows: Rows = np.empty((0, dimensions), np.int8)
        self._lengths: Floats = np.empty(0, np.float32)
        self._size = 0

    @property
    def size(self) -> int:
        """How many vectors there are."""
        return self._size

    @property
    def content(self) -> tuple[Numbers, Numbers, Rows]:
        """Keys, pictures and rows, in the order they came."""
        return self._keys[: self._size], self._pictures[: self._size], self._rows[: self._size]

    def add(self, keys: Numbers, pictures: Numbers, rows: Rows) -> None:
        """Take vectors in."""
        end = self._size + len(keys)
        if end > len(self._keys):
            self._grow(max(end, 2 * len(self._keys), 256))
        self._keys[self._size : end] = keys
        self._pictures[self._size : end] = pictures
        self._rows[self._size : end] = rows
        self._lengths[self._size : end] = np.sqrt(np.square(rows.astype(np.float32)).sum(1))
        self._size = end

    def remove(self, keys: Numbers) -> None:
        """Take vectors out."""
        stay = np.flatnonzero(~np.isin(self._keys[: self._size], keys))
        for name in ("_keys", "_pictures", "_rows", "_lengths"):
            setattr(self, name, getattr(self, name)[stay])
        self._size = len(stay)

    def nearest(self, vector: Floats, count: int, among: Among | None = None) -> Nearest:
        """The nearest vectors, exactly; `[D]` in, in chunks that a processor's cache holds."""
        places = np.arange(self._size) if among is None else np.flatnonzero(held(self.content[1], among))
        cosines = np.empty(len(places), np.float32)
        for start in range(0, len(places), _CHUNK):
            part = places[start : start + _CHUNK]
            rows = self._rows[part] if among is not None else self._rows[start : start + len(part)]
            products = rows.astype(np.float32) @ vector
            cosines[start : start + len(part)] = products / np.maximum(self._lengths[part], 1e-12)
        best = highest(cosines, count)
        return Nearest(self._keys[places[best]], self._pictures[places[best]], cosines[best])

    def rebuild(self) -> None:
        """Give back the memory that nothing lies in."""
        self._grow(self._size)

    def _grow(self, capacity: int) -> None:
        for name in ("_keys", "_pictures", "_rows", "_lengths"):
            old = getattr(self, name)
            new = np.empty((capacity, *old.shape[1:]), old.dtype)
            new[: self._size] = old[: self._size]
            setattr(self, name, new)


def held(numbers: Numbers, among: Among) -> NDArray[np.bool_]:
    """Which numbers count; those above the last that `among` knows do not."""
    if not len(among):
        return np.zeros(len(numbers), np.bool_)
    return np.asarray(among[np.minimum(numbers, len(among) - 1)] & (numbers < len(among)), np.bool_)


def highest(scores: Floats, count: int) -> Numbers:
    """The places of the highest scores, the highest first."""
    if count >= len(scores):
        return np.argsort(-scores, kind="stable")
    some = np.sort(np.argpartition(-scores, count)[:count])
    return np.asarray(some[np.argsort(-scores[some], kind="stable")], np.int64)


def cosines_of(rows: Rows, vector: Floats) -> Floats:
    """The cosines `[N]` of some rows with one unit vector."""
    return np.asarray(unpacked(rows) @ vector, np.float32)
