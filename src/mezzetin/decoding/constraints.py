"""What a caption must not say, word for word: small pure functions over the words so far.

Enters: the words of every beam so far, and the scores of every next word. Leaves: which next words are out.
Reserved words, avoided words and the longest length hold whatever the model says. The other constraints yield where
they would leave an image without any caption, the last of the list first: good endings, no repetition, least length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mezzetin.decoding.english import plurals, unfinished_words
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.step import BoolArray, FloatArray
from mezzetin.errors import InputError
from mezzetin.vocabulary import END, PAD, SPECIAL, START, UNKNOWN, Vocabulary

Words = tuple[int, ...]
Histories = Sequence[Sequence[Words]]
"""The words so far of each beam of each image; those of a beam that is no more are empty."""
Constraint = Callable[[Histories, int], BoolArray]
"""`(words so far, V) -> out_BKV`: which next words are not allowed."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What holds in one search: `never` are words' numbers; those that may yield are `yielding`, strongest first."""

    never: tuple[int, ...] = ()
    yielding: tuple[Constraint, ...] = ()

    def apply(self, logp_BKV: FloatArray, histories: Histories, alive_BK: BoolArray, needy_B: BoolArray) -> None:
        """Take out, in place, what is not allowed.

        A constraint yields for a `needy_B` image (nothing of which has been finished) when it would leave no word to
        any beam of it that is `alive_BK`.
        """
        for constraint in self.yielding:
            out_BKV = constraint(histories, logp_BKV.shape[-1])
            left_BK = ((logp_BKV > -np.inf) & ~out_BKV).any(2)
            out_BKV[needy_B & ~(left_BK & alive_BK).any(1)] = False
            logp_BKV[out_BKV] = -np.inf


def constraints_for(
    options: DecodingOptions, vocabulary: Vocabulary | None = None, language: str = "en"
) -> Constraints:
    """Turn options into constraints; those on certain words need the vocabulary.

    Good endings and plurals are known of English; in another language every ending is good and only the very words
    are avoided.

    Raises:
        InputError: every word of the vocabulary is to be avoided.
        ValueError: the options are about words, and no vocabulary is given.

    """
    if vocabulary is None and (options.avoid or options.good_endings):
        raise ValueError("options about words need the vocabulary: constraints_for(options, vocabulary)")
    yielding: list[Constraint] = []
    if options.min_words > 1:
        yielding.append(at_least(options.min_words))
    if options.no_repeat:
        yielding.append(no_repeat(options.no_repeat))
    if vocabulary is None:
        return Constraints(yielding=tuple(yielding))
    if options.good_endings:
        numbers = _numbers(vocabulary, unfinished_words(language))
        yielding.append(good_endings(numbers, options.max_words))
    never = _numbers(vocabulary, {form for word in options.avoid for form in plurals(word, language)})
    if len(never) == len(vocabulary) - len(SPECIAL):
        raise InputError("every word that the model knows is to be avoided: leave it some")
    return Constraints(never, tuple(yielding))


def keep_sayable(logp_BKV: FloatArray, never: Sequence[int], *, first: bool, last: bool) -> None:
    """Never say a reserved or avoided word; never an empty caption; at the length bound only the end is left."""
    logp_BKV[..., [PAD, START, UNKNOWN, *never]] = -np.inf
    if first:
        logp_BKV[..., END] = -np.inf
    if last:
        logp_BKV[..., np.arange(logp_BKV.shape[-1]) != END] = -np.inf


def at_least(words: int) -> Constraint:
    """No end before so many words."""

    def out(histories: Histories, vocabulary: int) -> BoolArray:
        out_BKV = _none(histories, vocabulary)
        out_BKV[..., END] = [[len(said) < words for said in beams] for beams in histories]
        return out_BKV

    return out


def no_repeat(size: int) -> Constraint:
    """No `size` words in a row that were said in that order before (Paulus et al. 2018 for trigrams)."""

    def out(histories: Histories, vocabulary: int) -> BoolArray:
        out_BKV = _none(histories, vocabulary)
        for image, beams in enumerate(histories):
            for beam, said in enumerate(beams):
                out_BKV[image, beam, _completions(said, size)] = True
        return out_BKV

    return out


def good_endings(unfinished: Sequence[int], max_words: int) -> Constraint:
    """No end after one of the `unfinished` words, and none of them as the last word that the length allows."""
    bad = frozenset(unfinished)

    def out(histories: Histories, vocabulary: int) -> BoolArray:
        out_BKV = _none(histories, vocabulary)
        out_BKV[..., END] = [[bool(said) and said[-1] in bad for said in beams] for beams in histories]
        full_BK = np.array([[len(said) == max_words - 1 for said in beams] for beams in histories], bool)
        out_BKV[..., list(unfinished)] |= full_BK[..., None]
        return out_BKV

    return out


def _none(histories: Histories, vocabulary: int) -> BoolArray:
    return np.zeros((len(histories), len(histories[0]) if histories else 0, vocabulary), bool)


def _completions(said: Words, size: int) -> list[int]:
    """The words after which the last `size` words would be a repetition."""
    last = said[len(said) - size + 1 :]
    return [said[at + size - 1] for at in range(len(said) - size + 1) if said[at : at + size - 1] == last]


def _numbers(vocabulary: Vocabulary, words: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted({number for number in vocabulary.encode(list(words)) if number >= len(SPECIAL)}))
