"""Counting: how many people and animals a caption speaks of, and whether no reference counts as many.

Enters: tokens. Leaves: counts that a caption states or amounts to, and verdicts. What is vague ("a group", "several
children") states no count, and is held against none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from mezzetin.evaluation.lexicon import COUNTS, words
from mezzetin.evaluation.objects import words_under
from mezzetin.evaluation.rates import Question, Verdict
from mezzetin.neutral.lexicon import FUNCTION

_REACH = 6
"""So many words after a number its noun stands at the latest."""
_VAGUE = words("group groups crowd crowds family families team teams audience bunch band flock pack herd")
_ADJECTIVES = words("blond blonde asian brunette male female homeless senior elder adult teen")
_PLURALS = ("men", "people", "children", "geese", "oxen", "cattle", "wolves", "mice")
_EITHER = words("sheep deer fish police")


@dataclass(slots=True)
class Count:
    """How many of one kind: `stated` by numbers, `total` of all that is mentioned, `known` unless some are vague."""

    stated: set[int] = field(default_factory=set)
    total: int = 0
    known: bool = True
    further: bool = False

    def possible(self) -> set[int]:
        """What a caption may be taken to count; nothing where it counts nothing."""
        if not self.known or not self.total:
            return self.stated
        return self.stated | {self.total, self.total + self.further}


@dataclass(frozen=True, slots=True)
class Counts:
    """People and animals."""

    people: Count = field(default_factory=Count)
    animals: Count = field(default_factory=Count)

    def few(self) -> bool:
        """Whether it speaks of two people and animals at most, and of none vaguely."""
        return self.people.known and self.animals.known and self.people.total + self.animals.total <= 2


@cache
def _kinds() -> dict[str, str]:
    """The nouns, each with the name of its kind in `Counts`."""
    people = words_under("person") - words_under("crowd") - _ADJECTIVES
    return {**dict.fromkeys(people, "people"), **dict.fromkeys(words_under("animal"), "animals")}


def counts_in(tokens: Sequence[str]) -> Counts:
    """Count the people and animals of a caption."""
    kinds, counts = _kinds(), Counts()
    seen: set[str] = set()
    counted: set[int] = set()
    for at, word in enumerate(tokens):
        number = _number(tokens, at)
        noun = _counted_noun(tokens, at) if number > 1 else None
        if noun is not None:
            count: Count = getattr(counts, kinds[tokens[noun]])
            count.stated.add(number)
            count.total += number
            counted.add(noun)
            seen.add(tokens[noun])
        elif word in _VAGUE:
            counts.people.known = False
        elif word in ("another", "other", "others") and not any(other in kinds for other in tokens[at + 1 : at + 4]):
            counts.people.further = counts.animals.further = True
        elif word in kinds and at not in counted:
            _add_mention(getattr(counts, kinds[word]), tokens, at, seen)
            seen.add(word)
    return counts


def _add_mention(count: Count, tokens: Sequence[str], at: int, seen: set[str]) -> None:
    """Add a noun that stands without a number."""
    word, before, after = tokens[at], tokens[at - 1] if at else "", tokens[at + 1] if at + 1 < len(tokens) else ""
    if before in ("the", "both", "these", "those") and word in seen:
        return
    # "A woman runner" is one person.
    if _kinds().get(after) == _kinds()[word]:
        return
    if _is_plural(word) or (word in _EITHER and before not in ("a", "one", "the")):
        count.known = False
    else:
        count.total += 1


def _number(tokens: Sequence[str], at: int) -> int:
    if tokens[at] in ("couple", "pair") and tokens[at + 1 : at + 2] == ["of"]:
        return 2
    return COUNTS.get(tokens[at], 0)


def _counted_noun(tokens: Sequence[str], at: int) -> int | None:
    """The place of the plural that a number counts; None where it counts something else."""
    start = at + 2 if tokens[at] in ("couple", "pair") else at + 1
    for place in range(start, min(start + _REACH, len(tokens))):
        word = tokens[place]
        if word in _kinds() and (_is_plural(word) or word in _EITHER):
            return place
        if word in FUNCTION and word not in ("and", "or"):
            return None
    return None


def _is_plural(word: str) -> bool:
    return word.endswith(_PLURALS) or (word.endswith("s") and not word.endswith("ss"))


QUESTIONS = (
    Question(
        "counts_wrong",
        "Wrong number of people or animals",
        "Of the captions that count people or animals in words (two or more) where at least two references (or the "
        "only one) let them be counted, those whose number is that of none.",
    ),
)


def judge_counts(said: Counts, theirs: Sequence[Counts]) -> tuple[Verdict, ...]:
    """Hold one caption against its references; verdicts in the order of `QUESTIONS`."""
    wrong = of = clearness = 0
    for kind in ("people", "animals"):
        own: Count = getattr(said, kind)
        possible = [numbers for reference in theirs if (numbers := getattr(reference, kind).possible())]
        if not own.stated or len(possible) < min(2, len(theirs)) or not possible:
            continue
        # "A woman" may leave out the others; she is alone where nobody speaks of them.
        told = [getattr(reference, kind) for reference in theirs]
        if not any(count.stated for count in told) and not all(count.known for count in told):
            continue
        of += 1
        alone = own.possible().isdisjoint(set().union(*possible))
        wrong += alone
        clearness += len(possible) if alone else 0
    return (Verdict(wrong, of, clearness),)
