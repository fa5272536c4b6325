"""Vectors of what texts mean: made in bulk for a whole collection, or on the spot for what somebody has just written.

Enters: texts that a search may find. Leaves: a vector a text. A machine's text counts together with its first three
alternatives, which say the same picture in other words; docs/search.md gives what that is worth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.rows import Actor
from mezzetin.collection.vectors import put_text, words_digest
from mezzetin.meaning import SentenceEncoder
from mezzetin.records import Progress
from mezzetin.retrieval.index import Floats

_ALTERNATIVES = 3
_TOGETHER = 500
_UNSAID = """
SELECT id, picture_id, version, status, text, alternatives FROM searchable_texts AS said
WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE text_id = said.id AND space = ?)
"""
_NEXT = f"{_UNSAID} AND id > ? ORDER BY id LIMIT ?"
_OF_PICTURES = f"{_UNSAID} AND picture_id IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?"  # noqa: S608
Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Said:
    """A text that has no vector yet, in its version, and its alternatives."""

    id: int
    picture_id: int
    version: int
    words: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What tells whether a vector is of these words."""
        return words_digest("\n".join(self.words))


def space_of(sentences: SentenceEncoder) -> str:
    """What vectors of this encoder can be compared with: those of the same space."""
    return f"sentence:{sentences.signature}"


def unsaid(reader: Reader, space: str, pictures: Iterable[int], limit: int) -> list[Said]:
    """Texts of some pictures that have no vector in `space`."""
    return [_said(row) for row in reader.rows(_OF_PICTURES, (space, json.dumps(list(pictures)), limit))]


def unsaid_count(reader: Reader, space: str) -> int:
    """How many texts have no vector in `space`."""
    row = reader.one(f"SELECT count(*) FROM ({_UNSAID})", (space,))  # noqa: S608
    return row[0] if row else 0


def meanings(sentences: SentenceEncoder, texts: Sequence[Said]) -> Floats:
    """The unit vectors `[N, D]` of texts: of their words and, as much again, the mean of their alternatives."""
    places = {words: place for place, words in enumerate(dict.fromkeys(one for text in texts for one in text.words))}
    vectors = sentences.vectors(list(places))
    found = np.zeros((len(texts), vectors.shape[1]), np.float32)
    for row, text in enumerate(texts):
        found[row] = vectors[places[text.words[0]]]
        if len(text.words) > 1:
            found[row] += vectors[[places[other] for other in text.words[1:]]].mean(0)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), np.float32)


def index_texts(collection: Collection, sentences: SentenceEncoder, report: Report = lambda progress: None) -> int:
    """Make the vectors of all texts that have none, and return how many; cut off, the next call goes on.

    Raises:
        EnvironmentProblem: the collection can't be written.

    """
    space = space_of(sentences)
    newest = collection.one("SELECT coalesce(max(seq), 0) FROM changes")
    total, made, after = unsaid_count(collection, space), 0, 0
    while True:
        with collection.reading() as snapshot:
            texts = [_said(row) for row in snapshot.rows(_NEXT, (space, after, _TOGETHER))]
        if not texts:
            break
        after = texts[-1].id
        rows = meanings(sentences, texts)
        with collection.writing(Actor.machine(sentences.name), "index") as writing:
            for text, row in zip(texts, rows, strict=True):
                # Meanwhile it may have been edited or forgotten.
                if writing.one("SELECT 1 FROM texts WHERE id = ? AND version = ?", (text.id, text.version)):
                    put_text(writing, text.picture_id, text.id, 0, space, row, text.digest)
                    made += 1
        report(Progress("index texts", min(made, total), total, "texts"))
    with collection.writing(Actor.machine(sentences.name), "index") as writing:
        writing.execute(
            "INSERT INTO vector_marks VALUES (?, ?) ON CONFLICT (space) DO UPDATE SET seq = max(seq, excluded.seq)",
            (space, newest[0] if newest else 0),
        )
    return made


def _said(row: Sequence[object]) -> Said:
    number, picture_id, version, status, text, stored = row
    others = json.loads(str(stored)) if stored and status in ("machine", "approved", "sampled") else []
    words = (str(text), *(str(pair[0]) for pair in others[:_ALTERNATIVES]))
    return Said(int(str(number)), int(str(picture_id)), int(str(version)), words)
