"""The places: sky, ground and what belongs to them, painted behind the figures.

A painter gets the canvas with its width and height in pixels; the ground begins near HORIZON of the height.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from PIL import ImageDraw

from mezzetin.scenes.brush import CREAM, GREY, INK, LAMPLIGHT, PALETTE, Colour, darker, lighter, mix

HORIZON = 0.6
Canvas = ImageDraw.ImageDraw


def _sky(draw: Canvas, wide: int, high: int, top: Colour, low: Colour) -> None:
    bands = 7
    for band in range(bands):
        y = high * HORIZON * 1.1 * band / bands
        draw.rectangle((0, y, wide, high), fill=mix(top, low, band / (bands - 1)))


def _clouds(draw: Canvas, wide: int, high: int, fill: Colour, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 3)):
        x, y, r = (
            rng.uniform(0.05, 0.95) * wide,
            rng.uniform(0.08, 0.34) * high,
            rng.uniform(0.025, 0.04) * wide,
        )
        for dx, scale in ((-1.7, 0.7), (-0.7, 1.1), (0.6, 1.3), (1.8, 0.8)):
            draw.ellipse((x + (dx - scale) * r, y - scale * r, x + (dx + scale) * r, y + scale * r), fill=fill)
        draw.rectangle((x - 2.2 * r, y + 0.2 * r, x + 2.4 * r, y + 0.8 * r), fill=fill)


def _hills(draw: Canvas, wide: int, high: int, fill: Colour, rng: random.Random) -> None:
    for _ in range(3):
        x, half = rng.uniform(-0.1, 1.1) * wide, rng.uniform(0.3, 0.6) * wide
        y = rng.uniform(0.47, 0.55) * high
        draw.ellipse((x - half, y, x + half, y + high), fill=darker(fill, rng.uniform(0.0, 0.12)))


def _ground(draw: Canvas, wide: int, high: int, fill: Colour, rng: random.Random) -> None:
    y, tilt = HORIZON * high, rng.uniform(-0.03, 0.03) * high
    draw.polygon(((0, y - tilt), (wide, y + tilt), (wide, high), (0, high)), fill=fill)
    draw.ellipse((-0.3 * wide, 0.8 * high, 1.1 * wide, 1.5 * high), fill=lighter(fill, 0.12))


def _specks(
    draw: Canvas,
    wide: int,
    band: tuple[float, float],
    fills: tuple[Colour, ...],
    many: int,
    rng: random.Random,
) -> None:
    for _ in range(many):
        x, y, r = rng.uniform(0, wide), rng.uniform(*band), rng.uniform(0.003, 0.008) * wide
        draw.ellipse((x - r, y - r, x + r, y + r), fill=rng.choice(fills))


def _meadow(draw: Canvas, wide: int, high: int, rng: random.Random) -> None:
    _sky(draw, wide, high, (150, 204, 232), (222, 240, 240))
    _clouds(draw, wide, high, (250, 252, 252), rng)
    _hills(draw, wide, high, (148, 192, 116), rng)
    _ground(draw, wide, high, (124, 184, 88), rng)
    for _ in range(60):
        x, y = rng.uniform(0, wide), rng.uniform(0.64, 1.0) * high
        draw.line((x, y, x + 0.006 * wide, y - 0.022 * high), fill=(98, 160, 70), width=3)
    flowers = (CREAM, PALETTE["yellow"], (232, 130, 160))
    _specks(draw, wide, (0.66 * high, high), flowers, 34, rng)


def _snow(draw: Canvas, wide: int, high: int, rng: random.Random) -> None:
    _sky(draw, wide, high, (172, 188, 206), (212, 222, 230))
    _hills(draw, wide, high, (222, 230, 238), rng)
    _ground(draw, wide, high, (240, 244, 248), rng)
    _specks(draw, wide, (0, high), ((255, 255, 255),), 110, rng)


def _beach(draw: Canvas, wide: int, high: int, rng: random.Random) -> None:
    _sky(draw, wide, high, (140, 206, 232), (230, 244, 238))
    _clouds(draw, wide, high, (252, 252, 250), rng)
    draw.rectangle((0, 0.44 * high, wide, high), fill=(58, 150, 186))
    _waves(draw, wide, (0.46 * high, 0.6 * high), (140, 204, 220), 8, rng)
    draw.rectangle((0, 0.62 * high, wide, high), fill=CREAM)
    _ground(draw, wide, high, (236, 210, 156), rng)
    _specks(draw, wide, (0.66 * high, high), ((214, 184, 128), (250, 232, 196)), 60, rng)


def _night(draw: Canvas, wide: int, high: int, rng: random.Random) -> None:
    _sky(draw, wide, high, (20, 24, 62), (52, 58, 116))
    _specks(draw, wide, (0, 0.52 * high), ((255, 250, 220), (200, 206, 240)), 70, rng)
    _hills(draw, wide, high, (38, 52, 82), rng)
    _ground(draw, wide, high, (46, 70, 84), rng)


def _street(draw: Canvas, wide: int, high: int, rng: random.Random) -> None:
    _sky(draw, wide, high, (190, 206, 222), (238, 230, 218))
    x = -0.05 * wide
    while x < wide:
        broad, top = rng.uniform(0.1, 0.17) * wide, rng.uniform(0.24, 0.46) * high
        wall = mix(GREY, rng.choice(((196, 150, 130), (150, 164, 190), (206, 196, 176))), 0.7)
        draw.rectangle((x, top, x + broad, high), fill=wall)
        _windows(draw, x, top, broad, high, wall, rng)
        x += broad + rng.choice((0, 0.01)) * wide
    draw.rectangle((0, HORIZON * high, wide, high), fill=(204, 200, 196))
    draw.rectangle((0, 0.68 * high, wide, high), fill=(122, 122, 130))
    draw.rectangle((0, 0.68 * high, wide, 0.69 * high), fill=(226, 222, 214))
    start = rng.uniform(-0.12, 0.0)
    for step in range(7):
        left = (start + step * 0.18) * wide
        draw.rectangle((left, 0.9 * high, left + 0.09 * wide, 0.915 * high), fill=CREAM)


def _windows(draw: Canvas, x: float, top: float, broad: float, high: int, wall: Colour, rng: random.Random) -> None:
    pane, y = broad / 7, top + 0.03 * high
    while y < 0.56 * high:
        for column in (1, 3, 5):
            lit = LAMPLIGHT if rng.random() < 0.12 else darker(wall, 0.35)
            draw.rectangle((x + column * pane, y, x + (column + 1) * pane, y + pane * 1.3), fill=lit)
        y += pane * 2.4


def _waves(draw: Canvas, wide: int, band: tuple[float, float], fill: Colour, many: int, rng: random.Random) -> None:
    for _ in range(many):
        x, y, r = rng.uniform(0, wide), rng.uniform(*band), rng.uniform(0.03, 0.06) * wide
        draw.arc((x - r, y - r / 2, x + r, y + r / 2), 200, 340, fill=fill, width=4)


def _sea(draw: Canvas, wide: int, high: int, rng: random.Random) -> None:
    _sky(draw, wide, high, (158, 208, 234), (240, 240, 228))
    _clouds(draw, wide, high, (252, 252, 250), rng)
    for band, share in enumerate((0.0, 0.14, 0.28)):
        y = (0.54 + 0.15 * band) * high
        draw.rectangle((0, y, wide, high), fill=mix((52, 136, 178), (18, 70, 120), share * 2))
    _waves(draw, wide, (0.58 * high, high), (132, 192, 214), 22, rng)


BACKDROPS: dict[str, Callable[[Canvas, int, int, random.Random], None]] = {
    "meadow": _meadow,
    "snow": _snow,
    "beach": _beach,
    "night": _night,
    "street": _street,
    "sea": _sea,
}


def paint_light(draw: Canvas, wide: int, high: int, light: str, rng: random.Random) -> None:
    """Paint the sun or the moon into an upper corner."""
    r = 0.075 * min(wide, high)
    x, y = rng.choice((0.13, 0.87)) * wide, rng.uniform(0.12, 0.16) * high
    if light == "sun":
        draw.ellipse((x - 1.35 * r, y - 1.35 * r, x + 1.35 * r, y + 1.35 * r), fill=(255, 240, 190))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 206, 64))
        return
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(250, 244, 214))
    for dx, dy, size in ((-0.3, -0.2, 0.2), (0.3, 0.3, 0.15), (0.15, -0.45, 0.12)):
        cx, cy, rr = x + dx * r, y + dy * r, size * r
        draw.ellipse((cx - rr, cy - rr, cx + rr, cy + rr), fill=mix((250, 244, 214), INK, 0.14))
