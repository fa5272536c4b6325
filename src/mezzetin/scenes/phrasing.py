"""How a scene is put into words: a small grammar in which every sentence says only what is there.

Enters: a `Scene`. Leaves: five captions, each from a pattern of its own. A pattern names either the sizes or
the place of a two-figure scene, seldom both, which keeps captions at six to fourteen words or near it.
"""

from __future__ import annotations

import random

from mezzetin.scenes.composition import Figure, Scene

CAPTIONS_PER_PICTURE = 5

_PLACE = {
    "meadow": ("in a green meadow", "on the grass"),
    "snow": ("in the snow", "on a snowy day"),
    "beach": ("on the beach", "by the sea"),
    "night": ("at night", "under the stars"),
    "street": ("on a city street", "in the city"),
    "sea": ("on the sea", "out at sea"),
}
_BELOW = {
    "meadow": ("over a green meadow", "above the grass"),
    "snow": ("over the snow", "on a snowy day"),
    "beach": ("over the beach", "by the sea"),
    "night": ("at night", "under the stars"),
    "street": ("over a city street", "in the city"),
    "sea": ("over the sea", "out at sea"),
}
_VERB = {
    "house": "stands",
    "tree": "grows",
    "car": "is parked",
    "dog": "stands",
    "child": "stands",
    "ball": "lies",
    "boat": "sails",
    "lighthouse": "stands",
    "balloon": "floats",
    "bird": "flies",
}
_TALL = ("tree", "lighthouse", "child")

_ALONE = (
    "{a} {verb} {place}",
    "there is {a} {place}",
    "{big_a} {place}",
    "a picture of {big_a} {place}",
    "you can see {a} {place}",
    "here is {big_a} {here}",
)
_PAIRS = {
    "left": (
        "{a} {verb} to the left of {b}",
        "{b} is to the right of {a}",
        "there is {big_a} to the left of {big_b}",
        "{a} and {b} {place}",
        "{a} {verb} beside {b} {place}",
        "there is {b} next to {a}",
    ),
    "front": (
        "{a} {verb} in front of {b}",
        "{b} is behind {a}",
        "there is {big_a} in front of {big_b}",
        "{a} and {b} {place}",
        "{a} {verb} in front of {b} {place}",
        "there is {a} near {b} {here}",
    ),
    "above": (
        "{a} {verb} above {b}",
        "{b} is under {a}",
        "there is {big_a} above {big_b}",
        "{a} and {b} {place}",
        "{a} {verb} over {b} {place}",
        "there is {b} under {a} {here}",
    ),
}
_LIGHT = "the {light} shines over {a} {here}"


def phrase(scene: Scene, rng: random.Random) -> tuple[str, ...]:
    """Return five different true captions of a scene, lower case, without a full stop."""
    first, last = scene.figures[0], scene.figures[-1]
    patterns = _ALONE if scene.relation == "alone" else _PAIRS[scene.relation]
    chosen = list(patterns)
    if scene.light:
        chosen[rng.randrange(len(chosen))] = _LIGHT
    rng.shuffle(chosen)
    places = (_BELOW if len(scene.figures) == 1 and first.flies else _PLACE)[scene.place]
    return tuple(
        pattern.format(
            a=_name(first, sized=False),
            b=_name(last, sized=False),
            big_a=_name(first, sized=True),
            big_b=_name(last, sized=True),
            verb=_VERB[first.kind],
            place=rng.choice(places),
            here=places[0],
            light=scene.light,
        )
        for pattern in chosen[:CAPTIONS_PER_PICTURE]
    )


def _name(figure: Figure, *, sized: bool) -> str:
    size = ("tall" if figure.kind in _TALL and figure.size == "big" else figure.size) if sized else ""
    thing = f"child in a {figure.colour} coat" if figure.kind == "child" else f"{figure.colour} {figure.kind}"
    words = f"{size} {thing}".strip()
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"
