"""A house's own rules for its alternative texts, as TOML.

    [alt]                               # the short text that stands in for the picture
    about = 125                         # longer ones are looked at
    most = 250                          # longer ones are too long

    [description]                       # the longer one
    about = 1500
    most = 5000

    [words]
    openings = ["plate showing"]        # beginnings to leave out, beside those that every language has
    allowed = ["photograph of"]         # beginnings and words that this house wants, whoever else leaves them out
    [words.instead]                     # what this house says instead
    craft = "boat"

    [rules]
    min_confidence = 0.4                # a machine's text below is looked at
    off = ["gender"]                    # findings that this house does not want

Enters: a file. Leaves: frozen rules; an unknown key is refused with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mezzetin.alttext.findings import CODES
from mezzetin.config import Settings, parse, read_toml

Word = Annotated[str, Field(min_length=1, max_length=100)]


class Lengths(Settings):
    """Lengths in characters: more than `about` is looked at, more than `most` is too long."""

    about: int = Field(ge=1)
    most: int = Field(ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.about > self.most:
            raise ValueError(f"about ({self.about}) is more than most ({self.most})")
        return self


class Words(Settings):
    """Words of the house, in any case: see the module."""

    openings: tuple[Word, ...] = ()
    allowed: tuple[Word, ...] = ()
    instead: Mapping[Word, Word] = {}


class Rules(Settings):
    """`min_confidence` is in 0..1; `off` names findings that are not wanted."""

    min_confidence: float = Field(0.25, ge=0, le=1)
    off: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = sorted(set(self.off) - CODES.keys())
        if unknown:
            raise ValueError(f"there is no finding {unknown[0]!r} to switch off: use {', '.join(CODES)}")
        return self


class HouseRules(Settings):
    """All rules of one house; without a file those that most guidelines agree on."""

    alt: Lengths = Lengths(about=125, most=250)
    description: Lengths = Lengths(about=1500, most=5000)
    words: Words = Words()
    rules: Rules = Rules()


def read_house_rules(path: str | Path | None) -> HouseRules:
    """The rules of a file, or the usual ones where none is named.

    Raises:
        RecipeError: the file is missing, no TOML, or has an unknown key or a wrong value.

    """
    return HouseRules() if path is None else parse(HouseRules, read_toml(Path(path)), str(path))
