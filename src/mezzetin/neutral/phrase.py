"""A sentence under rewriting: pieces that know which words they stand for.

Enters: lower-case words. Leaves: the same list of pieces, fewer or other; each piece covers a range of the source, and
together the pieces cover all of it, in order, once.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Piece:
    """`text` (one word, or several with blanks) for the source's words from `start` up to `end`.

    `noun` is the neutral singular where the piece is such a noun, and `many` tells its plural.
    """

    text: str
    start: int
    end: int
    noun: str = ""
    many: bool = False
    changed: bool = False

    def say(self, text: str) -> None:
        """Put other words in place."""
        self.changed |= text != self.text
        self.text = text


class Phrase:
    """The pieces of one sentence, and how they are looked at and replaced."""

    def __init__(self, words: list[str]) -> None:
        self.pieces = [Piece(word, at, at + 1) for at, word in enumerate(words)]

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, at: int) -> Piece:
        return self.pieces[at]

    def word(self, at: int) -> str:
        """The text at a place; empty beyond either end."""
        return self.pieces[at].text if 0 <= at < len(self.pieces) else ""

    def words(self, at: int, count: int) -> tuple[str, ...]:
        """The texts from a place on."""
        return tuple(piece.text for piece in self.pieces[at : at + count])

    def join(self, start: int, end: int, text: str, noun: str = "", *, many: bool = False) -> None:
        """Let one piece stand for those from `start` up to `end`."""
        first, last = self.pieces[start], self.pieces[end - 1]
        self.pieces[start:end] = [Piece(text, first.start, last.end, noun, many, True)]

    def drop(self, at: int) -> None:
        """Leave a piece out; the next one covers its source too, or the one before where it is the last."""
        gone = self.pieces.pop(at)
        if at < len(self.pieces):
            self.pieces[at].start, self.pieces[at].changed = gone.start, True
        else:
            self.pieces[at - 1].end, self.pieces[at - 1].changed = gone.end, True
