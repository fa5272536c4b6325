"""How captions are searched for: every choice, its neutral value, its limits, and its name in a score's signature."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TypedDict

from mezzetin.errors import InputError
from mezzetin.text import tokenise

LONGEST = 60
"""Words of the longest caption that every decoder here has places for."""


class DecodingChanges(TypedDict, total=False):
    """What may replace a bundle's defaults, by name; `DecodingOptions` says what each means."""

    max_words: int
    length_penalty: float
    min_words: int
    groups: int
    diversity: float
    samples: int
    top_p: float
    temperature: float
    seed: int
    no_repeat: int
    good_endings: bool
    avoid: tuple[str, ...]
    gender_neutral: bool
    match: float


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How captions are searched for; what is left out is neutral.

    - `beam` hypotheses are kept an image (1 is greedy). They are ranked by log-probability /
      length ** `length_penalty`, the end counted as a word (Wu et al. 2016 without the 5).
    - `min_words` and `max_words` bound a caption.
    - `groups` above 1 shares the beam out among so many groups; each avoids, by `diversity` nats a time, the words
      that the groups before it say at the same place (diverse beam search, Vijayakumar et al. 2018).
    - `samples` above 0 draws so many captions at random in place of searching: each word from the likeliest that
      hold `top_p` of the probability (nucleus sampling, Holtzman et al. 2020) at `temperature`. The same `seed`
      draws the same captions for the same picture.
    - `no_repeat` words in a row occur once in a caption (3: no trigram twice; 0: no such rule).
    - `good_endings`: a caption ends in no article, preposition, conjunction or auxiliary (English only).
    - `avoid`: words that are never said, nor their plurals.
    - `match` above 0 ranks what was found again: by the rank above plus so many times how well a caption's words fit
      the picture, a cosine (only where the bundle has learned to match).
    - `gender_neutral`: the finished text says person and child for man, woman, boy and girl (English only).

    Raises:
        InputError: a value is out of range, or two exclude each other.

    """

    beam: int = 3
    max_words: int = 20
    length_penalty: float = 0.7
    min_words: int = 1
    groups: int = 1
    diversity: float = 0.5
    samples: int = 0
    top_p: float = 0.9
    temperature: float = 1.0
    seed: int = 0
    no_repeat: int = 0
    good_endings: bool = False
    avoid: tuple[str, ...] = ()
    gender_neutral: bool = False
    match: float = 0.0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            _check_whole(name, getattr(self, name), least)
        for name in ("length_penalty", "diversity", "top_p", "temperature", "match"):
            _check_number(name, getattr(self, name))
        for name in ("good_endings", "gender_neutral"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} is {getattr(self, name)!r}: give true or false")
        self._check_together()
        object.__setattr__(self, "avoid", _avoided(self.avoid))

    def _check_together(self) -> None:
        if self.max_words > LONGEST:
            raise InputError(f"max_words is {self.max_words}: give {LONGEST} at most, the decoders have no more places")
        if self.min_words > self.max_words:
            raise InputError(f"min_words is {self.min_words}, above max_words, {self.max_words}: lower one, raise one")
        if self.beam % self.groups:
            raise InputError(f"a beam of {self.beam} can't be shared by {self.groups} groups: give a multiple of it")
        if self.samples and self.groups > 1:
            raise InputError("samples are drawn in place of a search, so there are no groups: choose one of the two")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p is {self.top_p:g}: give a probability above 0, 1 at most")
        if self.temperature == 0:
            raise InputError("a temperature of 0 draws nothing: search with a beam of 1 for the likeliest words")

    def adapted(self, changes: DecodingChanges, *, beam: int | None = None, captions: int = 1) -> DecodingOptions:
        """The same with other values by name, and so wide that `captions` can be found.

        A beam that nobody asked for grows to a multiple of the groups; samples grow to the captions.

        Raises:
            InputError: a value is out of range, two exclude each other, or one has no effect without another.

        """
        groups = changes.get("groups", self.groups)
        _check_whole("groups", groups, 1)
        single = replace(self, groups=1, beam=self.beam if beam is None else beam)
        width = max(single.beam, captions)
        if beam is None or captions > beam:
            width += -width % groups
        wanted = replace(replace(single, groups=groups, beam=width), **changes)
        if not wanted.samples and changes.keys() & {"top_p", "temperature", "seed"}:
            raise InputError("top_p, temperature and seed are for captions that are drawn: say how many samples")
        if wanted.groups == 1 and "diversity" in changes:
            raise InputError("diversity is for a search in groups: say how many")
        if wanted.samples and beam is not None:
            raise InputError("samples are drawn in place of a beam search: choose one of the two")
        return replace(wanted, samples=max(wanted.samples, captions)) if wanted.samples else wanted

    def describe(self) -> str:
        """A text for score signatures: the search and its bounds, then whatever is not neutral."""
        how = (
            f"samples={self.samples}|top_p={self.top_p:g}|temperature={self.temperature:g}|seed={self.seed}"
            if self.samples
            else f"beam={self.beam}"
        )
        parts = [how, f"max_words={self.max_words}", f"length_penalty={self.length_penalty:g}"]
        if self.min_words > 1:
            parts.append(f"min_words={self.min_words}")
        if self.groups > 1:
            parts.append(f"groups={self.groups}|diversity={self.diversity:g}")
        if self.no_repeat:
            parts.append(f"no_repeat={self.no_repeat}")
        if self.match:
            parts.append(f"match={self.match:g}")
        if self.avoid:
            parts.append(f"avoid={','.join(self.avoid)}")
        parts += [name for name in ("good_endings", "gender_neutral") if getattr(self, name)]
        return "|".join(parts)


OPTION_NAMES = frozenset(field.name for field in fields(DecodingOptions))
_LEAST = {"beam": 1, "max_words": 1, "min_words": 1, "groups": 1, "samples": 0, "seed": 0, "no_repeat": 0}


def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}: give a whole number of {least} or more")


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise InputError(f"{name} is {value!r}: give a number of 0 or more")


def _avoided(words: object) -> tuple[str, ...]:
    """The words as the vocabulary spells them, sorted, so that equal sets are equal options."""
    if isinstance(words, str) or not isinstance(words, list | tuple | set | frozenset):
        raise InputError(f"avoid is {words!r}: give a list of words")
    found = set()
    for word in words:
        tokens = tokenise(word) if isinstance(word, str) else []
        if len(tokens) != 1:
            raise InputError(f"{word!r} is not one word: name the words to avoid one by one")
        found.add(tokens[0])
    return tuple(sorted(found))
