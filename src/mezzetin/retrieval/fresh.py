"""Texts that changed since the last `mezzetin index`: their meaning is found before it is written down.

Enters: which pictures changed. Leaves: vectors in memory of their texts, a few at each search, people's own first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from mezzetin.collection.opening import Reader
from mezzetin.collection.vectors import packed
from mezzetin.meaning import SentenceEncoder
from mezzetin.retrieval.index import Among, ExactIndex, Floats, Nearest, Numbers
from mezzetin.retrieval.meanings import Said, meanings, space_of, unsaid

_AT_ONCE = 32
_MOST = 5000


class Fresh:
    """Vectors of texts that the collection has none of yet."""

    def __init__(self, sentences: SentenceEncoder) -> None:
        self._sentences = sentences
        self._space = space_of(sentences)
        self._index = ExactIndex(sentences.dimensions)
        self._of: dict[int, list[tuple[int, int, Floats]]] = defaultdict(list)
        self._due: dict[int, None] = {}
        self.left_out = 0

    def note(self, pictures: Iterable[int]) -> None:
        """Take in that the words of some pictures changed, the latest last."""
        for picture in pictures:
            self._due.pop(picture, None)
            self._due[picture] = None
            if self._of.pop(picture, None):
                self._index.remove(self._keys_of(picture))
        while len(self._due) > _MOST:
            del self._due[next(iter(self._due))]
            self.left_out += 1

    def work(self, reader: Reader) -> None:
        """Make the vectors of what changed last."""
        chosen = list(self._due)[-_AT_ONCE:]
        if not chosen:
            return
        texts = unsaid(reader, self._space, chosen, 4 * _AT_ONCE)
        for picture in chosen:
            del self._due[picture]
        if texts:
            self._take(texts, meanings(self._sentences, texts))

    @property
    def waiting(self) -> int:
        """Of how many pictures the texts are still to be looked at."""
        return len(self._due) + self.left_out

    def nearest(self, vector: Floats, count: int, among: Among | None = None) -> Nearest:
        """As `Index.nearest`; the keys mean nothing."""
        return self._index.nearest(vector, count, among)

    def of(self, picture: int) -> list[tuple[int, int, Floats]]:
        """Text, version and vector of what a picture has here."""
        return self._of.get(picture, [])

    def _take(self, texts: list[Said], vectors: Floats) -> None:
        for text, vector in zip(texts, vectors, strict=True):
            self._of[text.picture_id].append((text.id, text.version, vector))
        pictures = np.array([text.picture_id for text in texts], np.int64)
        self._index.add(np.array([text.id for text in texts], np.int64), pictures, packed(vectors))

    def _keys_of(self, picture: int) -> Numbers:
        keys, pictures, _ = self._index.content
        return np.asarray(keys[pictures == picture], np.int64)
