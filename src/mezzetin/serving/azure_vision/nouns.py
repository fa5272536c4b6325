"""A small finder of nouns in English captions, by word lists and where a word stands; no model.

Enters: the tokens of a caption. Leaves: its nouns in the singular, in order. Captions are simple sentences: a noun
phrase begins after an article, a number, a preposition or an adjective, and a verb's form in it ("a slide") is a noun,
while the same form after a noun ("a boy slides") is a verb.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mezzetin.serving.azure_vision.words import (
    ADJECTIVES,
    ED_NOUNS,
    IE_NOUNS,
    ING_NOUNS,
    IRREGULAR_VERBS,
    LY_NOUNS,
    OPENING,
    OTHER,
    PLURAL_ONLY,
    SINGULAR,
    VERBS,
)

_IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "geese": "goose",
    "mice": "mouse",
    "wolves": "wolf",
    "leaves": "leaf",
    "knives": "knife",
    "scarves": "scarf",
    "shelves": "shelf",
    "calves": "calf",
    "loaves": "loaf",
    "oxen": "ox",
    "skis": "ski",
}
_VOWELS = "aeiou"


def nouns_in(tokens: Sequence[str]) -> list[str]:
    """The nouns of a caption, in the singular.

    >>> nouns_in("two brown dogs chase a ball on the slide".split())
    ['dog', 'ball', 'slide']
    """
    nouns: list[str] = []
    # Where the next word stands: in a phrase that still waits for its noun; in one that speaks of one thing.
    open_phrase, singular, after_noun = True, False, False
    for token in tokens:
        if token in OPENING or token.isdigit():
            open_phrase, singular, after_noun = True, token in SINGULAR, False
        elif token in ADJECTIVES:
            open_phrase, after_noun = True, False
        elif _may_be_noun(token, open_phrase) and not (singular and after_noun and _looks_plural(token)):
            nouns.append(_singular(token))
            open_phrase, after_noun = False, True
        else:
            # What is no noun ends the phrase, but for a participle: "a floating boat", "a parked car".
            open_phrase = token.endswith(("ing", "ed")) and token not in OTHER
            singular, after_noun = singular and open_phrase, False
    return nouns


def _may_be_noun(token: str, open_phrase: bool) -> bool:
    if token in OTHER or token in IRREGULAR_VERBS or not token[0].isalpha() or len(token) < 2:
        return False
    if token in ING_NOUNS or token in ED_NOUNS or token in LY_NOUNS:
        return True
    if token.endswith(("ing", "ed", "ly")) and len(token) > 4:
        return False
    return open_phrase or token not in _verb_forms()


def _looks_plural(token: str) -> bool:
    return token.endswith("s") and not token.endswith(("ss", "us", "is")) and token not in PLURAL_ONLY


def _singular(token: str) -> str:
    if token in _IRREGULAR:
        return _IRREGULAR[token]
    if token.endswith(("men", "women")) and len(token) > 5:
        return token[:-3] + "man"
    if not _looks_plural(token) or len(token) < 4:
        return token
    if token.endswith("ies") and len(token) > 4 and token[:-1] not in IE_NOUNS:
        return token[:-3] + "y"
    if token.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return token[:-2]
    return token[:-1]


@lru_cache(maxsize=1)
def _verb_forms() -> frozenset[str]:
    forms = set(VERBS)
    for stem in VERBS:
        if stem.endswith(("s", "x", "z", "ch", "sh", "o")):
            forms.add(stem + "es")
        elif stem.endswith("y") and stem[-2] not in _VOWELS:
            forms.add(stem[:-1] + "ies")
        else:
            forms.add(stem + "s")
    return frozenset(forms)
