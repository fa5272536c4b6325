"""What a dataset's captions are like: how many, how long, how often the same, in which languages and scripts."""

from __future__ import annotations

import hashlib
import heapq
import unicodedata
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mezzetin.records import Example

#: A caption of more words is overlong.
OVERLONG = 50
_LONGEST_NAMED, _LONGEST_SHOWN = 5, 300
_REPEATED_NAMED = 10
_PERCENTILES = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class LongCaption:
    """One of the longest captions: its picture, its length in words, its text (cut at 300 characters)."""

    image_id: str
    words: int
    text: str


@dataclass(frozen=True, slots=True)
class RepeatedCaption:
    """A caption that stands at several pictures, and at how many."""

    text: str
    pictures: int


@dataclass(frozen=True, slots=True)
class CaptionFacts:
    """Captions of usable pictures. Lengths are in words as training counts them (`text.tokenise`).

    `a_picture` counts pictures by their number of captions, `lengths` captions by length; `percentiles` are of the
    lengths. `wordless` captions have no word, `overlong` ones more than 50, `beyond` more than the 99.9th
    percentile. `repeated` texts (case and spaces aside) stand at several pictures, `repeated_captions` times in
    all; `repeated_at_one` is how often a picture has one of its own captions again. `scripts` are by most letters.
    """

    count: int
    a_picture: Mapping[int, int]
    languages: Mapping[str, int]
    scripts: Mapping[str, int]
    lengths: Mapping[int, int]
    mean_length: float
    percentiles: Mapping[str, int]
    wordless: int
    overlong: int
    beyond: int
    longest: tuple[LongCaption, ...]
    repeated: int
    repeated_captions: int
    repeated_at_one: int
    most_repeated: tuple[RepeatedCaption, ...]


class CaptionTally:
    """Counts captions picture by picture; the same text is recognised by 64 bits of its digest."""

    def __init__(self) -> None:
        self._a_picture: Counter[int] = Counter()
        self._languages: Counter[str] = Counter()
        self._scripts: Counter[str] = Counter()
        self._lengths: Counter[int] = Counter()
        self._digests = array("Q")
        self._repeated_at_one = 0
        self._longest: list[tuple[int, str, str]] = []

    def add(self, example: Example, tokens: Sequence[Sequence[str]]) -> None:
        """Count the captions of one picture; `tokens` are theirs, in order."""
        self._a_picture[len(example.captions)] += 1
        self._languages[example.language] += len(example.captions)
        digests = {digest(caption) for caption in example.captions}
        self._digests.extend(digests)
        self._repeated_at_one += len(example.captions) - len(digests)
        for caption, words in zip(example.captions, tokens, strict=True):
            self._lengths[len(words)] += 1
            self._scripts[_script(caption)] += 1
            entry = (len(words), example.image_id, caption[:_LONGEST_SHOWN])
            if len(self._longest) < _LONGEST_NAMED:
                heapq.heappush(self._longest, entry)
            elif entry > self._longest[0]:
                heapq.heapreplace(self._longest, entry)

    def repetitions(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """The digests of texts at several pictures, and at how many, the most frequent first."""
        if not self._digests:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        digests, counts = np.unique(np.frombuffer(self._digests, np.uint64), return_counts=True)
        digests, counts = digests[counts > 1], counts[counts > 1]
        order = np.argsort(-counts, kind="stable")
        return digests[order], counts[order]

    def most_repeated(self) -> dict[int, int]:
        """The digests of the most repeated texts, and at how many pictures each stands."""
        digests, counts = self.repetitions()
        return dict(zip(digests[:_REPEATED_NAMED].tolist(), counts[:_REPEATED_NAMED].tolist(), strict=True))

    def facts(self, texts: Mapping[int, str]) -> CaptionFacts:
        """What was counted; `texts` are those of `most_repeated`, by digest."""
        digests, counts = self.repetitions()
        percentiles = _percentiles(self._lengths)
        total = self._lengths.total()
        longest = sorted(self._longest, key=lambda entry: (-entry[0], entry[1:]))
        return CaptionFacts(
            count=total,
            a_picture=dict(sorted(self._a_picture.items())),
            languages=dict(self._languages.most_common()),
            scripts=dict(self._scripts.most_common()),
            lengths=dict(sorted(self._lengths.items())),
            mean_length=sum(length * count for length, count in self._lengths.items()) / max(1, total),
            percentiles=percentiles,
            wordless=self._lengths[0],
            overlong=sum(count for length, count in self._lengths.items() if length > OVERLONG),
            beyond=sum(count for length, count in self._lengths.items() if length > percentiles["99.9"]),
            longest=tuple(LongCaption(image_id, words, text) for words, image_id, text in longest),
            repeated=len(digests),
            repeated_captions=int(counts.sum()),
            repeated_at_one=self._repeated_at_one,
            most_repeated=tuple(
                RepeatedCaption(texts[number], pictures) for number, pictures in self.most_repeated().items()
            ),
        )


def digest(caption: str) -> int:
    """Return 64 bits that stand for a caption's text, case and spaces aside."""
    plain = " ".join(caption.lower().split()).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(plain, digest_size=8).digest(), "little")


def _percentiles(lengths: Mapping[int, int]) -> dict[str, int]:
    """The least length that at least p % of the captions do not exceed, for each p."""
    numbers = sorted(lengths)
    if not numbers:
        return {f"{wanted:g}": 0 for wanted in _PERCENTILES}
    reached = np.cumsum([lengths[number] for number in numbers])
    places = np.searchsorted(reached, np.array(_PERCENTILES) / 100 * reached[-1])
    return {f"{wanted:g}": numbers[place] for wanted, place in zip(_PERCENTILES, places.tolist(), strict=True)}


def _script(caption: str) -> str:
    """The script of most of a caption's letters, by the letters' Unicode names: "Latin", "Cyrillic", "Cjk"…"""
    if caption.isascii():
        return "Latin" if any(map(str.isalpha, caption)) else "none"
    scripts = Counter(_script_of(letter) for letter in caption if letter.isalpha())
    return scripts.most_common(1)[0][0] if scripts else "none"


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0].capitalize()
