"""WordPiece: a text as the numbers of the pieces that a BERT encoder knows (Devlin et al., 2019; uncased).

Enters: the encoder's `tokenizer.json`, and texts. Leaves: lists of numbers, the marks of beginning and end around them.
They are what the published tokeniser gives, but that a mark written in a text is a word here. That one brings a client
for a model hub along, which a search needs as little as a caption.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from mezzetin.errors import InputError

_LONGEST_WORD = 100
_MARKS = ("[CLS]", "[SEP]", "[UNK]")
_CUT = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
_CLEANED = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True}
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class WordPiece:
    """The pieces of one encoder; `most` is how many numbers a text becomes at most, both marks included."""

    def __init__(self, pieces: Mapping[str, int], most: int) -> None:
        self._pieces = pieces
        self._most = most
        self._begin, self._end, self._unknown = (pieces[mark] for mark in _MARKS)

    @classmethod
    def read(cls, path: Path, most: int) -> WordPiece:
        """Read a tokenizer.json, as Hugging Face's tokenizers write it.

        Raises:
            InputError: it can't be read, or does not cut texts as uncased BERT does.

        """
        try:
            content = json.loads(path.read_bytes())
            model, normalizer = content["model"], content["normalizer"]
            pieces = {str(piece): int(number) for piece, number in model["vocab"].items()}
            cut = {key: model[key] for key in _CUT}
            cleaned = {key: normalizer[key] for key in _CLEANED}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} can't be read: fetch the model again") from error
        usual = cut == _CUT and cleaned == _CLEANED and normalizer.get("strip_accents") in (None, True)
        if not usual or not pieces.keys() >= set(_MARKS):
            raise InputError(f"{path} does not cut texts as uncased BERT does: use another model")
        return cls(pieces, most)

    def numbers(self, text: str) -> list[int]:
        """The numbers of a text; what is longer than `most` is cut."""
        found: list[int] = [self._begin]
        for word in _words(text):
            found.extend(self._of_word(word))
            if len(found) >= self._most:
                break
        return [*found[: self._most - 1], self._end]

    def _of_word(self, word: str) -> list[int]:
        """The longest pieces from the left; a word that they don't make up is unknown as a whole."""
        if len(word) > _LONGEST_WORD:
            return [self._unknown]
        pieces, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._pieces.get(mark + word[start:end])
                if piece is not None:
                    break
            else:
                return [self._unknown]
            pieces.append(piece)
            start = end
        return pieces


def _words(text: str) -> Iterator[str]:
    """Lower-case words without accents; a sign of punctuation and a Chinese character are words of their own."""
    clean = "".join(_clean(character) for character in text)
    bare = "".join(mark for mark in unicodedata.normalize("NFD", clean) if unicodedata.category(mark) != "Mn")
    for word in bare.lower().split():
        begun = 0
        for place, character in enumerate(word):
            if _is_punctuation(character):
                if place > begun:
                    yield word[begun:place]
                yield character
                begun = place + 1
        if begun < len(word):
            yield word[begun:]


def _clean(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return " "
    if code in (0, 0xFFFD) or unicodedata.category(character) in ("Cc", "Cf", "Co"):
        return ""
    return f" {character} " if any(first <= code <= last for first, last in _CJK) else character


def _is_punctuation(character: str) -> bool:
    code = ord(character)
    ascii_sign = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_sign or unicodedata.category(character).startswith("P")
