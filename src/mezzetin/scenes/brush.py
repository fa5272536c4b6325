"""The brush: flat shapes in a figure's own coordinates, and the colours of the picture book.

A figure's origin is the middle of its foot; y points up; 1 is the figure's height. The canvas is painted at
twice its size and halved at the end, which smooths the edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

PALETTE: dict[str, Colour] = {
    "red": (206, 58, 50),
    "blue": (52, 98, 186),
    "yellow": (245, 199, 54),
    "green": (62, 132, 74),
    "orange": (233, 126, 42),
    "purple": (128, 78, 160),
    "white": (250, 248, 242),
    "black": (44, 42, 48),
    "brown": (138, 88, 52),
}
INK: Colour = (52, 46, 48)
CREAM: Colour = (252, 244, 222)
WOOD: Colour = (120, 80, 52)
SKIN: Colour = (240, 200, 168)
GLASS: Colour = (190, 222, 236)
GREY: Colour = (160, 158, 160)
LAMPLIGHT: Colour = (255, 224, 120)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Return `colour` with `share` (0..1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float = 0.25) -> Colour:
    """Return the colour in shade."""
    return mix(colour, (20, 16, 40), share)


def lighter(colour: Colour, share: float = 0.35) -> Colour:
    """Return the colour in light."""
    return mix(colour, (255, 252, 240), share)


@dataclass(frozen=True, slots=True)
class Brush:
    """Paints one figure: foot at pixel (x, y), `unit` pixels high, mirrored where `flip` is -1."""

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    unit: float
    flip: int = 1

    def at(self, x: float, y: float) -> Point:
        """Return the pixel of a point in the figure's coordinates."""
        return self.x + self.flip * x * self.unit, self.y - y * self.unit

    def shape(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a polygon."""
        self.draw.polygon([self.at(x, y) for x, y in points], fill=fill)

    def disc(self, x: float, y: float, across: float, up: float, fill: Colour) -> None:
        """Fill an ellipse about (x, y) with these radii."""
        (px, py), rx, ry = self.at(x, y), across * self.unit, up * self.unit
        self.draw.ellipse((px - rx, py - ry, px + rx, py + ry), fill=fill)

    def box(self, x: float, y: float, wide: float, high: float, fill: Colour, round_: float = 0.0) -> None:
        """Fill a box that stands on (x, y), x being its middle, with corners rounded by `round_`."""
        (px, py), half = self.at(x, y), wide * self.unit / 2
        corners = (px - half, py - high * self.unit, px + half, py)
        self.draw.rounded_rectangle(corners, radius=round_ * self.unit, fill=fill)

    def line(self, points: Sequence[Point], fill: Colour, wide: float) -> None:
        """Draw a line `wide` units thick with round ends."""
        pixels = [self.at(x, y) for x, y in points]
        thick = max(2, round(wide * self.unit))
        self.draw.line(pixels, fill=fill, width=thick, joint="curve")
        for px, py in (pixels[0], pixels[-1]):
            half = thick / 2
            self.draw.ellipse((px - half, py - half, px + half, py + half), fill=fill)
