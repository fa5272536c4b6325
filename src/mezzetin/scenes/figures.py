"""The figures: each is painted from a few flat shapes in one main colour.

`PAINTERS` maps a kind to its painter, `HEIGHTS` to its ordinary height as a share of the
picture's shorter side.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from mezzetin.scenes.brush import (
    CREAM,
    GLASS,
    GREY,
    INK,
    LAMPLIGHT,
    PALETTE,
    SKIN,
    WOOD,
    Brush,
    Colour,
    darker,
    lighter,
    mix,
)


def _house(brush: Brush, main: Colour, rng: random.Random) -> None:
    roof = mix(WOOD, darker(main), 0.25)
    brush.box(0.24, 0.7, 0.1, 0.28, darker(roof))
    brush.box(0, 0, 0.84, 0.58, main)
    brush.shape(((0.42, 0), (0.42, 0.58), (0.3, 0.58), (0.3, 0)), darker(main, 0.12))
    brush.shape(((-0.52, 0.55), (-0.02, 1.0), (0.02, 1.0), (0.52, 0.55)), roof)
    brush.box(rng.choice((-0.22, 0.0)), 0, 0.16, 0.3, darker(WOOD))
    for x in (-0.26, 0.2):
        if x > 0 or rng.random() < 0.5:
            brush.box(x, 0.35, 0.19, 0.17, CREAM)
            brush.box(x, 0.365, 0.15, 0.14, GLASS if rng.random() < 0.5 else LAMPLIGHT)
    brush.disc(0, 0.74, 0.06, 0.06, LAMPLIGHT)


def _tree(brush: Brush, main: Colour, rng: random.Random) -> None:
    brush.box(0, 0, 0.11, 0.45, WOOD)
    if main == PALETTE["green"] and rng.random() < 0.4:
        for foot, half in ((0.16, 0.32), (0.4, 0.26), (0.64, 0.19)):
            brush.shape(((-half, foot), (0, foot + 0.38), (half, foot)), main)
            brush.shape(((0.05, foot), (0, foot + 0.38), (half, foot)), darker(main, 0.15))
        return
    for x, y, radius in ((0.16, 0.52, 0.2), (-0.16, 0.54, 0.2), (0.12, 0.74, 0.2), (-0.1, 0.76, 0.21)):
        radius += rng.uniform(-0.015, 0.02)
        brush.disc(x, y, radius, radius, darker(main, 0.14) if x > 0 else main)
    brush.disc(-0.02, 0.66, 0.2, 0.2, main)
    for _ in range(7):
        brush.disc(rng.uniform(-0.24, 0.14), rng.uniform(0.5, 0.86), 0.022, 0.022, lighter(main))


def _car(brush: Brush, main: Colour, rng: random.Random) -> None:
    brush.shape(((-0.62, 0.5), (-0.42, 0.98), (0.28, 0.98), (0.58, 0.5)), main)
    brush.shape(((-0.5, 0.54), (-0.36, 0.88), (-0.08, 0.88), (-0.08, 0.54)), GLASS)
    brush.shape(((0.0, 0.54), (0.0, 0.88), (0.23, 0.88), (0.45, 0.54)), GLASS)
    brush.box(0, 0.16, 1.96, 0.42, main, 0.14)
    brush.box(0, 0.16, 1.9, 0.12, darker(main), 0.06)
    brush.disc(0.93, 0.42, 0.06, 0.07, LAMPLIGHT)
    for x in (-0.56, 0.56):
        brush.disc(x, 0.19, 0.2, 0.2, INK)
        brush.disc(x, 0.19, 0.09, 0.09, GREY)
    if rng.random() < 0.3:
        brush.box(-0.06, 0.98, 0.6, 0.14, WOOD, 0.04)


def _dog(brush: Brush, main: Colour, rng: random.Random) -> None:
    shade = darker(main, 0.22)
    brush.line(((-0.46, 0.55), (-0.62, 0.74), (-0.6, 0.88)), main, 0.09)
    for x, fill in ((-0.32, shade), (0.36, shade), (-0.42, main), (0.26, main)):
        brush.line(((x, 0.4), (x, 0.05)), fill, 0.13)
    brush.box(-0.04, 0.34, 0.96, 0.34, main, 0.16)
    brush.shape(((0.22, 0.4), (0.28, 0.78), (0.56, 0.78), (0.44, 0.42)), main)
    brush.disc(0.48, 0.8, 0.19, 0.17, main)
    brush.box(0.63, 0.67, 0.26, 0.16, main, 0.07)
    brush.disc(0.75, 0.81, 0.045, 0.04, INK if main != PALETTE["black"] else GREY)
    brush.disc(0.36, 0.78, 0.08, 0.17, shade)
    brush.disc(0.54, 0.85, 0.028, 0.028, CREAM if main == PALETTE["black"] else INK)
    brush.line(((0.27, 0.58), (0.44, 0.56)), PALETTE[rng.choice(("red", "blue"))], 0.06)


def _child(brush: Brush, main: Colour, rng: random.Random) -> None:
    hair = rng.choice((INK, WOOD, (214, 164, 84)))
    skin = rng.choice((SKIN, (206, 152, 112), (142, 96, 70)))
    for x in (-0.07, 0.07):
        brush.line(((x, 0.3), (x, 0.05)), darker(PALETTE["blue"], 0.2), 0.09)
        brush.disc(x + 0.025, 0.03, 0.07, 0.035, INK)
    for side in (-1, 1):
        brush.line(((side * 0.12, 0.58), (side * 0.23, 0.36)), darker(main, 0.1), 0.09)
        brush.disc(side * 0.235, 0.33, 0.04, 0.04, skin)
    brush.shape(((-0.12, 0.64), (0.12, 0.64), (0.22, 0.22), (-0.22, 0.22)), main)
    for y in (0.34, 0.44, 0.54):
        brush.disc(0, y, 0.018, 0.018, lighter(main, 0.7))
    brush.disc(0, 0.8, 0.17, 0.18, hair)
    brush.disc(0, 0.77, 0.145, 0.145, skin)
    brush.disc(0, 0.93, 0.13, 0.06, hair)
    for x in (-0.05, 0.05):
        brush.disc(x, 0.78, 0.017, 0.022, INK)
    brush.line(((-0.05, 0.715), (-0.025, 0.695), (0.025, 0.695), (0.05, 0.715)), darker(skin, 0.5), 0.014)


def _ball(brush: Brush, main: Colour, rng: random.Random) -> None:
    brush.disc(0, 0.5, 0.5, 0.5, main)
    brush.disc(0, 0.5, 0.2, 0.495, CREAM)
    brush.disc(0, 0.5, 0.09, 0.495, main)
    brush.disc(rng.uniform(-0.26, -0.22), 0.72, 0.07, 0.07, lighter(main, 0.7))


def _boat(brush: Brush, main: Colour, rng: random.Random) -> None:
    sail = mix(CREAM, main, 0.12)
    brush.box(-0.02, 0.2, 0.035, 0.8, WOOD)
    brush.shape(((0.03, 0.32), (0.03, 0.94), (0.44, 0.32)), sail)
    brush.shape(((-0.06, 0.32), (-0.06, 0.84), (-0.36, 0.32)), darker(sail, 0.1))
    brush.shape(((-0.02, 1.0), (-0.02, 0.93), (-0.15, 0.965)), PALETTE[rng.choice(("red", "blue"))])
    brush.shape(((-0.52, 0.26), (0.58, 0.26), (0.38, 0.0), (-0.38, 0.0)), main)
    brush.shape(((-0.52, 0.26), (0.58, 0.26), (0.55, 0.21), (-0.49, 0.21)), darker(main))


def _lighthouse(brush: Brush, main: Colour, rng: random.Random) -> None:
    for x, high in ((-0.2, 0.1), (0.18, 0.12), (0.0, 0.15)):
        brush.disc(x, 0.01, 0.17, high, darker(GREY, rng.uniform(0.1, 0.3)))
    brush.shape(((-0.15, 0.08), (-0.09, 0.8), (0.09, 0.8), (0.15, 0.08)), main)
    for low, high in ((0.24, 0.38), (0.52, 0.66)):
        left, right = 0.15 - low * 0.083, 0.15 - high * 0.083
        brush.shape(((-left, low), (-right, high), (right, high), (left, low)), CREAM)
    brush.box(0, 0.79, 0.26, 0.035, INK)
    brush.box(0, 0.82, 0.13, 0.1, LAMPLIGHT)
    brush.shape(((-0.1, 0.92), (0, 1.0), (0.1, 0.92)), darker(main))
    brush.box(0, 0.08, 0.07, 0.12, darker(WOOD))


def _balloon(brush: Brush, main: Colour, rng: random.Random) -> None:
    stripe = rng.choice((CREAM, lighter(main, 0.55)))
    for x in (-0.08, 0.08):
        brush.line(((x, 0.14), (x * 2.6, 0.42)), INK, 0.012)
    brush.shape(((-0.3, 0.5), (0.3, 0.5), (0.09, 0.25), (-0.09, 0.25)), main)
    brush.disc(0, 0.64, 0.35, 0.36, main)
    brush.disc(0, 0.64, 0.13, 0.36, stripe)
    brush.shape(((-0.115, 0.48), (0.115, 0.48), (0.04, 0.25), (-0.04, 0.25)), stripe)
    brush.box(0, 0, 0.2, 0.15, WOOD, 0.03)
    brush.box(0, 0.12, 0.22, 0.035, darker(WOOD))


def _bird(brush: Brush, main: Colour, rng: random.Random) -> None:
    lift = rng.uniform(0.9, 1.05)
    brush.shape(((-0.5, 0.5), (-0.95, 0.62), (-0.88, 0.36)), darker(main, 0.15))
    brush.shape(((0.16, 0.5), (-0.3, lift), (-0.4, 0.5)), darker(main, 0.28))
    brush.disc(-0.08, 0.4, 0.56, 0.24, main)
    brush.disc(0.46, 0.56, 0.21, 0.2, main)
    brush.shape(((0.62, 0.63), (0.9, 0.52), (0.62, 0.47)), PALETTE["orange"])
    brush.shape(((0.1, 0.48), (-0.5, lift + 0.05), (-0.42, 0.42)), lighter(main, 0.25))
    brush.disc(0.52, 0.61, 0.04, 0.04, CREAM if main == PALETTE["black"] else INK)


PAINTERS: dict[str, Callable[[Brush, Colour, random.Random], None]] = {
    "house": _house,
    "tree": _tree,
    "car": _car,
    "dog": _dog,
    "child": _child,
    "ball": _ball,
    "boat": _boat,
    "lighthouse": _lighthouse,
    "balloon": _balloon,
    "bird": _bird,
}
HEIGHTS = {
    "house": 0.45,
    "tree": 0.54,
    "car": 0.2,
    "dog": 0.27,
    "child": 0.38,
    "ball": 0.2,
    "boat": 0.4,
    "lighthouse": 0.52,
    "balloon": 0.38,
    "bird": 0.19,
}
