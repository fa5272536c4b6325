"""Vectors by the hundred thousand: a graph that leads to the nearest in a few hundred steps, in a file.

The graph is usearch's (HNSW; Malkov and Yashunin 2016, arXiv 1603.09320), its file is memory-mapped: what no question
touches stays on the disk. What comes later is kept beside it and compared one by one, until it is worth a new file;
so are the few vectors that the graph does not lead to, because threads inserted at the same time (USearch issue 735).
usearch comes with the extra `search`; whoever has it not compares with every vector.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mezzetin.collection.vectors import packed
from mezzetin.retrieval.index import Among, ExactIndex, Floats, Nearest, Numbers, Rows, cosines_of, held, highest

_LINKS, _BREADTH_BUILDING = 16, 64
_BREADTH, _MOST = 512, 16_384
_FEW, _WANTED = 12_000, 100
_SAME, _CHUNK = 1e-6, 4096


def has_graphs() -> bool:
    """Whether usearch is installed."""
    return find_spec("usearch") is not None


class GraphIndex:
    """A graph in a file, and what came since. `place` is where the file lies or will lie; None keeps it in memory."""

    def __init__(self, dimensions: int, place: Path | None = None) -> None:
        self.dimensions = dimensions
        self._graph = self._empty()
        self._keys: Numbers = np.empty(0, np.int64)
        self._pictures: Numbers = np.empty(0, np.int64)
        self._since = ExactIndex(dimensions)
        self._apart = ExactIndex(dimensions)
        self._gone: Numbers = np.empty(0, np.int64)
        self._hidden: Numbers = np.empty(0, np.int64)
        self._unproved: Numbers = np.empty(0, np.int64)
        self._place = place
        if place is not None:
            self._graph.view(str(place))
            with np.load(place.with_suffix(".npz")) as arrays:
                self._keys, self._pictures = arrays["keys"], arrays["pictures"]
                self._set_apart(arrays["apart"])

    @property
    def size(self) -> int:
        """How many vectors there are."""
        return len(self._keys) + self._since.size - len(self._gone)

    @property
    def waiting(self) -> int:
        """How many vectors came or went since the graph was made."""
        return self._since.size + len(self._gone)

    @property
    def keys(self) -> Numbers:
        """The keys of what the graph and what came since hold."""
        return np.concatenate([self._keys, self._since.content[0]])

    def add(self, keys: Numbers, pictures: Numbers, rows: Rows) -> None:
        """Take vectors in, beside the graph."""
        self._since.add(keys, pictures, rows)

    def remove(self, keys: Numbers) -> None:
        """Take vectors out: of the graph none is found any more."""
        self._since.remove(keys)
        self._apart.remove(keys)
        self._gone = np.union1d(self._gone, keys[np.isin(keys, self._keys)])
        self._hidden = np.union1d(self._gone, self._apart.content[0])

    def grow(self, keys: Numbers, pictures: Numbers, rows: Rows) -> None:
        """Put vectors into the graph itself, which must not be a mapped file."""
        self._graph.add(keys.astype(np.uint64), rows)
        self._keys = np.concatenate([self._keys, keys])
        self._pictures = np.concatenate([self._pictures, pictures])
        self._unproved = np.concatenate([self._unproved, keys])

    def nearest(self, vector: Floats, count: int, among: Among | None = None) -> Nearest:
        """The nearest vectors, nearly all of them right; where few pictures count, exactly."""
        parts = [one.nearest(vector, count, among) for one in (self._since, self._apart)]
        parts.append(self._in_graph(vector, count, among))
        keys, pictures, cosines = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("keys", "pictures", "cosines")
        )
        best = highest(cosines, count)
        return Nearest(keys[best], pictures[best], cosines[best])

    def rebuild(self) -> None:
        """Make the graph anew, without what was taken out."""
        kept = ~np.isin(self._keys, self._gone)
        keys, pictures = self._keys[kept], self._pictures[kept]
        rows = self._rows(keys)
        later = self._since.content
        self._graph, self._place = self._empty(), None
        self._keys, self._pictures = np.empty(0, np.int64), np.empty(0, np.int64)
        self._gone, self._unproved = np.empty(0, np.int64), np.empty(0, np.int64)
        self._since, self._apart = ExactIndex(self.dimensions), ExactIndex(self.dimensions)
        for some in ((keys, pictures, rows), later):
            if len(some[0]):
                self.grow(*some)
        self._prove()

    def save(self, place: Path) -> None:
        """Write the graph and, beside it, whose vectors they are; then read it from there."""
        self._graph.save(str(place))
        place.chmod(0o600)
        apart = self._apart.content[0]
        np.savez(place.with_suffix(".npz"), keys=self._keys, pictures=self._pictures, apart=apart)
        self._graph = self._empty()
        self._graph.view(str(place))
        self._place = place

    def merge(self) -> None:
        """Put what came since into the graph, which is read into memory for it; the mapped file stays as it is."""
        if self._place is not None:
            graph = self._empty()
            graph.load(str(self._place))
            self._graph, self._place = graph, None
        later = self._since.content
        self._since = ExactIndex(self.dimensions)
        if len(later[0]):
            self.grow(*later)
        self._prove()

    def _prove(self) -> None:
        """Ask for every vector that was put into the graph: whatever it does not lead to is from now on apart."""
        asked = np.concatenate([self._apart.content[0], self._unproved])
        lost = []
        for start in range(0, len(asked), _CHUNK):
            keys = asked[start : start + _CHUNK]
            # A glance finds nearly all; only the rest is worth the breadth of a question.
            for breadth in (_BREADTH_BUILDING, _BREADTH):
                keys = keys[~self._leads_to(keys, breadth)] if len(keys) else keys
            lost.append(keys)
        self._unproved = np.empty(0, np.int64)
        self._set_apart(np.concatenate(lost) if lost else self._unproved)

    def _leads_to(self, keys: Numbers, breadth: int) -> NDArray[np.bool_]:
        """Whether a vector is found by itself, or as many of its twins (the same caption twice) in its place."""
        count = min(breadth, len(self._keys))
        self._graph.expansion_search = breadth
        # The last twice, because a single row is answered in another form.
        found = self._graph.search(self._rows(np.append(keys, keys[-1])), count)
        # Where the graph leads to fewer than `count`, the places after these hold anything.
        filled = np.arange(count) < found.counts[:-1, None].astype(np.int64)
        itself = filled & (found.keys[:-1].astype(np.int64) == keys[:, None])
        twins = filled & (found.distances[:-1] < _SAME)
        return np.asarray(itself.any(1) | twins.all(1), np.bool_)

    def _set_apart(self, keys: Numbers) -> None:
        keys = np.sort(keys)
        self._apart = ExactIndex(self.dimensions)
        self._apart.add(keys, self._pictures[np.searchsorted(self._keys, keys)], self._rows(keys))
        self._hidden = np.union1d(self._gone, keys)

    def _in_graph(self, vector: Floats, count: int, among: Among | None) -> Nearest:
        nothing = Nearest(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        if not len(self._keys):
            return nothing
        broad = max(_BREADTH, 2 * count)
        if among is not None:
            many = int(np.count_nonzero(among))
            if many <= _FEW:
                counting = held(self._pictures, among)
                keys = self._keys[counting]
                return _first(keys, self._pictures[counting], cosines_of(self._rows(keys), vector), self._hidden, count)
            broad = max(broad, _WANTED * len(self._keys) // many)
        broad = min(_MOST, len(self._keys), broad)
        self._graph.expansion_search = broad
        found = self._graph.search(packed(vector), broad)
        keys = found.keys.astype(np.int64)
        pictures = self._pictures[np.searchsorted(self._keys, keys)]
        cosines = (1 - found.distances).astype(np.float32)
        if among is not None:
            fit = held(pictures, among)
            keys, pictures, cosines = keys[fit], pictures[fit], cosines[fit]
        return _first(keys, pictures, cosines, self._hidden, count)

    def _rows(self, keys: Numbers) -> Rows:
        if not len(keys):
            return np.empty((0, self.dimensions), np.int8)
        return np.vstack(cast("tuple[Rows, ...]", self._graph.get(keys.astype(np.uint64))))

    def _empty(self) -> Any:
        from usearch.index import Index as Usearch

        return Usearch(
            ndim=self.dimensions,
            metric="cos",
            dtype="i8",
            connectivity=_LINKS,
            expansion_add=_BREADTH_BUILDING,
            expansion_search=_BREADTH,
        )


def _first(keys: Numbers, pictures: Numbers, cosines: Floats, hidden: Numbers, count: int) -> Nearest:
    stay = ~np.isin(keys, hidden) if len(hidden) else np.ones(len(keys), np.bool_)
    best = np.flatnonzero(stay)[highest(cosines[stay], count)]
    return Nearest(keys[best], pictures[best], cosines[best])
