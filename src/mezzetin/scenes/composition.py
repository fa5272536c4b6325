"""What a scene holds: a place, one or two coloured figures, how they stand to each other, the light.

Enters: a random generator. Leaves: a `Scene`, from which `painting` makes the picture and `phrasing` the
captions. The tables leave out what couldn't be seen (a white dog in the snow) or believed (a boat in town).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

PLACES = ("meadow", "snow", "beach", "night", "street", "sea")

_STANDING = {
    "meadow": ("house", "tree", "car", "dog", "child", "ball"),
    "snow": ("house", "tree", "car", "dog", "child"),
    "beach": ("house", "tree", "dog", "child", "ball"),
    "night": ("house", "tree", "car", "dog", "child"),
    "street": ("house", "tree", "car", "dog", "child"),
    "sea": ("boat", "lighthouse"),
}
_FLYING = ("balloon", "bird")
_TALL_ENOUGH_TO_STAND_BEFORE = ("house", "tree", "lighthouse")

COLOURS = {
    "house": ("red", "blue", "yellow", "white"),
    "tree": ("green", "orange"),
    "car": ("red", "blue", "yellow"),
    "dog": ("brown", "black", "white"),
    "child": ("red", "blue", "yellow"),
    "ball": ("red", "blue", "orange"),
    "boat": ("red", "yellow", "white"),
    "lighthouse": ("red", "green"),
    "balloon": ("red", "yellow", "purple"),
    "bird": ("red", "yellow", "black"),
}
_UNSEEN = {("snow", "white"), ("night", "black"), ("beach", "yellow")}

RELATIONS = ("alone", "left", "front", "above")


@dataclass(frozen=True, slots=True)
class Figure:
    """A thing in the picture; `size` is "small", "big" or "" for neither, `colour` a child's coat's."""

    kind: str
    colour: str
    size: str

    @property
    def flies(self) -> bool:
        """Whether it is up in the air."""
        return self.kind in _FLYING


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows: the first figure is `relation` (alone, left, front, above) of the second."""

    place: str
    relation: str
    figures: tuple[Figure, ...]
    light: str


def compose(rng: random.Random, place: str | None = None) -> Scene:
    """Choose a scene at random, in `place` (one of PLACES) or anywhere."""
    place = place or rng.choice(PLACES)
    relation = rng.choice(RELATIONS)
    light = ("moon" if place == "night" else "sun") if rng.random() < 0.4 else ""
    standing = _STANDING[place]
    flying = _FLYING[:1] if place == "night" else _FLYING
    if relation == "alone":
        kinds = [rng.choice(standing + flying)]
    elif relation == "above":
        kinds = [rng.choice(flying), rng.choice(standing)]
    elif relation == "front":
        behind = rng.choice([kind for kind in standing if kind in _TALL_ENOUGH_TO_STAND_BEFORE])
        before = [kind for kind in standing if kind not in _TALL_ENOUGH_TO_STAND_BEFORE]
        kinds = [rng.choice(before), behind]
    else:
        kinds = rng.sample(standing, 2)
    return Scene(place, relation, tuple(_figure(kind, place, rng) for kind in kinds), light)


def _figure(kind: str, place: str, rng: random.Random) -> Figure:
    colours = [colour for colour in COLOURS[kind] if (place, colour) not in _UNSEEN]
    return Figure(kind, rng.choice(colours), rng.choice(("", "", "small", "big")))
