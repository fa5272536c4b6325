"""Generated scenes: the captions are true of the pictures, and the folder is what ingest expects."""

from __future__ import annotations

import csv
import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mezzetin.errors import InputError
from mezzetin.scenes import PLACES, Figure, Scene, compose, draw_new, draw_scenes, paint, phrase
from mezzetin.scenes.brush import PALETTE
from mezzetin.scenes.composition import COLOURS, RELATIONS
from mezzetin.scenes.phrasing import _BELOW, _PLACE

THING = r"\ban? (?:(small|big|tall) )?(?:child in a (\w+) (coat)|(\w+) (\w+))"
SAYINGS = {
    "to the left of": ("left", False),
    "beside": ("left", False),
    "to the right of": ("left", True),
    "next to": ("left", True),
    "in front of": ("front", False),
    "near": ("front", False),
    "behind": ("front", True),
    "above": ("above", False),
    "over": ("above", False),
    "under": ("above", True),
}


def scenes(many: int) -> Iterator[tuple[Scene, random.Random]]:
    for seed in range(many):
        rng = random.Random(seed)
        yield compose(rng), rng


def things(text: str) -> list[tuple[str, str, str]]:
    """The (kind, colour, size) of every figure that a sentence names, in order."""
    found = []
    for size, coat, child, colour, kind in re.findall(THING, text):
        if child or kind in COLOURS:
            found.append(("child" if child else kind, coat or colour, "big" if size == "tall" else size))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    draw_scenes(folder, count=40, seed=3)
    return folder


