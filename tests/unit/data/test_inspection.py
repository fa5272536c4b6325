"""An inspection of a small dataset in which everything that can be wrong is wrong once, and counted by hand."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.inspection import Inspection, inspect_dataset
from mezzetin.data.inspection.captions import digest
from mezzetin.data.inspection.findings import percent, remarks, warnings
from mezzetin.data.inspection.lexicon import THEMES, theme_mask, themes_in
from mezzetin.data.inspection.page import inspection_page
from mezzetin.data.inspection.words import cleaned, coverage
from mezzetin.errors import DatasetError
from mezzetin.records import Progress
from mezzetin.text import tokenise

Row = tuple[str, str, str, str]


def drawn(number: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    small = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def make(folder: Path, pictures: dict[str, bytes], rows: list[Row]) -> Dataset:
    """Ingest pictures with rows of (image, split, caption, language)."""
    (folder / "source").mkdir()
    for name, data in pictures.items():
        (folder / "source" / name).write_bytes(data)
    with (folder / "source" / "table.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("image", "split", "caption", "language"), *rows])
    ingest(folder / "source" / "table.csv", folder / "dataset", allow_shared_images=True, processes=1)
    return Dataset.open(folder / "dataset")


PICTURES = {
    **{f"t{number}.jpg": jpeg(drawn(number)) for number in range(4)},
    "same.jpg": jpeg(drawn(0)),
    "alike.jpg": jpeg(drawn(1).resize((80, 60)), 40),
    "other.jpg": jpeg(drawn(9, (50, 60))),
    "stamp.png": jpeg(drawn(10, (20, 40))),
    "blank.jpg": jpeg(Image.new("RGB", (100, 100), "white")),
}
LONG = "A man " + "and a man " * 25
ROWS: list[Row] = [
    ("t0.jpg", "train", "A dog runs in the snow .", "en"),
    ("t0.jpg", "train", "A dog , outside .", "en"),
    ("t0.jpg", "train", "Something else", "en"),
    ("t1.jpg", "train", "A woman in the kitchen", "en"),
    ("t1.jpg", "train", "a  woman in the Kitchen", "en"),
    ("t2.jpg", "train", "a dog runs in the SNOW .", "en"),
    ("t3.jpg", "train", "Ein Hund im Schnee", "de"),
    ("same.jpg", "val", "A zebra and 2 dogs", "en"),
    ("alike.jpg", "val", LONG, "en"),
    ("other.jpg", "val", "Собака бежит", "ru"),
    ("stamp.png", "test", ". . .", "en"),
    ("blank.jpg", "test", "paper", "en"),
    ("gone.jpg", "test", "nobody", "en"),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make(tmp_path_factory.mktemp("inspection"), PICTURES, ROWS)


@pytest.fixture(scope="module")
def found(dataset: Dataset) -> Inspection:
    return inspect_dataset(dataset)


def test_pictures_are_measured(found: Inspection) -> None:
    pictures = found.pictures
    assert (pictures.count, dict(pictures.formats)) == (9, {"jpeg": 9})
    assert (pictures.width.least, pictures.width.median, pictures.width.most) == (20, 160, 160)
    assert (pictures.height.least, pictures.height.median, pictures.height.most) == (40, 120, 120)
    assert pictures.total_bytes == sum(map(len, PICTURES.values()))
    assert (pictures.tiny, pictures.tiny_names) == (1, ("stamp.png",))
    assert pictures.small == 3
    assert (pictures.flat, pictures.flat_names) == (1, ("blank.jpg",))
    assert pictures.damaged == 0


def test_captions_are_measured(found: Inspection) -> None:
    captions = found.captions
    assert captions.count == 12
    assert dict(captions.a_picture) == {1: 7, 2: 1, 3: 1}
    assert dict(captions.languages) == {"en": 10, "de": 1, "ru": 1}
    assert dict(captions.scripts) == {"Latin": 10, "Cyrillic": 1, "none": 1}
    lengths = sorted(len(tokenise(row[2])) for row in ROWS[:-1])
    assert [length for length, count in captions.lengths.items() for _ in range(count)] == lengths
    assert captions.mean_length == pytest.approx(sum(lengths) / 12)
    assert captions.percentiles["50"] == lengths[5]
    assert (captions.wordless, captions.overlong) == (1, 1)
    assert (captions.longest[0].image_id, captions.longest[0].words) == ("alike.jpg", 77)


def test_repeated_captions_are_those_of_several_pictures(found: Inspection) -> None:
    captions = found.captions
    assert (captions.repeated, captions.repeated_captions, captions.repeated_at_one) == (1, 2, 1)
    assert [(again.text, again.pictures) for again in captions.most_repeated] == [("A dog runs in the snow .", 2)]


def test_shared_pictures_are_found_by_bytes_and_by_look(found: Inspection) -> None:
    shared = found.shared
    assert dict(shared.same) == dict(shared.alike) == {"train": 1, "val": 1}
    (same,), (alike,) = shared.same_pairs, shared.alike_pairs
    names = [{found.samples[row].image_id for row in (pair.first, pair.second)} for pair in (same, alike)]
    assert names == [{"t0.jpg", "same.jpg"}, {"t1.jpg", "alike.jpg"}]
    assert same.distance == 0
    assert 0 <= alike.distance <= shared.max_distance


def test_words_are_counted_as_training_and_as_the_tutorial_count_them(found: Inspection) -> None:
    words = found.words
    train = [token for row in ROWS if row[1] == "train" for token in tokenise(row[2])]
    val = [token for row in ROWS if row[1] == "val" for token in tokenise(row[2])]
    assert (words.learned, words.other) == ("train", "val")
    twice = next(line for line in words.coverage if line.min_count == 2)
    known = {word for word in train if train.count(word) >= 2}
    assert twice.words == len(known)
    assert twice.tokens == pytest.approx(sum(word in known for word in val) / len(val))
    assert twice.types == pytest.approx(len(known & set(val)) / len(set(val)))
    plain = {word for row in ROWS[:-1] for word in cleaned(row[2])}
    assert words.cleaned_everywhere == len(plain)
    assert not plain & {"a", "2"}
    assert dict(words.frequent)["dog"] == 3
    assert "a" in dict(words.frequent) and "a" not in dict(words.telling)


def test_themes_count_pictures_not_captions(found: Inspection) -> None:
    themes = found.themes
    assert dict(themes.pictures) == {"train": 3, "val": 2, "test": 2}
    assert dict(themes.without) == {"de": 1, "ru": 1}
    dog, snow, indoors = (
        next(count for count in themes.counts if count.name == name) for name in ("dog", "snow and winter", "indoors")
    )
    assert dict(dog.named) == {"train": 2, "val": 1, "test": 0}
    assert dict(snow.named) == {"train": 2, "val": 0, "test": 0}
    assert dict(snow.mostly) == {"train": 1, "val": 0, "test": 0}
    assert [found.samples[row].image_id for row in indoors.examples] == ["t1.jpg"]
    assert themes.share("dog") == pytest.approx(3 / 7)


def test_the_warnings_say_what_is_wrong(found: Inspection) -> None:
    said = " ".join(warnings(found))
    for words in ("same file", "look the same", "missing 1", "under 64", "without structure", "without a word"):
        assert words in said
    assert "more than 50 words" in said and "languages" in said and "scripts" in said
    assert any("de, ru" in remark and "lexicon for en only" in remark for remark in remarks(found))


def test_the_remarks_say_what_the_pictures_lack(tmp_path: Path) -> None:
    rows = [(f"p{number}.jpg", "train", "People on a beach", "en") for number in range(9)]
    rows.append(("p9.jpg", "train", "A bed in a room", "en"))
    found = inspect_dataset(make(tmp_path, {row[0]: jpeg(drawn(int(row[0][1]))) for row in rows}, rows))
    assert any(
        line.startswith("Outdoor words in 90 % of the pictures, indoor words in 10 %: ") for line in remarks(found)
    )
    assert any("winter is rare" in line for line in remarks(found))
    # Nothing to measure a vocabulary on.
    assert found.words.other is None
    assert found.words.coverage[0].tokens is None
    assert b"People on a beach" in inspection_page(found, Dataset.open(tmp_path / "dataset"))


def test_one_split_alone(dataset: Dataset, found: Inspection) -> None:
    val = inspect_dataset(dataset, split="val")
    assert val.pictures.count == 3
    assert dict(val.captions.a_picture) == {1: 3}
    assert dict(val.shared.same) == {"train": 1, "val": 1}
    assert dict(val.themes.pictures) == {"val": 2}
    assert val.words.coverage == found.words.coverage
    assert inspect_dataset(dataset, split="test").shared.same_pairs == ()


def test_a_split_that_is_not_there(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="'exam': it has test, train, val"):
        inspect_dataset(dataset, split="exam")


def test_the_json_names_pictures(found: Inspection) -> None:
    plain = json.loads(json.dumps(found.to_json()))
    pair = plain["shared"]["alike_pairs"][0]
    assert {pair["first"]["image_id"], pair["second"]["image_id"]} == {"t1.jpg", "alike.jpg"}
    assert {pair["first"]["split"], pair["second"]["split"]} == {"train", "val"}
    assert plain["ingest"]["defects"]["missing"]["count"] == 1
    assert plain["warnings"] == warnings(found)


def test_progress_reaches_the_last_picture(dataset: Dataset) -> None:
    seen: list[Progress] = []
    inspect_dataset(dataset, report=seen.append)
    assert [progress.done for progress in seen] == list(range(10))
    assert {progress.total for progress in seen} == {9}


@pytest.mark.parametrize(
    ("caption", "named"),
    [
        ("A man eats a hot dog in the living room", {"people", "man", "indoors", "food"}),
        ("A teddy bear", set()),
        ("Skiers on a snowy slope", {"people", "outdoors", "snow and winter", "sport"}),
        ("A large group of people", {"people", "crowd"}),
        ("Two kittens", {"animals", "cat"}),
        ("A christmas tree", {"snow and winter"}),
        ("", set()),
    ],
)
def test_the_lexicon(caption: str, named: set[str]) -> None:
    assert {THEMES[number] for number in themes_in(theme_mask(tokenise(caption)))} == named


def test_words_are_cleaned_as_in_the_tutorial() -> None:
    assert cleaned("A boy's T-shirt , 2 dogs & route66 !") == ["boys", "tshirt", "dogs"]


def test_captions_are_the_same_case_and_spaces_aside() -> None:
    assert digest("A Dog  runs\n") == digest("a dog runs")
    assert digest("a dog runs") != digest("a dog run")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0004, "< 0.1 %"),
        (0.066, "6.6 %"),
        (0.0999, "10 %"),
        (0.5, "50 %"),
        (0.9999, "> 99.9 %"),
        (1, "100 %"),
    ],
)
def test_shares_are_written_for_people(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_vocabulary_of_nothing_covers_nothing() -> None:
    (line,) = coverage(Counter(), Counter("ab"), (1,))
    assert (line.words, line.tokens, line.types) == (0, 0.0, 0.0)
