"""A scene becomes a picture: backdrop, light, then the figures from far to near.

Where the captions say left, in front or above, the layout below makes it so with room to spare.
"""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from mezzetin.scenes.backdrops import BACKDROPS, paint_light
from mezzetin.scenes.brush import PALETTE, Brush, Colour, mix
from mezzetin.scenes.composition import Figure, Scene
from mezzetin.scenes.figures import HEIGHTS, PAINTERS

_SIZES = ((256, 256), (288, 224), (320, 240), (256, 288), (272, 240))
_SCALES = {"small": 0.75, "": 1.0, "big": 1.35}
_OVERSAMPLING = 2


def paint(scene: Scene, rng: random.Random) -> Image.Image:
    """Paint a scene: an RGB picture of 224 to 320 pixels a side."""
    width, height = rng.choice(_SIZES)
    wide, high = width * _OVERSAMPLING, height * _OVERSAMPLING
    image = Image.new("RGB", (wide, high))
    draw = ImageDraw.Draw(image)
    BACKDROPS[scene.place](draw, wide, high, rng)
    if scene.light:
        paint_light(draw, wide, high, scene.light, rng)
    places = _layout(scene, rng)
    # The second figure is the farther one in every relation, so it is painted first.
    for figure, (x, y, scale) in reversed(list(zip(scene.figures, places, strict=True))):
        _place(draw, figure, scene.place, (x * wide, y * high), scale * min(wide, high), rng)
    return image.reduce(_OVERSAMPLING)


def _layout(scene: Scene, rng: random.Random) -> list[tuple[float, float, float]]:
    """Foot (x, y as shares of the picture) and scale of each figure."""
    sway = rng.uniform(-0.03, 0.03)
    if scene.relation == "left":
        foot = rng.uniform(0.82, 0.88)
        return [(0.26 + sway, foot, 0.84), (0.75 + sway, foot + rng.uniform(-0.03, 0.03), 0.84)]
    if scene.relation == "front":
        return [(0.5 + rng.choice((-0.14, 0.14)) + sway, 0.95, 0.9), (0.5 + sway, 0.76, 0.98)]
    if scene.relation == "above":
        above, below = scene.figures
        # A big balloon over a big house needs the whole height: the foot hangs just over the other's top.
        hang = 0.9 - 0.8 * HEIGHTS[below.kind] * _SCALES[below.size] - 0.04
        middle = 0.04 + 0.8 * HEIGHTS[above.kind] * _SCALES[above.size]
        foot = max(min(hang, 0.36), min(middle, hang))
        return [(0.5 + rng.uniform(-0.08, 0.08), foot, 0.8), (0.5 + sway, 0.9, 0.8)]
    foot = 0.6 if scene.figures[0].flies else rng.uniform(0.82, 0.9)
    # Near the middle, so that a big tree leaves the corner with the sun or the moon free.
    return [(0.5 + rng.uniform(-0.06, 0.06), foot, 1.02)]


def _place(
    draw: ImageDraw.ImageDraw,
    figure: Figure,
    place: str,
    foot: tuple[float, float],
    scale: float,
    rng: random.Random,
) -> None:
    unit = HEIGHTS[figure.kind] * _SCALES[figure.size] * scale * rng.uniform(0.95, 1.05)
    brush = Brush(draw, *foot, unit, rng.choice((-1, 1)))
    if not figure.flies:
        _shadow(brush, figure, place)
    main = _tint(PALETTE[figure.colour], rng)
    PAINTERS[figure.kind](brush, main, rng)
    if figure.kind in ("boat", "lighthouse"):
        for x in (-0.42, -0.14, 0.14, 0.42):
            brush.disc(x, -0.01, 0.17, 0.025, (150, 206, 224))


def _shadow(brush: Brush, figure: Figure, place: str) -> None:
    ground: dict[str, Colour] = {
        "meadow": (92, 146, 66),
        "snow": (206, 216, 228),
        "beach": (206, 176, 122),
        "night": (32, 50, 64),
        "street": (92, 92, 100),
        "sea": (20, 84, 128),
    }
    half = {"car": 1.0, "dog": 0.56, "tree": 0.26, "child": 0.24, "ball": 0.5, "lighthouse": 0.36}
    thick = 0.1 if figure.kind in ("ball", "car") else 0.05
    brush.disc(0, 0.0, half.get(figure.kind, 0.52), thick, ground[place])


def _tint(colour: Colour, rng: random.Random) -> Colour:
    """The colour as another page of the book would have it."""
    return mix(colour, rng.choice(((255, 236, 200), (40, 30, 60))), rng.uniform(0.0, 0.08))
