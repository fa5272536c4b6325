"""What speaks for some pictures, read from the collection itself: an index only proposes.

Enters: numbers of pictures, and the question as vectors. Leaves: cosines, exact but for the rounding of what is kept,
of nothing that was rejected, deleted or replaced meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mezzetin.collection.opening import Reader
from mezzetin.retrieval.filters import APPROVED
from mezzetin.retrieval.fresh import Fresh
from mezzetin.retrieval.index import Floats, cosines_of
from mezzetin.retrieval.weighing import Signals

_VECTORS = """
SELECT vectors.picture_id, vectors.space, vectors.text_id, vectors.vector, said.status
FROM json_each(?) AS asked CROSS JOIN vectors ON vectors.picture_id = asked.value
LEFT JOIN searchable_texts AS said ON said.id = vectors.text_id
WHERE vectors.space IN (SELECT value FROM json_each(?)) AND (vectors.text_id IS NULL OR said.id IS NOT NULL)
"""


@dataclass(slots=True)
class Asked:
    """A question as vectors `[D]` by space; `known` as in `Signals`, `fresh` where texts may have no vector yet."""

    vectors: dict[str, Floats] = field(default_factory=dict)
    known: float = 1.0
    fresh: Fresh | None = None
    sentence_space: str | None = None


@dataclass(slots=True)
class Compared:
    """Of each picture the best text and its cosine, and the cosine of the picture itself."""

    meaning: dict[int, float]
    text: dict[int, int]
    picture: dict[int, float]

    def signals(self, pictures: Sequence[int], words: Mapping[int, float], known: float) -> Signals:
        """The same in the order of `pictures`."""
        columns = (self.meaning, self.picture)
        meaning, picture = (np.array([one.get(p, np.nan) for p in pictures], np.float32) for one in columns)
        return Signals(meaning, picture, np.array([words.get(p, 0.0) for p in pictures], np.float32), known)


def compare(reader: Reader, asked: Asked, pictures: Sequence[int], *, approved_only: bool = False) -> Compared:
    """Compare the question with every text and picture vector of some pictures."""
    found = Compared({}, {}, {})
    rows = list(reader.rows(_VECTORS, (json.dumps(pictures), json.dumps(list(asked.vectors)))))
    for space, vector in asked.vectors.items():
        own = [row for row in rows if row["space"] == space and len(row["vector"]) == len(vector)]
        if not own:
            continue
        matrix = np.frombuffer(b"".join(row["vector"] for row in own), np.int8).reshape(len(own), -1)
        for row, cosine in zip(own, cosines_of(matrix, vector).tolist(), strict=True):
            if row["text_id"] is None:
                found.picture[row["picture_id"]] = max(cosine, found.picture.get(row["picture_id"], -1.0))
            elif not approved_only or row["status"] in APPROVED:
                _better(found, row["picture_id"], row["text_id"], cosine)
    if asked.fresh is not None and asked.sentence_space in asked.vectors:
        _add_fresh(reader, found, asked.fresh, asked.vectors[asked.sentence_space], pictures, approved_only)
    return found


def _add_fresh(
    reader: Reader, found: Compared, fresh: Fresh, vector: Floats, pictures: Sequence[int], approved_only: bool
) -> None:
    for picture in pictures:
        for text, version, own in fresh.of(picture):
            now = reader.one("SELECT version, status FROM searchable_texts WHERE id = ?", (text,))
            if now and now["version"] == version and (not approved_only or now["status"] in APPROVED):
                _better(found, picture, text, float(own @ vector))


def _better(found: Compared, picture: int, text: int, cosine: float) -> None:
    if cosine > found.meaning.get(picture, -2.0):
        found.meaning[picture], found.text[picture] = cosine, text
