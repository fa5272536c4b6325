"""The words that a captioner can say, numbered.

Enters: tokenised captions. Leaves: `vocabulary.json`, and the two maps between words and numbers. Four numbers
are reserved; `<unk>` stands for a rarer word in training and is never said.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from mezzetin.errors import BundleError

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unk>")


class Vocabulary:
    """An immutable numbering of words: 0..3 are reserved, the rest in order of falling frequency."""

    def __init__(self, words: Sequence[str], tokeniser: str) -> None:
        self.words = (*SPECIAL, *words)
        self.tokeniser = tokeniser
        self._numbers = {word: number for number, word in enumerate(self.words)}
        if len(self._numbers) != len(self.words):
            raise BundleError("the vocabulary names a word twice: make or fetch the bundle again")

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def build(cls, captions: Iterable[Sequence[str]], *, min_count: int, tokeniser: str) -> Vocabulary:
        """Number the words that occur at least `min_count` times; ties are broken alphabetically."""
        counts = Counter(word for caption in captions for word in caption)
        kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
        return cls([word for _, word in kept], tokeniser)

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """Number the tokens; an unknown word becomes `UNKNOWN`. No start or end is added."""
        return [self._numbers.get(token, UNKNOWN) for token in tokens]

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Turn numbers back into words, leaving the reserved ones out."""
        return [self.words[number] for number in numbers if number >= len(SPECIAL)]

    def to_json(self) -> bytes:
        """Serialise as UTF-8 JSON: the tokeniser's name and the words in order."""
        body = {"tokeniser": self.tokeniser, "words": self.words[len(SPECIAL) :]}
        return (json.dumps(body, ensure_ascii=False, indent=0) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> Vocabulary:
        """Read what `to_json` wrote. Raises BundleError on anything else."""
        try:
            body = json.loads(content)
            return cls([str(word) for word in body["words"]], str(body["tokeniser"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError("vocabulary.json can't be read: make or fetch the bundle again") from error
