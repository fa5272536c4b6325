"""What a finder holds open of a collection: an index a space, columns for filters, what changed since.

Enters: a collection, and the models that are there. Leaves: pictures that may answer a question. Each search first
takes in what was written since the last one, here or by another process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np

from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.pictures import changed_since
from mezzetin.meaning import SentenceEncoder
from mezzetin.retrieval.candidates import Asked
from mezzetin.retrieval.facets import Facets
from mezzetin.retrieval.filters import Filter
from mezzetin.retrieval.fresh import Fresh
from mezzetin.retrieval.graph import has_graphs
from mezzetin.retrieval.index import Among, held
from mezzetin.retrieval.keeping import EXACT_MOST, Report, SpaceIndex, newest_vector
from mezzetin.retrieval.meanings import space_of

_CHANGES_AT_ONCE = 5000
_NEAR, _MASKS = 300, 16


class Shelf:
    """The derived state of one collection; whoever calls it does so one at a time."""

    def __init__(
        self,
        collection: Collection,
        spaces: Iterable[str],
        sentences: SentenceEncoder | None,
        *,
        exact_most: int = EXACT_MOST,
    ) -> None:
        self._collection, self._exact_most = collection, exact_most
        self.fresh = Fresh(sentences) if sentences else None
        self.sentence_space = space_of(sentences) if sentences else None
        own = [*spaces, *([self.sentence_space] if self.sentence_space else [])]
        self._indexes = {space: SpaceIndex(collection, space, exact_most=exact_most) for space in own}
        self._facets: Facets | None = None
        self._stale: dict[int, None] = {}
        self._masks: dict[Filter, Among] = {}
        self._newest = -1
        self._seq = self._marked()

    def refresh(self, reader: Reader, report: Report | None = None) -> None:
        """Take in what changed: vectors, and pictures whose words did."""
        newest = newest_vector(reader)
        if newest != self._newest:
            for index in self._indexes.values():
                index.renew(reader, report)
            self._newest = newest
        while changed := changed_since(reader, self._seq, _CHANGES_AT_ONCE):
            self._seq = changed[-1][0]
            pictures = [picture for _, picture in changed]
            if self.fresh:
                self.fresh.note(pictures)
            if self._facets:
                self._stale |= dict.fromkeys(pictures)
        if self.fresh:
            self.fresh.work(reader)

    def size(self, space: str) -> int:
        """How many vectors there are of a space."""
        return self.index(space).size

    @property
    def compared(self) -> int:
        """How many vectors are compared one by one only because no graph can be made here; 0 where they are few."""
        size = max((index.size for index in self._indexes.values()), default=0)
        return 0 if has_graphs() or size <= self._exact_most else size

    def near(self, asked: Asked, among: Among | None) -> list[int]:
        """The pictures near to a question in any of its spaces, each once, the nearest of each space first."""
        found: dict[int, None] = {}
        for space, vector in asked.vectors.items():
            parts = [self.index(space).nearest(vector, _NEAR, among)]
            if self.fresh and space == self.sentence_space:
                parts.append(self.fresh.nearest(vector, _NEAR, among))
            for part in parts:
                found |= dict.fromkeys(part.pictures.tolist())
        return list(found)

    def among(self, reader: Reader, wanted: Filter) -> Among | None:
        """The pictures that a filter lets through; None where it lets all."""
        if not wanted.narrows:
            return None
        if self._facets is None or len(self._stale) > _CHANGES_AT_ONCE:
            self._facets, self._masks = Facets(reader), {}
        elif self._stale:
            self._facets.renew(reader, self._stale)
            self._masks = {}
        self._stale = {}
        if wanted not in self._masks:
            if len(self._masks) >= _MASKS:
                self._masks = {}
            self._masks[wanted] = self._mask(reader, self._facets, wanted)
        return self._masks[wanted]

    @staticmethod
    def _mask(reader: Reader, facets: Facets, wanted: Filter) -> Among:
        allowed = facets.pictures(wanted)
        if not wanted.record_ids:
            return allowed
        rows = reader.rows(
            "SELECT id FROM pictures WHERE record_id IN (SELECT value FROM json_each(?))",
            (json.dumps(wanted.record_ids),),
        )
        named = np.array([row[0] for row in rows], np.int64)
        fits = np.zeros_like(allowed)
        fits[named[held(named, allowed)]] = True
        return fits

    def index(self, space: str) -> SpaceIndex:
        """The index of a space; of one that no model here is of, opened when it is first asked for."""
        if space not in self._indexes:
            with self._collection.reading() as reader:
                index = SpaceIndex(self._collection, space, exact_most=self._exact_most)
                index.renew(reader)
            self._indexes[space] = index
        return self._indexes[space]

    def _marked(self) -> int:
        """From which change on texts may have no vectors; without a sentence model, from now on."""
        if self.sentence_space:
            row = self._collection.one("SELECT seq FROM vector_marks WHERE space = ?", (self.sentence_space,))
            return row[0] if row else 0
        row = self._collection.one("SELECT coalesce(max(seq), 0) FROM changes")
        return row[0] if row else 0
