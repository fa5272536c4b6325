"""Files of captions: the three kinds say the same, and what does not fit a split is told in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import DatasetError
from mezzetin.evaluation.captionfiles import captions_lines, read_captions
from mezzetin.storage.paths import Place

NAMES = ["b.jpg", "a.jpg", "x/c.jpg"]
CAPTIONS = {"a.jpg": "A dog.", "b.jpg": 'Zwei Männer, sagte er "ja"', "x/c.jpg": ""}
EXPECTED = tuple(CAPTIONS[name] for name in NAMES)


def as_lines(pairs: list[tuple[str, Any]]) -> str:
    return "".join(json.dumps({"image": name, "caption": text, "references": ["x"]}) + "\n" for name, text in pairs)


def as_coco(pairs: list[tuple[Any, Any]]) -> str:
    return json.dumps([{"image_id": name, "caption": text} for name, text in pairs])


def written(path: Path, text: str) -> Place:
    path.write_text(text, encoding="utf-8")
    return Place.of(path)


def refused(place: Place, names: list[str] = NAMES) -> str:
    with pytest.raises(DatasetError) as caught:
        read_captions(place, names, "val")
    said = str(caught.value)
    assert "\n" not in said and place.name in said
    return said


def test_the_three_kinds_say_the_same_in_the_order_of_the_split(tmp_path: Path) -> None:
    pairs = list(CAPTIONS.items())
    with (tmp_path / "c.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["score", "caption", "image"], *((1, text, name) for name, text in pairs)])
    files = [
        written(tmp_path / "c.jsonl", as_lines(pairs)),
        written(tmp_path / "c.json", as_coco(pairs)),
        Place.of(tmp_path / "c.csv"),
        written(tmp_path / "bom.jsonl", "\ufeff" + as_lines(pairs) + "\n"),
    ]
    for file in files:
        assert read_captions(file, NAMES, "val") == EXPECTED


def test_a_number_of_coco_is_the_picture_whose_name_ends_in_it(tmp_path: Path) -> None:
    names = ["COCO_val2014_000000391895.jpg", "000000000007.jpg", "plain.jpg"]
    file = written(tmp_path / "c.json", as_coco([(7, "seven"), (391895, "many"), ("plain.jpg", "plain")]))
    assert read_captions(file, names, "val") == ("many", "seven", "plain")


def test_a_number_that_two_pictures_end_in_is_neither(tmp_path: Path) -> None:
    file = written(tmp_path / "c.json", as_coco([(7, "seven"), ("b_07.jpg", "b")]))
    said = refused(file, ["a_7.jpg", "b_07.jpg"])
    assert "1 of 2 pictures missing (a_7.jpg)" in said and "1 not in the split (7)" in said


def test_missing_double_and_unknown_pictures_are_told_together(tmp_path: Path) -> None:
    said = refused(written(tmp_path / "c.jsonl", as_lines([("a.jpg", "one"), ("a.jpg", "two"), ("z.jpg", "three")])))
    assert "'val'" in said and "2 of 3 pictures missing (b.jpg, x/c.jpg)" in said
    assert "1 more than once (a.jpg)" in said and "1 not in the split (z.jpg)" in said


def test_as_many_are_named_as_fit(tmp_path: Path) -> None:
    names = [f"{number:04}.jpg" for number in range(1000)]
    said = refused(written(tmp_path / "c.jsonl", as_lines([("0000.jpg", "one")])), names)
    assert "999 of 1,000 pictures missing (0001.jpg, 0002.jpg," in said and "0999.jpg" not in said
    assert len(said) < 400
    assert len(refused(written(tmp_path / "d.jsonl", as_lines([("w" * 9999, "one")])), ["a.jpg"])) < 500


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("c.csv", "picture,text\na.jpg,A dog.\n", "no columns image and caption"),
        ("c.csv", "image,caption\na.jpg\n", "line 2 has no picture's name with a caption"),
        ("c.csv", "", "no columns image and caption"),
        ("c.json", "{}", "not a list of COCO results"),
        ("c.json", "[", "is no JSON"),
        ("c.json", "[1]", "entry 1 has no picture's name"),
        ("c.json", '[{"image_id": true, "caption": "x"}]', "entry 1 has no picture's name"),
        ("c.jsonl", '{"image": "a.jpg", "caption": "x"}\n{"image"', "line 2 is no JSON"),
        ("c.jsonl", '{"image": "a.jpg", "caption": null}', "line 1 has no picture's name with a caption"),
        ("c.jsonl", "", "3 of 3 pictures missing"),
    ],
)
def test_what_is_no_such_file_is_said(tmp_path: Path, name: str, text: str, words: str) -> None:
    assert words in refused(written(tmp_path / name, text))


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in refused(Place.of(tmp_path / "c.jsonl"))
    assert "check the path" in refused(Place.of(tmp_path / "none.jsonl"))


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.dictionaries(_TEXT.filter(bool), _TEXT, min_size=1, max_size=6))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, captions: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("kept") / "captions.jsonl"
    names, texts = list(captions), tuple(captions.values())
    path.write_bytes(captions_lines(names, texts, [["x"]] * len(names)))
    assert read_captions(Place.of(path), names[::-1], "val") == texts[::-1]
    assert [json.loads(line)["image"] for line in path.read_text(encoding="utf-8").split("\n")[:-1]] == names


@given(st.binary(max_size=60), st.sampled_from(["jsonl", "json", "csv"]))
def test_no_bytes_break_it(tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str) -> None:
    path = tmp_path_factory.mktemp("odd") / f"captions.{ending}"
    path.write_bytes(content)
    with pytest.raises(DatasetError):
        read_captions(Place.of(path), ["a picture that no such bytes name.jpg"], "val")