def captions_of(folder: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = {}
    with (folder / "captions.txt").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            captions.setdefault(row["image"], []).append(row["caption"])
    return captions


def test_every_figure_that_a_caption_names_is_in_the_scene_with_its_colour_and_size() -> None:
    for scene, rng in scenes(400):
        there = {(figure.kind, figure.colour): figure.size for figure in scene.figures}
        for caption in phrase(scene, rng):
            named = things(caption)
            assert named, caption
            for kind, colour, size in named:
                assert (kind, colour) in there, (scene, caption)
                assert size in ("", there[kind, colour]), (scene, caption)


def test_the_relation_that_a_caption_states_is_the_scenes() -> None:
    stated = 0
    for scene, rng in scenes(400):
        for caption in phrase(scene, rng):
            named = things(caption)
            if len(named) != 2:
                continue
            between = caption.split(named[0][0] if named[0][0] != "child" else "coat", 1)[1]
            relation = next((SAYINGS[words] for words in SAYINGS if f" {words} a" in between), None)
            first = (scene.figures[0].kind, scene.figures[0].colour)
            if relation:
                stated += 1
                assert relation[0] == scene.relation, (scene, caption)
                assert (named[0][:2] != first) == relation[1], (scene, caption)
    assert stated > 500


def test_places_and_lights_are_named_only_where_they_are() -> None:
    owners = {saying: place for table in (_PLACE, _BELOW) for place, sayings in table.items() for saying in sayings}
    shared = {"by the sea"}
    for scene, rng in scenes(400):
        for caption in phrase(scene, rng):
            for saying, place in owners.items():
                if caption.endswith(f" {saying}") and saying not in shared:
                    assert place == scene.place, (scene, caption)
            for light in ("sun", "moon"):
                assert (f"the {light} shines" not in caption) or scene.light == light
            assert not ("moon" in caption and scene.place != "night")


def test_a_scene_has_five_different_captions_of_readable_length() -> None:
    lengths = []
    for scene, rng in scenes(400):
        captions = phrase(scene, rng)
        assert len(set(captions)) == 5, captions
        lengths += [len(caption.split()) for caption in captions]
        assert all(re.fullmatch(r"[a-z]+(?: [a-z]+)*", caption) for caption in captions)
    assert sum(6 <= length <= 14 for length in lengths) >= 0.9 * len(lengths)
    assert max(lengths) <= 18


def near(image: Image.Image, colour: str) -> npt.NDArray[np.float64]:
    """Where a picture has a palette colour: (n, 2) rows and columns as shares of the picture."""
    pixels = np.asarray(image, dtype=np.float32)
    where = np.argwhere(np.abs(pixels - np.array(PALETTE[colour], np.float32)).max(axis=-1) < 30)
    shares: npt.NDArray[np.float64] = where / np.array(pixels.shape[:2], np.float64)
    return shares


@pytest.mark.parametrize(
    ("relation", "kinds"),
    [
        ("left", ("car", "house")),
        ("left", ("house", "car")),
        ("front", ("car", "house")),
        ("above", ("balloon", "house")),
        ("above", ("bird", "car")),
    ],
)
def test_the_picture_shows_the_relation(relation: str, kinds: tuple[str, str]) -> None:
    for seed, (first, second) in enumerate(itertools.product(("small", "", "big"), repeat=2)):
        figures = (Figure(kinds[0], "red", first), Figure(kinds[1], "blue", second))
        image = paint(Scene("snow", relation, figures, ""), random.Random(seed))
        red, blue = near(image, "red"), near(image, "blue")
        assert min(len(red), len(blue)) > 60
        if relation == "left":
            assert red[:, 1].mean() < blue[:, 1].mean() - 0.2
        elif relation == "above":
            assert red[:, 0].max() < blue[:, 0].min() + 0.05
        else:
            assert red[:, 0].max() > blue[:, 0].max()


def test_big_is_bigger_than_small() -> None:
    def share(size: str, seed: int) -> int:
        scene = Scene("snow", "alone", (Figure("car", "red", size),), "")
        return len(near(paint(scene, random.Random(seed)), "red"))

    for seed in range(6):
        assert share("small", seed) * 1.3 < share("", seed) < share("big", seed) / 1.3


def test_every_kind_and_every_place_occurs() -> None:
    seen = [scene for scene, _ in scenes(400)]
    assert {figure.kind for scene in seen for figure in scene.figures} == set(COLOURS)
    assert {scene.place for scene in seen} == set(PLACES)
    assert {scene.relation for scene in seen} == set(RELATIONS)
    assert ("snow", "white") not in {(scene.place, f.colour) for scene in seen for f in scene.figures}


def test_the_folder_holds_pictures_captions_and_disjoint_splits(folder: Path) -> None:
    names = {path.name for path in (folder / "Images").iterdir()}
    captions = captions_of(folder)
    train = (folder / "Flickr_8k.trainImages.txt").read_text().split()
    dev = (folder / "Flickr_8k.devImages.txt").read_text().split()
    assert len(names) == 40 and set(captions) == names
    assert all(len(set(texts)) == 5 for texts in captions.values())
    assert not set(train) & set(dev) and set(train) | set(dev) == names
    assert (len(train), len(dev)) == (30, 10)


def test_the_pictures_are_jpegs_of_varied_sizes_from_224_up(folder: Path) -> None:
    sizes = set()
    for path in (folder / "Images").iterdir():
        with Image.open(path) as image:
            assert image.format == "JPEG" and image.mode == "RGB"
            sizes.add(image.size)
    assert len(sizes) >= 3
    assert all(224 <= side <= 320 for size in sizes for side in size)


def test_the_same_seed_draws_the_same_bytes_and_another_seed_others(folder: Path, tmp_path: Path) -> None:
    draw_scenes(tmp_path / "same", count=40, seed=3)
    draw_scenes(tmp_path / "other", count=40, seed=4)
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 43
    assert all((folder / name).read_bytes() == (tmp_path / "same" / name).read_bytes() for name in files)
    assert (folder / "captions.txt").read_bytes() != (tmp_path / "other" / "captions.txt").read_bytes()


def test_new_pictures_are_in_no_split_and_differ(folder: Path, tmp_path: Path) -> None:
    drawn = draw_new(tmp_path / "new", count=5, seed=3)
    contents = {path.read_bytes() for path in drawn}
    assert len(drawn) == len(contents) == 5
    assert not contents & {path.read_bytes() for path in (folder / "Images").iterdir()}
    again = draw_new(tmp_path / "again", count=5, seed=3)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in drawn]


def test_too_few_scenes_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ask for 4 or more"):
        draw_scenes(tmp_path, count=3)
    assert not list(tmp_path.iterdir())
