"""The words that an evaluation looks for: gender, colours, numbers, blur. English only.

Enters: a language, or a caption's tokens. Leaves: what they state. What pictures are of is told by the lexicon of
`mezzetin.data.inspection`, what objects they show by `objects.txt`.
"""

from __future__ import annotations

from collections.abc import Sequence

from mezzetin.data.inspection.lexicon import THEMES, has_lexicon, theme_mask
from mezzetin.neutral.lexicon import ANIMALS, MANY, NOT_AFTER, NOT_BEFORE, NUMBERS, ONE, plural_of

FEMALE, MALE = 1, 2


def words(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())


_FEMALE_ONE = words(
    "woman lady gentlewoman gal girl lass daughter tomboy schoolgirl mother mom mum mommy mama sister wife girlfriend "
    "grandmother grandma granny granddaughter aunt niece bride bridesmaid policewoman firewoman fisherwoman stewardess "
    "waitress actress hostess heroine ballerina stuntwoman cowgirl horsewoman servicewoman craftswoman businesswoman "
    "saleswoman sportswoman spokeswoman"
)
_FEMALE_NOUNS = frozenset([*_FEMALE_ONE, *(plural_of(word) for word in _FEMALE_ONE), "womans", "womens", "female"])
#: Of trades that are named in the male form whoever has them.
_ANYBODY = words("hero heroes baseman basemen batsman batsmen marksman marksmen oarsman oarsmen groom")
_MALE_NOUNS = frozenset([*ONE, *MANY, "mans", "mens", "male"]) - _FEMALE_NOUNS - _ANYBODY
_NOUNS = {
    **dict.fromkeys(_FEMALE_NOUNS, FEMALE),
    **dict.fromkeys(_MALE_NOUNS, MALE),
    "females": FEMALE,
    "males": MALE,
}
_PRONOUNS = {
    **dict.fromkeys(("she", "her", "hers", "herself"), FEMALE),
    **dict.fromkeys(("he", "him", "his", "himself"), MALE),
}
_ANIMALS_BIT = 1 << THEMES.index("animals")


def stated_gender(tokens: Sequence[str]) -> int:
    """Say which genders of people a caption states: `FEMALE`, `MALE`, both added, or 0.

    Pronouns count only where no animal is named, for they may be the animal's.
    """
    stated = 0
    for at, word in enumerate(tokens):
        if word in _NOUNS and not _is_no_person(tokens, at):
            stated |= _NOUNS[word]
    pronouns = [_PRONOUNS[word] for word in tokens if word in _PRONOUNS]
    if pronouns and not theme_mask(tokens) & _ANIMALS_BIT:
        for gender in pronouns:
            stated |= gender
    return stated


def _is_no_person(tokens: Sequence[str], at: int) -> bool:
    """ "Spider man", "cowboy hat" and "a male dog" are no people with a gender."""
    word, before = tokens[at], tokens[at - 1] if at else ""
    after = tokens[at + 1 : at + 3]
    if before in NOT_AFTER.get(word, ()) or before == "snow":
        return True
    if after and after[0] in NOT_BEFORE.get(word, ()):
        return True
    if word in ("male", "female"):
        return any(other in ANIMALS for other in after)
    return word in ("mother", "father") and bool(after) and after[0] in ANIMALS


#: Words of a picture that is not sharp.
BLURRY = words("blurry blurred blur blurs unfocused out-of-focus fuzzy-looking")

#: How many a word counts.
COUNTS = {
    **{word: number for number, word in enumerate(NUMBERS)},
    **{str(number): number for number in range(2, 21)},
    "trio": 3,
    "twins": 2,
}


def missing_words(language: str) -> str | None:
    """Say in one sentence why slices and truth can't be told in a language (BCP 47); None where they can."""
    if has_lexicon(language):
        return None
    return f"Slices and truth are told by English words, and these captions are in {language!r}: they are left out."
