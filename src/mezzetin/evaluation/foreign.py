"""Pictures that no photographer took, to see whether a captioner notices: drawings, scanned pages, plots.

Enters: a number of pictures. Leaves: encoded pictures, the same in every run with the same Pillow: each has a random
generator of its own. `KINDS` is a plain dict: put a kind of your own into it and `unfamiliar` measures it.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mezzetin.scenes import PLACES, compose, paint, phrase

_PAPERS = ((250, 247, 238), (241, 232, 211), (255, 255, 255), (228, 222, 212), (236, 228, 196))
_INKS = ((20, 20, 24), (52, 40, 30), (16, 24, 60))
_HUES = ((31, 98, 160), (214, 108, 20), (48, 140, 70), (180, 40, 44), (110, 80, 160), (90, 90, 90))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of foreign pictures: what a reader calls it, and how one is drawn."""

    title: str
    draw: Callable[[random.Random, int], Image.Image]


def foreign_pictures(kind: Kind, count: int, *, seed: int = 0) -> Iterator[bytes]:
    """Draw `count` pictures of a kind, as JPEG bytes."""
    return (_drawn(kind, index, seed) for index in range(count))


# Who compares captioners asks each of them about the same pictures; they take 3 MB.
@lru_cache(maxsize=120)
def _drawn(kind: Kind, index: int, seed: int) -> bytes:
    rng = random.Random(f"{seed}/{kind.title}/{index}")  # noqa: S311 - pictures, not secrets
    stream = io.BytesIO()
    kind.draw(rng, index).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def drawing(rng: random.Random, index: int) -> Image.Image:
    """A drawn scene: flat colours, a few figures."""
    return paint(compose(rng, PLACES[index % len(PLACES)]), rng)


def scan(rng: random.Random, index: int) -> Image.Image:
    """A page of text as a scanner gives it: toned paper, uneven light, grain, not quite straight."""
    width, height = rng.choice(((340, 440), (320, 420), (440, 340)))
    paper, ink = rng.choice(_PAPERS), rng.choice(_INKS)
    page = Image.new("RGB", (width, height), paper)
    _set(ImageDraw.Draw(page), width, height, ink, rng)
    turned = page.rotate(rng.uniform(-3, 3), Image.Resampling.BICUBIC, fillcolor=paper)
    return _aged(turned, rng)


def plot(rng: random.Random, index: int) -> Image.Image:
    """A plot with axes and ticks: bars, lines or points, by turns."""
    width, height = rng.choice(((420, 300), (360, 360), (480, 280)))
    image = Image.new("RGB", (width, height), rng.choice(((255, 255, 255), (246, 246, 246), (234, 234, 242))))
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = 46, 30, width - 16, height - 36
    _axes(pen, (left, top, right, bottom), rng)
    (_bars, _lines, _points)[index % 3](pen, (left, top, right, bottom), rng)
    pen.text((left, 8), " ".join(_words(rng)[:3]).title(), fill=(30, 30, 30), font=ImageFont.load_default(13))
    return image


KINDS: dict[str, Kind] = {
    "drawings": Kind("drawings", drawing),
    "scans": Kind("scanned pages", scan),
    "plots": Kind("plots", plot),
}

_Frame = tuple[int, int, int, int]


def _words(rng: random.Random) -> list[str]:
    return " ".join(phrase(compose(rng, rng.choice(PLACES)), rng)).split()


def _set(pen: ImageDraw.ImageDraw, width: int, height: int, ink: tuple[int, int, int], rng: random.Random) -> None:
    """Set a heading and paragraphs, line by line, in one or two columns."""
    size = rng.choice((9, 10, 11, 12))
    font, heading = ImageFont.load_default(size), ImageFont.load_default(2 * size)
    margin, columns = rng.randint(24, 40), rng.choice((1, 1, 2))
    pen.text((margin, margin - 8), " ".join(_words(rng)[:3]).capitalize(), fill=ink, font=heading)
    wide = (width - 2 * margin - 16 * (columns - 1)) // columns
    for column in range(columns):
        x, y = margin + column * (wide + 16), margin + 2 * size + 8
        while y < height - margin:
            line, long = "", -_width("", size)
            for word in _words(rng):
                long += _width(word, size)
                if long > wide:
                    break
                line = f"{line} {word}".strip()
            pen.text((x, y), line, fill=ink, font=font)
            y += round(size * (2.4 if rng.random() < 0.1 else 1.35))


# The scenes' words are few, and to measure a line anew with each of them takes longer than to draw the page.
@lru_cache(maxsize=1000)
def _width(word: str, size: int) -> float:
    """How wide a word is in the font of that size, with the space before it, in pixels."""
    return ImageFont.load_default(size).getlength(f" {word}")


def _aged(page: Image.Image, rng: random.Random) -> Image.Image:
    noise = np.random.default_rng(rng.getrandbits(32))
    height, width = page.height, page.width
    light = 1 - rng.uniform(0, 0.25) * np.linspace(0, 1, width)[None, :, None] ** 2
    grain = noise.normal(0, rng.uniform(2, 8), (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(page) * light + grain, 0, 255).astype(np.uint8))


def _axes(pen: ImageDraw.ImageDraw, frame: _Frame, rng: random.Random) -> None:
    left, top, right, bottom = frame
    font, grey = ImageFont.load_default(10), (90, 90, 90)
    grid = rng.random() < 0.5
    step, start = rng.choice((1, 5, 10, 25)), rng.randint(0, 3)
    for tick in range(6):
        y, x = bottom - tick * (bottom - top) // 5, left + tick * (right - left) // 5
        if grid:
            pen.line((left, y, right, y), fill=(210, 210, 210))
        pen.text((left - 6, y), str(tick * step), fill=grey, font=font, anchor="rm")
        pen.text((x, bottom + 8), str(start + tick), fill=grey, font=font, anchor="mt")
    pen.line((left, top, left, bottom, right, bottom), fill=(40, 40, 40), width=1)


def _bars(pen: ImageDraw.ImageDraw, frame: _Frame, rng: random.Random) -> None:
    left, top, right, bottom = frame
    count, hue = rng.randint(4, 12), rng.choice(_HUES)
    room = (right - left) / count
    for bar in range(count):
        x, high = left + bar * room, rng.uniform(0.1, 0.95) * (bottom - top)
        pen.rectangle((x + room * 0.15, bottom - high, x + room * 0.85, bottom - 1), fill=hue)


def _lines(pen: ImageDraw.ImageDraw, frame: _Frame, rng: random.Random) -> None:
    left, top, right, bottom = frame
    count = rng.randint(12, 40)
    for hue in rng.sample(_HUES, rng.randint(1, 3)):
        level, points = rng.uniform(0.2, 0.8), []
        for step in range(count):
            level = min(max(level + rng.uniform(-0.12, 0.12), 0.03), 0.97)
            points.append((left + step * (right - left) / (count - 1), bottom - level * (bottom - top)))
        pen.line(points, fill=hue, width=2, joint="curve")


def _points(pen: ImageDraw.ImageDraw, frame: _Frame, rng: random.Random) -> None:
    left, top, right, bottom = frame
    slope, hue, radius = rng.uniform(-0.7, 0.7), rng.choice(_HUES), rng.uniform(1.5, 4)
    for _ in range(rng.randint(30, 120)):
        at = rng.random()
        level = min(max(0.5 + slope * (at - 0.5) + rng.gauss(0, 0.12), 0.02), 0.98)
        x, y = left + at * (right - left), bottom - level * (bottom - top)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=hue)
