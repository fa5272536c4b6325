"""Vectors of what pictures show and texts mean, kept with them: a collection's own part of a search by meaning.

Enters: vectors of a space, as a captioner or a sentence encoder gives them. Leaves: the same, rounded to a byte a
dimension, in the transaction of what they were made from; which pictures and texts have none yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mezzetin.collection.opening import Reader
from mezzetin.collection.pictures import picture_of
from mezzetin.collection.rows import Picture
from mezzetin.collection.writing import Writing

_STEPS = 127


def derived_folder(collection: Path) -> Path:
    """Where indexes made from the vectors of a collection lie: a folder beside it, which may be deleted."""
    return collection.with_suffix(".vectors")


def put_picture(writing: Writing, picture_id: int, space: str, vector: NDArray[np.floating], of: str | None) -> None:
    """Keep the vector `[D]` of a picture in `space`; `of` is the digest (sha256, hex) of the bytes it was made from."""
    _put(writing, (picture_id, space, None, 0, of or ""), vector)


def put_text(
    writing: Writing, picture_id: int, text_id: int, part: int, space: str, vector: NDArray[np.floating], of: str
) -> None:
    """Keep the vector `[D]` of a text (part 0) or of its nth alternative (part n); `of` is `words_digest` of it."""
    _put(writing, (picture_id, space, text_id, part, of), vector)


def without(reader: Reader, space: str, *, after: int = 0) -> Iterator[Picture]:
    """The pictures above `after` without a vector of their own in `space`, by number; none whose file is gone."""
    for row in reader.rows(f"SELECT pictures.* {_WITHOUT} AND id > ? ORDER BY id", (space, after)):
        yield picture_of(row)


def without_count(reader: Reader, space: str) -> int:
    """How many pictures `without` would yield."""
    row = reader.one(f"SELECT count(*) {_WITHOUT}", (space,))
    return row[0] if row else 0


def spaces(reader: Reader) -> dict[str, int]:
    """The spaces that there are vectors of, and how many."""
    return {row[0]: row[1] for row in reader.rows("SELECT space, count(*) FROM vectors GROUP BY space ORDER BY space")}


def forget_space(writing: Writing, space: str) -> int:
    """Throw the vectors of a space away, to make them anew; return how many there were."""
    writing.execute("DELETE FROM vector_marks WHERE space = ?", (space,))
    return writing.execute("DELETE FROM vectors WHERE space = ?", (space,)).rowcount


def words_digest(text: str) -> str:
    """What tells whether a vector is of these words: 16 hex digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def packed(vectors: NDArray[np.floating]) -> NDArray[np.int8]:
    """Vectors `[..., D]` as whole numbers of -127..127, their greatest component as far out as it goes.

    Directions are what is compared; a common length would leave a MiniLM's components five steps a side.
    """
    largest = np.maximum(np.abs(vectors).max(-1, keepdims=True), 1e-12)
    return np.asarray(np.rint(vectors * (_STEPS / largest)), np.int8)


def unpacked(rows: NDArray[np.int8]) -> NDArray[np.float32]:
    """The unit vectors of what `packed` gave, `[..., D]` float32."""
    plain = rows.astype(np.float32)
    lengths = np.sqrt(np.square(plain).sum(-1, keepdims=True))
    return np.asarray(plain / np.maximum(lengths, 1e-12), np.float32)


_WITHOUT = (
    "FROM pictures WHERE status <> 'gone' AND NOT EXISTS (SELECT 1 FROM vectors WHERE picture_id = pictures.id"
    " AND space = ? AND coalesce(text_id, 0) = 0 AND part = 0)"
)


def _put(writing: Writing, slot: tuple[int, str, int | None, int, str], vector: NDArray[np.floating]) -> None:
    picture_id, space, text_id, part, of = slot
    found = np.asarray(vector, np.float32)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError("a vector is one row of finite numbers")
    # A new number, not the old row: an index beside the collection reads only what is above the last it saw.
    writing.execute(
        "DELETE FROM vectors WHERE picture_id = ? AND space = ? AND coalesce(text_id, 0) = ? AND part = ?",
        (picture_id, space, text_id or 0, part),
    )
    writing.execute(
        "INSERT INTO vectors (picture_id, space, text_id, part, of, vector) VALUES (?, ?, ?, ?, ?, ?)",
        (picture_id, space, text_id, part, of, packed(found).tobytes()),
    )
