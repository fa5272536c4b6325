"""What the linter knows of a language: one small TOML file each, in `words/`.

openings   beginnings that say only that it is a picture
small      words that may come often
gender     words that say somebody's gender
unsure     words of guessing: what they are about is not to be seen
identity   words about age, origin, faith or health
looks      words that are about somebody only before one of `people`

English takes its gendered words from the gender-neutral rewriting as well.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mezzetin.neutral.lexicon import MANY, NEUTRAL_MANY, NEUTRAL_ONE, ONE

_FILES = files("mezzetin.alttext") / "words"


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one language, in lower case."""

    openings: tuple[str, ...] = ()
    small: frozenset[str] = frozenset()
    gender: frozenset[str] = frozenset()
    unsure: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    looks: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


def wording_of(language: str) -> Wording:
    """The words of a BCP 47 tag's language; empty where there is no file for it."""
    return _wording(language.lower().split("-")[0])


@cache
def _wording(language: str) -> Wording:
    file = _FILES / f"{language}.toml"
    if not language.isalpha() or not file.is_file():
        return Wording()
    words = tomllib.loads(file.read_text(encoding="utf-8"))
    gender, people = set(words["gender"].split()), set(words["people"].split())
    if language == "en":
        gender |= {*ONE, *MANY}
        people |= {*ONE, *MANY, *NEUTRAL_ONE, *NEUTRAL_MANY}
    return Wording(
        openings=tuple(words["openings"]),
        small=frozenset(words["small"].split()),
        gender=frozenset(gender),
        unsure=tuple(words["unsure"]),
        identity=tuple(words["identity"]),
        looks=frozenset(words["looks"].split()),
        people=frozenset(people | gender),
    )
