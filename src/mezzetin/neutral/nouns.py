"""Gendered nouns and adjectives, and what follows from changing them: articles, "two people", "another person"."""

from __future__ import annotations

from dataclasses import dataclass

from mezzetin.neutral.lexicon import (
    AGENTS,
    ANIMALS,
    ARTICLES,
    BASE_VERBS,
    EVENTS,
    FUNCTION,
    MANY,
    NEUTRAL_MANY,
    NEUTRAL_ONE,
    NOT_AFTER,
    NOT_BEFORE,
    NUMBERS,
    ONE,
    PHRASES,
    POSSESSIVES,
    SLASHED,
    SPORTS,
    TYPED,
    YOUNG,
    base_form,
    is_verb,
    plural_of,
)
from mezzetin.neutral.phrase import Phrase

_SEXES = frozenset(["male", "female"])
_SINGLE = frozenset(["a", "an", "one", "another"])
_DESCRIBED = 4
"""So many words may stand between an article and its noun."""


def rewrite_phrases(phrase: Phrase) -> None:
    """Expressions of several words, and those typed with a slash."""
    for at in range(len(phrase) - 1, -1, -1):
        for length in (2, 3):
            neutral = PHRASES.get(phrase.words(at, length))
            if neutral:
                phrase.join(at, at + length, neutral)
        if phrase.word(at) in SLASHED:
            phrase[at].say(SLASHED[phrase.word(at)])


def rewrite_nouns(phrase: Phrase) -> None:
    """Every gendered noun becomes its neutral one, in the same number; neutral ones are only marked."""
    for at in range(len(phrase) - 1, -1, -1):
        word = phrase.word(at)
        neutral, many = _neutral(phrase, at)
        if not neutral:
            if word in TYPED:
                phrase[at].say(TYPED[word])
            continue
        if word in ONE or word in MANY:
            if _qualifies(phrase, at):
                phrase.drop(at)
                continue
            young = YOUNG.get(phrase.word(at - 1)) if neutral == "child" else None
            if young:
                phrase.join(at - 1, at + 1, plural_of(young) if many else young)
                continue
        phrase[at].say(plural_of(neutral) if many else neutral)
        phrase[at].noun, phrase[at].many = neutral, many


def rewrite_sexes(phrase: Phrase) -> None:
    """`male` and `female`: a person where they stand for one, nothing where they describe one, as is for animals."""
    for at in range(len(phrase) - 1, -1, -1):
        word = phrase.word(at)
        if word in ("males", "females"):
            phrase[at].say("people")
            phrase[at].noun, phrase[at].many = "person", True
        elif word not in _SEXES or _of_an_animal(phrase, at):
            continue
        elif _describes(phrase, at):
            phrase.drop(at)
            # "Male and female runners" are runners.
            if phrase.word(at - 1) in ("and", "or") and phrase.word(at - 2) in _SEXES:
                phrase.drop(at - 1)
        else:
            phrase[at].say("person")
            phrase[at].noun = "person"


def join_pairs(phrase: Phrase) -> None:
    """`a man and a woman` are two people: two that have become the same word are counted."""
    at = 1
    while at < len(phrase) - 1:
        joined = phrase.word(at) in ("and", "&") and phrase[at - 1].noun and _join_pair(phrase, at)
        # The two may be one side of a further pair.
        at = 1 if joined else at + 1


def tell_apart(phrase: Phrase) -> None:
    """`a person talks to a person` speaks of another person."""
    for at in range(1, len(phrase)):
        piece = phrase[at]
        if not (piece.noun and piece.changed) or piece.many or phrase.word(at - 1) not in ARTICLES:
            continue
        if phrase.word(at - 2) in ("as", "like", "is", "'s"):
            continue
        if any(_is_somebody(phrase, before, piece.noun) for before in range(at - 1)):
            phrase[at - 1].say("another")


def mend_articles(phrase: Phrase) -> None:
    """A or an, by the word that now follows."""
    for at in range(len(phrase) - 1):
        if phrase.word(at) in ARTICLES and phrase[at + 1].changed:
            phrase[at].say("an" if _begins_with_vowel(phrase.word(at + 1)) else "a")


# Also what the plurals have become: a text that is neutral already stays as it is.
_SEVERAL = {*MANY, *(plural_of(noun).split()[-1] for noun in ONE.values())}


def _neutral(phrase: Phrase, at: int) -> tuple[str, bool]:
    """The neutral singular of the noun at a place and whether it is a plural there; empty for anything else."""
    word, before, after = phrase.word(at), phrase.word(at - 1), phrase.word(at + 1)
    if before in NOT_AFTER.get(word, ()) or after in NOT_BEFORE.get(word, ()):
        return "", False
    if word == "groom" and (before in _SEVERAL or before in ("dogs", "to", "they", "horses", "cats")):
        return "", False
    # "Two woman" are people too.
    miscounted = before in NUMBERS[2:]
    for words, many in ((ONE, miscounted), (MANY, True), (NEUTRAL_ONE, False), (NEUTRAL_MANY, True)):
        if word in words:
            return words[word], many
    return "", False


