"""Colours: which ones a caption states, and which of them no reference of the picture names.

Enters: tokens. Leaves: colours as bit masks, and verdicts. Close colours bear each other out ("tan" and "brown"), and
what has its colour by nature ("green grass") is not asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mezzetin.evaluation.lexicon import words
from mezzetin.evaluation.rates import Question, Verdict

#: Basic colours: the words that state one, and further words that bear it out.
_COLOURS = {
    "white": ("white", "cream cream-colored off-white beige blond blonde pale silver whitish spotted dalmatian panda"),
    "black": ("black", "dark blackish spotted dalmatian tuxedo tuxedos"),
    "grey": ("grey gray", "silver greyish grayish charcoal blue-grey blue-gray"),
    "brown": (
        "brown",
        "tan beige golden gold khaki brunette chestnut bronze brownish copper auburn maroon blond blonde",
    ),
    "tan": ("tan beige khaki", "brown golden gold cream blond blonde light-brown sandy light-colored yellow"),
    "red": ("red maroon burgundy crimson scarlet", "redhead redheads redheaded red-headed reddish orange ginger"),
    "orange": ("orange", "red golden ginger yellow-orange peach"),
    "yellow": ("yellow", "gold golden blond blonde yellowish lime mustard tan"),
    "green": ("green lime", "teal olive greenish turquoise camouflage camo"),
    "blue": ("blue navy teal turquoise aqua", "denim jean jeans bluish purple"),
    "pink": ("pink", "magenta fuchsia pinkish rose purple peach red"),
    "purple": ("purple violet lavender", "pink magenta maroon blue"),
}
#: A colour's place in the masks.
BASIC = {colour: place for place, colour in enumerate(_COLOURS)}
_STATES: dict[str, int] = {}
_EVIDENT: dict[str, int] = {}
for _colour, (_states, _also) in _COLOURS.items():
    for _word in _states.split():
        _STATES[_word] = _STATES.get(_word, 0) | 1 << BASIC[_colour]
    for _word in f"{_states} {_also}".split():
        _EVIDENT[_word] = _EVIDENT.get(_word, 0) | 1 << BASIC[_colour]

_PHOTOGRAPH = words("photo photos photograph photographs picture pictures image images shot drawing")
_BY_NATURE = {
    "white": words("snow snowy snowbank mountain mountains wave waves foam water sand cloud clouds santa wine"),
    "blue": words("sky skies water waters ocean sea pool lake jay jays jean jeans"),
    "green": words(
        "grass grassy field lawn plant plants tree trees leaf leaves bush bushes foliage forest hill hills meadow "
        "pasture park vegetation shrubs hillside"
    ),
    "red": words("bull sox wine carpet cross"),
    "brown": words("dirt"),
    "black": words("belt lab labrador"),
    "orange": words("juice peel slice slices"),
    "tan": words("line lines"),
}
_SKIN = words("man men woman women boy boys girl girls person people child children male female lady guy")
_NO_NOUN = words("and , in on with at from to is are while that which as for into near by of off")


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours that a caption states, and those that it bears out."""

    stated: int
    evident: int


def colours_in(tokens: Sequence[str]) -> Colours:
    """Find the colours of a caption; skin, fruit, black and white photographs and green grass state none."""
    stated = evident = 0
    for at, token in enumerate(tokens):
        parts = token.split("-") if "-" in token and token not in _EVIDENT else [token]
        for part in parts:
            evident |= _EVIDENT.get(part, 0)
        if token in _STATES and not _says_no_colour(tokens, at):
            stated |= _STATES[token]
    return Colours(stated, evident)


def _says_no_colour(tokens: Sequence[str], at: int) -> bool:
    colour, before, after = tokens[at], tokens[at - 1] if at else "", tokens[at + 1] if at + 1 < len(tokens) else ""
    if after in _BY_NATURE.get(colour, ()):
        return True
    if colour in ("black", "white") and (after in _SKIN or _of_photograph(tokens, at)):
        return True
    # "An orange" is a fruit, "a man in orange" wears the colour.
    return colour == "orange" and before in ("an", "the", "peeled") and (not after or after in _NO_NOUN)


def _of_photograph(tokens: Sequence[str], at: int) -> bool:
    return any(
        tokens[start : start + 3] == ["black", "and", "white"]
        and tokens[start + 3 : start + 4]
        and tokens[start + 3] in _PHOTOGRAPH
        for start in (at, at - 2)
        if start >= 0
    )


QUESTIONS = (
    Question(
        "colours",
        "Colours that no reference names",
        "Of the different colours that captions state, those that no reference of the picture names; close colours "
        "bear each other out, and green grass, white snow, blue water and skin are not asked about.",
    ),
    Question(
        "colours_contradicted",
        "Colours that references contradict",
        "The same, of pictures of which at least two references (or the only one) name a colour.",
    ),
    *(
        Question(
            f"colour_{colour}",
            f"{colour.capitalize()} that no reference names",
            f"Of the captions that call something {colour}, those of pictures where no reference names that colour.",
        )
        for colour in BASIC
    ),
)


def judge_colours(said: Colours, theirs: Sequence[Colours]) -> tuple[Verdict, ...]:
    """Hold one caption against its references; verdicts in the order of `QUESTIONS`."""
    evident = 0
    for reference in theirs:
        evident |= reference.evident
    wrong = said.stated & ~evident
    # It is the clearer, the more references name colours, and so would have named this one.
    naming = sum(bool(reference.evident) for reference in theirs)
    total = Verdict(wrong.bit_count(), said.stated.bit_count(), naming)
    contradicted = total if naming >= min(2, len(theirs)) and naming else Verdict()
    return (
        total,
        contradicted,
        *(Verdict(wrong >> place & 1, said.stated >> place & 1, naming) for place in BASIC.values()),
    )
