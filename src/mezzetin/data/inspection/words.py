"""Words: which a dataset's captions use, and how many of those of another split a vocabulary would know.

Enters: captions. Leaves: counts by word, bounded by the language's vocabulary and not by the captions.
"""

from __future__ import annotations

import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Minimum counts at which the size of a vocabulary is worth knowing.
MIN_COUNTS = (1, 2, 3, 4, 5, 8, 10)

_STOP = (
    "a about above across after all along also am among an and another any are around as at away back be been"
    " before behind being below beside between both but by can could did do does doing down during each for from"
    " front get gets getting had has have having he her hers him himself his how i in inside into is it its itself"
    " just like lot made make makes making many may me more most my near next no not of off on one onto or other"
    " others our out outside over own past she so some such than that the their them themselves then there these"
    " they this those three through to together too toward towards two under up upon very was we were what when"
    " where which while who whose will with without would you your 's"
)
#: English words that say nothing of a picture.
STOP_WORDS = frozenset(_STOP.split())
_FREQUENT = 25
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Coverage:
    """A vocabulary of the words that occur at least `min_count` times, against another split's captions.

    `words` is its size; `tokens` is the share (0..1) of the other split's running words that it knows, `types` the
    share of its different words; None where there is no other split.
    """

    min_count: int
    words: int
    tokens: float | None
    types: float | None


def cleaned(caption: str) -> list[str]:
    """Return a caption's words as the widespread Keras tutorial of Flickr8k cleans them.

    Split at spaces, lower case, ASCII punctuation taken out, then only words of two letters or more that are
    letters throughout.
    """
    words = (word.lower().translate(_PUNCTUATION) for word in caption.split())
    return [word for word in words if len(word) > 1 and word.isalpha()]


def coverage(learned: Counter[str], other: Counter[str], min_counts: Sequence[int] = MIN_COUNTS) -> list[Coverage]:
    """Return, for each minimum count, the vocabulary of `learned` and how much of `other` it covers."""
    running = other.total()
    rows = []
    for least in min_counts:
        known = {word for word, count in learned.items() if count >= least}
        tokens = sum(count for word, count in other.items() if word in known)
        types = sum(word in known for word in other)
        shares = (tokens / running, types / len(other)) if running else (None, None)
        rows.append(Coverage(least, len(known), *shares))
    return rows


def most_frequent(counts: Counter[str], number: int, leave_out: Iterable[str] = ()) -> list[tuple[str, int]]:
    """Return the most frequent words with their counts, ties in alphabetical order."""
    unwanted = frozenset(leave_out)
    wanted = ((-count, word) for word, count in counts.items() if word not in unwanted)
    return [(word, -count) for count, word in sorted(wanted)[:number]]


@dataclass(frozen=True, slots=True)
class WordFacts:
    """The words of captions. `learned` and `other` name the splits of `coverage`: the vocabulary's and the measured.

    `running` and `different` count words of what was inspected; `frequent` and `telling` are the most frequent ones
    with and without English stop words. `cleaned_coverage` is the same at a minimum count of 1 after the tutorial's
    cleaning, `cleaned_everywhere` the different words of all splits after it.
    """

    learned: str
    other: str | None
    running: int
    different: int
    coverage: tuple[Coverage, ...]
    cleaned_coverage: Coverage
    cleaned_everywhere: int
    frequent: tuple[tuple[str, int], ...]
    telling: tuple[tuple[str, int], ...]


class WordTally:
    """Counts words by split, as training splits captions and as the tutorial cleans them."""

    def __init__(self) -> None:
        self._tokens: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._cleaned: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, split: str, captions: Iterable[str], tokens: Iterable[Sequence[str]]) -> None:
        """Count the captions of one picture; `tokens` are theirs."""
        counts, plain = self._tokens[split], self._cleaned[split]
        for words in tokens:
            counts.update(words)
        for caption in captions:
            plain.update(cleaned(caption))

    def facts(self, split: str | None) -> WordFacts:
        """What was counted of `split` (None: of all), against the vocabulary that training would build."""
        learned, other = self._sides(split)
        measured = Counter[str]() if other is None else self._tokens[other]
        plain = Counter[str]() if other is None else self._cleaned[other]
        counts = sum(self._tokens.values(), Counter[str]()) if split is None else self._tokens[split]
        return WordFacts(
            learned=learned,
            other=other,
            running=counts.total(),
            different=len(counts),
            coverage=tuple(coverage(self._tokens[learned], measured)),
            cleaned_coverage=coverage(self._cleaned[learned], plain, (1,))[0],
            cleaned_everywhere=len(set().union(*self._cleaned.values())),
            frequent=tuple(most_frequent(counts, _FREQUENT)),
            telling=tuple(most_frequent(counts, _FREQUENT, STOP_WORDS)),
        )

    def _sides(self, split: str | None) -> tuple[str, str | None]:
        """The split that a vocabulary is built on, and the one that it is measured on."""
        present = sorted(self._tokens)
        learned = "train" if "train" in present else present[0]
        wanted = [split or "val", "val", "test", *present]
        return learned, next((name for name in wanted if name in present and name != learned), None)