def _qualifies(phrase: Phrase, at: int) -> bool:
    """Whether a noun only describes the next one: `a woman runner`, `a girl soccer player`, `women 's tennis`."""
    after = at + 1
    if phrase.word(after) in ("'s", "'") and phrase.word(after + 1) in EVENTS:
        phrase.drop(after)
        return True
    while phrase.word(after) in SPORTS:
        after += 1
    return phrase.word(after) in AGENTS


def _of_an_animal(phrase: Phrase, at: int) -> bool:
    return any(word in ANIMALS for word in phrase.words(at + 1, 2))


def _describes(phrase: Phrase, at: int) -> bool:
    """Whether an adjective stands before a noun or a further adjective, and not for somebody who does something."""
    after = phrase.word(at + 1)
    if after in BASE_VERBS:
        # "One male and one female stand by", but "a female dance teacher".
        return phrase.word(at + 2)[:1].isalpha() and phrase.word(at + 2) not in FUNCTION
    participle = after.endswith("ing") or (after.endswith("ed") and len(after) > 4)
    return after[:1].isalpha() and not (after in FUNCTION or participle or is_verb(after))


def _is_somebody(phrase: Phrase, at: int, noun: str) -> bool:
    """Whether a certain one, or a certain number of them, is spoken of at a place."""
    piece = phrase[at]
    return piece.noun == noun and (not piece.many or phrase.word(at - 1) in NUMBERS or piece.text.startswith("two "))


def _begins_with_vowel(text: str) -> bool:
    return text[:1] in "aeiou" and not text.startswith(("uni", "use", "one", "eu"))


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands before a noun: its determiner and where that is, and the number of adjectives between."""

    determiner: str
    place: int
    adjectives: int


def _head_before(phrase: Phrase, at: int) -> _Head | None:
    """The head of the noun at a place; None where there is no telling where it begins."""
    for place in range(at - 1, max(at - 2 - _DESCRIBED, -2), -1):
        word = phrase.word(place)
        if word in ARTICLES | POSSESSIVES | {"the", "another", *NUMBERS}:
            return _Head(word, place, at - place - 1)
        if not word or word in FUNCTION:
            return _Head("", place, at - place - 1)
        if word.endswith("ing") or is_verb(word) or not word[0].isalpha():
            return _Head("", place, 0) if place == at - 1 else None
    return None


def _join_pair(phrase: Phrase, conjunction: int) -> bool:
    """Join the nouns on both sides where that can be; say whether it was done."""
    first = phrase[conjunction - 1]
    at = conjunction + 1
    second = phrase.word(at) if phrase.word(at) in ARTICLES | {"the", "another", *NUMBERS} else ""
    at += bool(second)
    if at >= len(phrase) or phrase[at].noun != first.noun or not (first.changed or phrase[at].changed):
        return False
    head = _head_before(phrase, conjunction - 1)
    if head is None or phrase.word(at + 1) in ("'s", "'"):
        return False
    said = _counted(head, first.many, second, phrase[at].many)
    if said is None:
        return False
    _put(phrase, head, conjunction - 1, at + 1, said)
    return True


def _counted(head: _Head, many: bool, second: str, second_many: bool) -> str | None:
    """What the two are introduced with together (empty: nothing); None where they stay apart."""
    if not many and not second_many:
        if second in _SINGLE:
            return "two" if head.determiner in _SINGLE - {"another"} and not head.adjectives else None
        if second and (second != "the" or head.adjectives or head.determiner != "the"):
            return None
        if head.determiner in POSSESSIVES:
            return head.determiner
        return {"a": "two", "an": "two", "one": "two", "": "two", "the": "the two"}.get(head.determiner)
    if many and second_many and not second:
        return "several" if head.determiner in NUMBERS else head.determiner
    if head.adjectives:
        return None
    one, other = _number(head.determiner, many), _number(second, second_many)
    return NUMBERS[one + other] if one and other and one + other < len(NUMBERS) else None


def _number(determiner: str, many: bool) -> int:
    """How many a determiner counts; 0 where it does not."""
    if not many:
        return int(determiner in _SINGLE)
    return NUMBERS.index(determiner) if determiner in NUMBERS[2:] else 0


def _put(phrase: Phrase, head: _Head, first: int, end: int, said: str) -> None:
    """Write the two as one: `said`, the adjectives of the first, the plural."""
    noun, begins = phrase[first].noun, head.place <= 0
    text = plural_of(noun)
    if head.determiner:
        phrase[head.place].say(said)
    elif said and head.adjectives:
        described = phrase[head.place + 1]
        described.say(f"{said} {described.text}")
    elif said:
        text = f"{said} {text}"
    phrase.join(first, end, text, noun, many=True)
    verb = base_form(phrase.word(first + 1)) if begins and is_verb(phrase.word(first + 1)) else None
    if verb:
        phrase[first + 1].say(verb)
