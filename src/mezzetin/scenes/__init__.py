"""Generated scenes: a picture book of our own to try every step on, without a network or a licence.

Enters: a seed. Leaves: a folder in the layout in which Kaggle ships Flickr8k (`Images/`, `captions.txt`,
split files), whose captions are true because picture and captions are made from the same `Scene`.
Every picture has a random generator of its own, so that it doesn't depend on how many are drawn.
"""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

from mezzetin.errors import InputError
from mezzetin.scenes.composition import PLACES, Figure, Scene, compose
from mezzetin.scenes.painting import paint
from mezzetin.scenes.phrasing import CAPTIONS_PER_PICTURE, phrase

__all__ = [
    "CAPTIONS_PER_PICTURE",
    "PLACES",
    "Figure",
    "Scene",
    "compose",
    "draw_new",
    "draw_scenes",
    "paint",
    "phrase",
]

_DEV_SHARE = 4
_QUALITY = 90


def draw_scenes(folder: Path, *, count: int = 400, seed: int = 0) -> None:
    """Draw `count` captioned pictures into `folder`; a quarter of them form the development split.

    Written are `Images/*.jpg` (224 to 320 pixels a side), `captions.txt` (CSV `image,caption`, five rows a
    picture), `Flickr_8k.trainImages.txt` and `Flickr_8k.devImages.txt` (a name a line). The same count and
    seed give the same bytes with the same Pillow.

    Raises:
        InputError: `count` is below 4, so that one of the splits would be empty.

    """
    if count < _DEV_SHARE:
        raise InputError(f"{count} scenes can't be split into training and development: ask for 4 or more")
    images = folder / "Images"
    images.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("image", "caption"))
    names = [f"scene_{index:04d}.jpg" for index in range(count)]
    for index, name in enumerate(names):
        rng = random.Random(f"{seed}/scene/{index}")  # noqa: S311 - pictures, not secrets
        scene = compose(rng, PLACES[index % len(PLACES)])
        paint(scene, rng).save(images / name, quality=_QUALITY)
        rows.writerows((name, caption) for caption in phrase(scene, rng))
    held_out = random.Random(f"{seed}/split").sample(range(count), count // _DEV_SHARE)  # noqa: S311
    dev = {names[index] for index in held_out}
    (folder / "captions.txt").write_text(table.getvalue(), encoding="utf-8")
    for split, chosen in (("train", [n for n in names if n not in dev]), ("dev", sorted(dev))):
        (folder / f"Flickr_8k.{split}Images.txt").write_text("".join(f"{n}\n" for n in chosen), "utf-8")


def draw_new(folder: Path, *, count: int = 3, seed: int) -> list[Path]:
    """Draw `count` pictures that `draw_scenes` draws for no seed, and return their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    start = random.Random(f"{seed}/new").randrange(len(PLACES))  # noqa: S311
    for index in range(count):
        rng = random.Random(f"{seed}/new/{index}")  # noqa: S311
        path = folder / f"new_{index + 1}.jpg"
        paint(compose(rng, PLACES[(start + index) % len(PLACES)]), rng).save(path, quality=_QUALITY)
        paths.append(path)
    return paths
