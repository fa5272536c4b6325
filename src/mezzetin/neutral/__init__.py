"""Captions without gender: man and woman become person, boy and girl child, with the grammar kept. English only.

Enters: a finished caption, as text or as tokens. Leaves: the same caption in neutral words. Pure functions that need
no model; what Azure's Image Analysis calls `gender-neutral-caption`, with pronouns and the names of trades besides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from mezzetin.neutral.nouns import (
    join_pairs,
    mend_articles,
    rewrite_nouns,
    rewrite_phrases,
    rewrite_sexes,
    tell_apart,
)
from mezzetin.neutral.phrase import Phrase, Piece
from mezzetin.neutral.pronouns import rewrite_pronouns
from mezzetin.records import Alternative, Caption, Token

_CLITIC = r"(?:s|m|d|re|ve|ll)(?!\w)"
_WORD = re.compile(rf"'{_CLITIC}|[^\W_]+(?:[-/][^\W_]+|'(?!{_CLITIC})[^\W_]+)*|\S")


def neutral_text(text: str) -> str:
    """Rewrite a sentence; what is not gendered stays letter for letter.

    >>> neutral_text("A man and his son play; an old lady watches them.")
    'A person and their child play; an old person watches them.'
    """
    plain = text.replace("’", "'")
    spans = [found.span() for found in _WORD.finditer(plain)]
    written, at = "", 0
    for piece in _rewritten([plain[start:end].lower() for start, end in spans]):
        start, end = spans[piece.start][0], spans[piece.end - 1][1]
        new = _cased(piece.text.replace(" '", "'"), text[start:end]) if piece.changed else text[start:end]
        written, at = f"{written}{text[at:start]}{new}", end
    return written + text[at:]


def neutral_tokens(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Rewrite tokens; the product of the probabilities stays what it was.

    A word that takes another's place keeps its probability. Where a number of words becomes another number of words,
    each of the new ones has an equal part: the geometric mean.
    """
    found: list[Token] = []
    for piece in _rewritten([token.text for token in tokens]):
        if not piece.changed:
            found.extend(tokens[piece.start : piece.end])
            continue
        # A lone apostrophe is written, and is no word: the tokeniser drops it.
        words = [word for word in piece.text.split() if word != "'"]
        together = math.prod(token.probability for token in tokens[piece.start : piece.end])
        share = together if len(words) == 1 else round(together ** (1 / len(words)), 6)
        found.extend(Token(word, share) for word in words)
    return tuple(found)


def neutral_caption(caption: Caption) -> Caption:
    """Rewrite a caption, its tokens and its alternatives; an alternative that now repeats another text is left out."""
    if caption.text is None:
        return caption
    text = neutral_text(caption.text)
    different = {text: Alternative(text, 0.0)}
    for other in caption.alternatives:
        rewritten = neutral_text(other.text)
        different.setdefault(rewritten, replace(other, text=rewritten))
    _, *alternatives = different.values()
    return replace(caption, text=text, tokens=neutral_tokens(caption.tokens), alternatives=tuple(alternatives))


def _rewritten(words: list[str]) -> list[Piece]:
    phrase = Phrase(words)
    # The nouns first, for what they have become decides on the rest; the articles last, for all else moves words.
    rewrite_phrases(phrase)
    rewrite_nouns(phrase)
    rewrite_sexes(phrase)
    join_pairs(phrase)
    tell_apart(phrase)
    rewrite_pronouns(phrase)
    mend_articles(phrase)
    return phrase.pieces


def _cased(new: str, old: str) -> str:
    """Capital letters where the old words had them."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new
