"""Flickr8k as published and Flickr30k, with the faults that they are known for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.data.readers import READERS, choose_layout
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.storage.paths import Place

# A line of text: what a caption in these files can be.
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r|\t"), min_size=1)


def read(source: Path, layout: str) -> list[Record]:
    place = Place.of(source)
    assert choose_layout(place) == layout
    return list(READERS[layout].read(place, ReadOptions("en")))


def defects(records: list[Record]) -> list[tuple[str, str]]:
    return [(defect.kind, defect.name) for record in records for defect in record.defects]


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize("texts", ["", "Flickr8k_text"])
@pytest.mark.parametrize(
    "pictures", ["Flicker8k_Dataset", "Flickr8k_Dataset", "Images", "Flickr8k_Dataset/Flicker8k_Dataset"]
)
def test_flickr8k_as_published(tmp_path: Path, texts: str, pictures: str) -> None:
    touch(tmp_path / pictures, "a.jpg", "B.JPG", "alone.jpg")
    ghost = "2258277193_586949ec62.jpg.1"
    lines = [
        "a.jpg#0\tA dog .",
        "a.jpg#1\tTwo dogs#1 .",
        "b.jpg#0\tA cat .",
        *(f"{ghost}#{n}\tpeople" for n in range(5)),
    ]
    (tmp_path / texts).mkdir(exist_ok=True)
    (tmp_path / texts / "Flickr8k.token.txt").write_text("\r\n".join([*lines, "broken", ""]))
    (tmp_path / texts / "Flickr_8k.trainImages.txt").write_text("a.jpg\n")
    (tmp_path / texts / "Flickr_8k.devImages.txt").write_text("b.jpg\n")
    records = read(tmp_path, "flickr8k-original")
    captions = [(r.image_id, r.captions[0]) for r in records if r.captions]
    assert captions == [("a.jpg", "A dog ."), ("a.jpg", "Two dogs#1 ."), ("B.JPG", "A cat .")]
    assert {r.image_id: r.split for r in records if r.split} == {"a.jpg": "train", "B.JPG": "val"}
    assert defects(records) == [("ghost", ghost), ("bad_row", "Flickr8k.token.txt:9")]
    assert {r.image_id: r.image for r in records if r.image_id} == {
        name: Place.of(tmp_path / pictures / name) for name in ("a.jpg", "B.JPG", "alone.jpg")
    }
    assert {r.source_uri for r in records if r.image_id} == {f"{pictures}/{n}" for n in ("a.jpg", "B.JPG", "alone.jpg")}


@given(st.lists(st.tuples(st.from_regex(r"[a-z0-9_#]{1,8}\.jpg", fullmatch=True), LINE), min_size=1))
def test_any_token_file_comes_back(rows: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        touch(Path(folder) / "Images")
        text = "".join(f"{name}#{number % 5}\t{caption}\n" for number, (name, caption) in enumerate(rows))
        (Path(folder) / "Flickr8k.token.txt").write_text(text, encoding="utf-8", newline="")
        records = read(Path(folder), "flickr8k-original")
    assert [(r.image_id, *r.captions) for r in records] == rows


RESULTS = (
    "image_name| comment_number| comment\n"
    '1000092795.jpg| 0| Two young guys with "shaggy" hair | look at their hands .\n'
    "1000092795.jpg| 1| Two men .\n"
    "2199200615.jpg| 4   A dog runs across the grass .\n"
    "odd line\n"
    "2199200615.jpg| x| no number\n"
)


@pytest.mark.parametrize(
    ("table", "pictures"),
    [
        ("results.csv", "flickr30k_images"),
        ("results.csv", "images"),
        ("results.csv", "flickr30k_images/flickr30k_images"),
        ("flickr30k_images/results.csv", "flickr30k_images/flickr30k_images"),
        ("results.csv", ""),
    ],
)
def test_flickr30k_as_kaggle_ships_it(tmp_path: Path, table: str, pictures: str) -> None:
    touch(tmp_path / pictures, "1000092795.jpg", "2199200615.jpg")
    (tmp_path / table).write_text(RESULTS)
    records = read(tmp_path, "flickr30k")
    assert [(r.image_id, *r.captions) for r in records if r.image_id] == [
        ("1000092795.jpg", 'Two young guys with "shaggy" hair | look at their hands .'),
        ("1000092795.jpg", "Two men ."),
        ("2199200615.jpg", "A dog runs across the grass ."),
    ]
    assert defects(records) == [
        ("mended_row", "results.csv:4"),
        ("bad_row", "results.csv:5"),
        ("bad_row", "results.csv:6"),
    ]
    assert records[0].image == Place.of(tmp_path / pictures / "1000092795.jpg")


def test_flickr30k_as_published(tmp_path: Path) -> None:
    touch(tmp_path / "flickr30k-images", "1.jpg")
    (tmp_path / "results_20130124.token").write_text("1.jpg#0\tOne .\n1.jpg#1\tTwo .\n")
    records = read(tmp_path, "flickr30k")
    assert [(r.source_uri, *r.captions) for r in records] == [
        ("flickr30k-images/1.jpg", "One ."),
        ("flickr30k-images/1.jpg", "Two ."),
    ]


def test_another_results_csv_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("image,caption\na.jpg,hello\n")
    assert [r.captions for r in read(tmp_path, "table")] == [("hello",)]


@given(st.lists(st.tuples(st.from_regex(r"[0-9]{1,9}\.jpg", fullmatch=True), LINE | st.just("a | b")), min_size=1))
def test_any_results_csv_comes_back(rows: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{name}| {number % 5}| {caption}" for number, (name, caption) in enumerate(rows)]
        text = "\n".join(["image_name| comment_number| comment", *lines]) + "\n"
        (Path(folder) / "results.csv").write_text(text, encoding="utf-8", newline="")
        records = read(Path(folder), "flickr30k")
    assert [(r.image_id, *r.captions) for r in records] == [(name, caption.strip()) for name, caption in rows]
