"""He, she, his, her and him, and the verbs that follow them."""

from __future__ import annotations

from mezzetin.neutral.lexicon import BASE_VERBS, FUNCTION, NUMBERS, PARTICLES, base_form, is_verb
from mezzetin.neutral.phrase import Phrase

_ALWAYS = {
    "him": "them",
    "himself": "themselves",
    "herself": "themselves",
    "hers": "theirs",
}
_PERCEIVE = ("watch", "help", "see", "let", "hear")
_ADVERBS = frozenset(["also", "always", "just", "never", "now", "still", "then"])
_CLAUSE_WORDS = "as while whilst who which that when where because if . , ; : ! ?"
_CLAUSE_ENDS = frozenset(_CLAUSE_WORDS.split())


def rewrite_pronouns(phrase: Phrase) -> None:
    """Every pronoun becomes the form of `they` that stands in its place, verbs with it."""
    for at in range(len(phrase)):
        word = phrase.word(at)
        if word in _ALWAYS:
            phrase[at].say(_ALWAYS[word])
        elif word == "his":
            phrase[at].say("theirs" if _stands_alone(phrase, at) else "their")
        elif word == "her":
            phrase[at].say("them" if _is_object(phrase, at) else "their")
        elif word in ("he", "she"):
            phrase[at].say("they")
            _agree(phrase, at + 1)
        elif word == "they" and phrase[at].changed:
            _agree(phrase, at + 1)


def _stands_alone(phrase: Phrase, at: int) -> bool:
    """Whether no noun follows that the word could belong to."""
    after = phrase.word(at + 1)
    return not after[:1].isalnum() or (after in FUNCTION and after not in NUMBERS)


def _is_object(phrase: Phrase, at: int) -> bool:
    """Whether `her` is somebody (`beside her`), not somebody's (`her hat`)."""
    before, after = phrase.word(at - 1), phrase.word(at + 1)
    perceived = before.startswith(_PERCEIVE) and after in BASE_VERBS
    # "Her back" is hers; with the other particles something is done to her.
    return _stands_alone(phrase, at) or perceived or after in PARTICLES - {"back"}


def _agree(phrase: Phrase, at: int) -> None:
    """The verb after `they`, and one more that is joined to it by `and`."""
    while phrase.word(at) in _ADVERBS or phrase.word(at).endswith("ly"):
        at += 1
    verb = base_form(phrase.word(at))
    # "They parents" is a salad of words, but `parents` is no verb in it.
    if verb is None or phrase[at].noun:
        return
    phrase[at].say("'ve" if verb == "'re" and phrase.word(at + 1) in ("been", "got") else verb)
    for further in range(at + 1, len(phrase)):
        if phrase.word(further - 1) in _CLAUSE_ENDS:
            return
        joined = phrase.word(further - 1) == "and" and is_verb(phrase.word(further))
        second = base_form(phrase.word(further)) if joined else None
        if second:
            phrase[further].say(second)
