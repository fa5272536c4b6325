"""What the constraints know of English: words that no caption ends in, and how plurals are spelled."""

from __future__ import annotations

#: Left out are the words that do end a caption: adverbs of the same spelling ("looks up", "walks by", "stands near"),
#: and pronouns ("beside her", "holding it").
_UNFINISHED = {
    "articles and other determiners": "a an the his its their my our your every",
    "prepositions": (
        "of in at with to from into onto for through across along under beside between toward towards during against "
        "atop amid amidst among amongst without within upon beyond like before after about over next"
    ),
    "conjunctions": "and or but nor while whilst as because if than that which who whose when where so",
    "auxiliaries": (
        "is are was were be been being am has have had do does did can could will would shall should may might must "
        "'s 're 've 'm"
    ),
}
_IRREGULAR = {
    "calf": "calves",
    "child": "children",
    "foot": "feet",
    "goose": "geese",
    "half": "halves",
    "knife": "knives",
    "leaf": "leaves",
    "life": "lives",
    "loaf": "loaves",
    "mouse": "mice",
    "ox": "oxen",
    "person": "people",
    "scarf": "scarves",
    "shelf": "shelves",
    "thief": "thieves",
    "tooth": "teeth",
    "wife": "wives",
    "wolf": "wolves",
}


def is_english(language: str) -> bool:
    """Whether a BCP 47 tag is English of any region."""
    return language.lower().split("-")[0] == "en"


def unfinished_words(language: str) -> frozenset[str]:
    """Words after which a caption is not finished; none for a language but English."""
    return frozenset(" ".join(_UNFINISHED.values()).split()) if is_english(language) else frozenset()


def plurals(word: str, language: str) -> frozenset[str]:
    """A word and every spelling that its plural may have; a language but English gives the word alone.

    >>> sorted(plurals("bunny", "en"))
    ['bunnies', 'bunny', 'bunnys']
    """
    if not is_english(language):
        return frozenset([word])
    forms = {word, word + "s"}
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        forms.add(word + "es")
    if word.endswith("y"):
        forms.add(word[:-1] + "ies")
    if word.endswith("man"):
        forms.add(word[:-3] + "men")
    forms |= {word.removesuffix(one) + many for one, many in _IRREGULAR.items() if word.endswith(one)}
    return frozenset(forms)
