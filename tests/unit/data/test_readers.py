from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.data.readers import READERS, choose_layout
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.data.readers.source import Url
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

Source = Callable[..., Path]

# What a CSV or JSON file can hold: any letter but half a surrogate pair and NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def read(source: Path, layout: str | None = None, **columns: str) -> list[Record]:
    place = Place.of(source)
    return list(READERS[choose_layout(place, layout)].read(place, ReadOptions(columns=columns)))


def bad_rows(records: list[Record]) -> list[str]:
    return [defect.name for record in records for defect in record.defects]


# `a0:/b.jpg` would be an address of a kind that nobody knows.
NAME = TEXT.map(lambda text: text.replace(":", ""))


@given(st.lists(st.tuples(NAME, TEXT), min_size=1))
def test_any_csv_comes_back_as_it_was_written(rows: list[tuple[str, str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("image", "caption"), *((f"a{name}.jpg", caption) for name, caption in rows)])
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "t.csv"
        table.write_bytes(text.getvalue().encode())
        assert [record.captions for record in read(table)] == [(caption,) for _, caption in rows]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
    | st.fixed_dictionaries({"image": st.text(), "captions": st.lists(st.text())})
)
def test_any_json_is_a_record_or_a_named_bad_row(value: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "t.jsonl"
        table.write_text(json.dumps(value) + "\n", encoding="utf-8")
        (record,) = read(table)
    assert record.image_id or bad_rows([record]) == ["t.jsonl:1"]


def test_flickr8k_with_official_splits(flickr: Source) -> None:
    source = flickr(3, train=range(1), dev=range(1, 2), test=range(2, 3))
    records = read(source)
    assert [r.captions[0] for r in records if r.captions][:2] == ["Blocks number 0 .", 'Colours, "0" .']
    assert {r.image_id: r.split for r in records if r.split} == {
        "p000.jpg": "train",
        "p001.jpg": "val",
        "p002.jpg": "test",
    }
    assert {r.source_uri for r in records} == {"Images/p000.jpg", "Images/p001.jpg", "Images/p002.jpg"}


def test_bom_crlf_and_broken_lines_survive(flickr: Source) -> None:
    source = flickr(1)
    (source / "captions.txt").write_bytes(
        "\ufeffimage,caption\r\np000.jpg,Été\r\nno comma here\r\n\r\np000.jpg,a,b\r\n".encode()
    )
    records = read(source)
    assert [r.captions for r in records if r.captions] == [("Été",)]
    assert bad_rows(records) == ["captions.txt:3", "captions.txt:5"]


def test_a_table_has_languages_splits_and_lists(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"image": "./x/a.jpg", "captions": ["one", "two"], "split": "validation", "language": "de"}\n'
        '{"image": "b.jpg", "caption": "three"}\n'
        '{"image": "https://host/c.jpg", "caption": "four"}\n{broken\n',
        encoding="utf-8",
    )
    a, b, c, *bad = read(tmp_path)
    assert (a.image_id, a.captions, a.split, a.language) == ("x/a.jpg", ("one", "two"), "val", "de")
    assert a.image == Place.of(tmp_path / "x" / "a.jpg")
    assert (b.captions, b.split, b.language) == (("three",), None, "en")
    assert (c.image, c.captions) == (Url("https://host/c.jpg"), ("four",))
    assert bad_rows(bad) == ["t.jsonl:4"]


def test_csv_columns_come_in_any_order_and_case(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Caption,split,IMAGE,note\nhello,dev,a.jpg,x\n", encoding="utf-8")
    (record,) = read(tmp_path)
    assert (record.image_id, record.captions, record.split) == ("a.jpg", ("hello",), "val")


def refusal(source: Path, layout: str | None = None) -> str:
    with pytest.raises(DatasetError) as caught:
        read(source, layout)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_can_not_be_read_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none")
    looked = refusal(tmp_path)
    assert all(reader.LOOKS_FOR in looked and f"({name})" in looked for name, reader in READERS.items())
    assert f"use one of {', '.join(READERS)}" in refusal(tmp_path, "clip")
    assert "holds no captions.txt" in refusal(tmp_path, "flickr8k")
    (tmp_path / "captions.txt").write_text("image,caption\n")
    assert "no folder Images/" in refusal(tmp_path)
    (tmp_path / "Images").mkdir()
    (tmp_path / "captions.txt").write_text("a.jpg\thello\n")
    assert "header" in refusal(tmp_path)
    (tmp_path / "captions.txt").write_text("image,caption\na.jpg,hello\n")
    with pytest.raises(DatasetError, match="has no columns to name"):
        read(tmp_path, caption="text")


@pytest.mark.parametrize("layout", list(READERS))
def test_a_folder_of_another_layout_is_one_line_that_says_what_to_do(tmp_path: Path, layout: str) -> None:
    (tmp_path / "notes.md").write_text("nothing to read")
    assert not READERS[layout].found(Place.of(tmp_path))
    assert "name " in refusal(tmp_path, layout)


def test_tables_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("kind,note\nx,y\n")
    assert "needs the columns image (or url) and caption (found: kind, note)" in refusal(tmp_path)
    with pytest.raises(DatasetError, match="has no column 'Text'"):
        read(tmp_path, caption="Text", image="kind")
    with pytest.raises(DatasetError, match="no column 'picture' to name: use one of image"):
        read(tmp_path, picture="kind")
    (tmp_path / "a.csv").write_text("")
    assert "an empty file" in refusal(tmp_path)
    (tmp_path / "b.jsonl").write_text("")
    assert "a.csv, b.jsonl" in refusal(tmp_path)


def test_of_two_layouts_in_one_folder_the_first_is_read(flickr: Source) -> None:
    source = flickr(1)
    (source / "own.csv").write_text("image,caption\na.jpg,mine\n")
    assert choose_layout(Place.of(source)) == "flickr8k"
    assert [record.captions for record in read(source, "table")] == [("mine",)]
    (source / "dataset_flickr8k.json").write_text('{"images": []}')
    assert choose_layout(Place.of(source)) == "karpathy"
