"""What a search gives back: hits, why each is one, and what has to be said of the search as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mezzetin.collection.rows import Picture, Text

Why = Literal["words", "meaning", "picture"]
"""What spoke for a hit: its words, the meaning of its texts, or the picture itself."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A picture that was found; `text` is the one of its texts that fits best among those that count.

    `score` orders the hits of one search, the best first, and compares with no other search.
    """

    picture: Picture
    text: Text | None
    score: float
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits, whether there are more, which signals were asked, and what the reader should know."""

    hits: tuple[Hit, ...]
    more: bool
    signals: tuple[Why, ...]
    notes: tuple[str, ...] = ()
