"""Tables with columns: one's own under any names, URLs, and Hugging Face's imagefolder."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.data.readers import READERS, choose_layout
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.data.readers.source import Url
from mezzetin.data.splits import split_name, splits_by_name
from mezzetin.storage.paths import Place

CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r\t")) | st.just("HTTP://host/")


def read(source: Path, layout: str, **columns: str) -> list[Record]:
    place = Place.of(source)
    assert choose_layout(place) == layout
    return list(READERS[layout].read(place, ReadOptions("en", columns)))


def bad(records: list[Record]) -> list[str]:
    return [defect.name for record in records for defect in record.defects]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", [("file_name", "text"), ("Path", "ALT_TEXT"), ("filename", "description")])
def test_common_names_and_delimiters(tmp_path: Path, delimiter: str, header: tuple[str, str]) -> None:
    rows = [(*header, "note"), ("x/a.jpg", "hello", "1"), ("b.jpg", "you", "2")]
    (tmp_path / "t.csv").write_text("\n".join(delimiter.join(row) for row in rows))
    assert [(r.image_id, *r.captions) for r in read(tmp_path, "table")] == [("x/a.jpg", "hello"), ("b.jpg", "you")]


def test_excels_own_way(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("sep=;\r\nimage;caption\r\na.jpg;eins, zwei\r\nodd\r\n".encode("utf-16"))
    records = read(tmp_path, "table")
    assert [r.captions for r in records if r.image_id] == [("eins, zwei",)]
    assert bad(records) == ["t.csv:4"]


def test_columns_that_a_person_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "Datei;Beschreibung;caption;Serie;Teil;Sprache;Nummer\nBilder\\a.JPG;ein Hund;no;s1;Validation;de;17\n"
    )
    columns = {"image": "Datei", "caption": "beschreibung", "group": "Serie", "split": "Teil"}
    (record,) = read(tmp_path, "table", **columns, language="Sprache", id="Nummer")
    assert record == Record(
        image_id="17",
        image=Place.of(tmp_path / "Bilder/a.JPG"),
        source_uri="Bilder/a.JPG",
        captions=("ein Hund",),
        split="val",
        language="de",
        group="s1",
    )


def test_json_of_each_kind(tmp_path: Path) -> None:
    rows = [{"file_name": "a.jpg", "captions": ["one", "two"], "series": 4}, {"image": "b.jpg"}, 3]
    (tmp_path / "t.json").write_text(json.dumps(rows), encoding="utf-8-sig")
    listed = read(tmp_path, "table", group="series")
    (tmp_path / "t.json").unlink()
    (tmp_path / "t.ndjson").write_text("\n".join(map(json.dumps, rows)))
    lined = read(tmp_path, "table", group="series")
    for records in (listed, lined):
        assert [(r.image_id, r.captions, r.group) for r in records if r.image_id] == [("a.jpg", ("one", "two"), "4")]
        assert len(bad(records)) == 2


def test_captions_as_a_list_in_a_cell(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('filename,raw\na.jpg,"[""one"", ""two""]"\nb.jpg,[sic] three\n')
    assert [r.captions for r in read(tmp_path, "table")] == [("one", "two"), ("[sic] three",)]


def test_tables_named_for_splits_are_one_source(tmp_path: Path) -> None:
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}.csv").write_text(f"image,caption\n{name}.jpg,x\n")
    splits = {r.image_id: r.split for r in read(tmp_path, "table")}
    assert splits == {"train.jpg": "train", "dev.jpg": "val", "test.jpg": "test"}


def test_a_duplicate_row_stays_a_statement(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,caption\na.jpg,x\na.jpg,x\n./a.jpg,x\n.\\A.jpg,x\n")
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert [r.image_id for r in read(tmp_path, "table")] == ["a.jpg"] * 4


def test_conceptual_captions(tmp_path: Path) -> None:
    (tmp_path / "Train_GCC-training.tsv").write_text(
        'a "quoted word\thttp://host/1.jpg\nein Bär\thttps://host/2.jpg?sig=hush&w=1\nno url\tno\nonly one\n'
    )
    (tmp_path / "Validation_GCC-1.1.0-Validation.tsv").write_text("x\thttp://host/3.jpg\n")
    records = read(tmp_path, "urls")
    assert [(r.image, r.captions, r.split) for r in records if r.image_id] == [
        (Url("http://host/1.jpg"), ('a "quoted word',), "train"),
        (Url("https://host/2.jpg?sig=hush&w=1"), ("ein Bär",), "train"),
        (Url("http://host/3.jpg"), ("x",), "val"),
    ]
    assert bad(records) == ["Train_GCC-training.tsv:3", "Train_GCC-training.tsv:4"]
    assert not any("hush" in r.image_id + r.source_uri for r in records)
    assert not any(r.source_uri.startswith(str(tmp_path)) for r in records)


@given(st.lists(st.tuples(CELL, st.integers(0, 99)), min_size=1), st.booleans())
def test_any_caption_comes_back_in_either_order(rows: list[tuple[str, int]], url_first: bool) -> None:
    # Which column has the URLs is seen in the first row; a caption further down may hold one.
    pairs = [("first", "http://host/x.jpg"), *((caption, f"https://host/{number}.jpg") for caption, number in rows)]
    with tempfile.TemporaryDirectory() as folder:
        lines = ["\t".join(pair[::-1] if url_first else pair) for pair in pairs]
        (Path(folder) / "t.tsv").write_text("\n".join(lines), encoding="utf-8", newline="")
        records = read(Path(folder), "urls")
    assert [(*r.captions, str(r.image)) for r in records] == pairs


def test_a_header_with_urls(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('url,caption,split\nhttps://host/a.jpg,"one, two",val\nftp:/x,y,val\n,z,\n')
    records = read(tmp_path, "urls")
    assert [(r.image, r.captions, r.split) for r in records if r.image_id] == [
        (Url("https://host/a.jpg"), ("one, two",), "val")
    ]
    assert bad(records) == ["t.csv:3", "t.csv:4"]


METADATA = [
    {"file_name": "a.jpg", "text": "one"},
    {"file_name": "sub/B.jpg", "text": "two"},
]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("above", ["", "data/"])
def test_imagefolder_with_splits(tmp_path: Path, kind: str, above: str) -> None:
    for folder in ("train", "validation", "test"):
        place = tmp_path / f"{above}{folder}"
        (place / "sub").mkdir(parents=True)
        (place / "sub" / "b.jpg").write_bytes(b"x")
        if kind == "csv":
            (place / "metadata.csv").write_text("file_name,text\na.jpg,one\nsub/B.jpg,two\n")
        elif kind == "jsonl":
            (place / "metadata.jsonl").write_text("\n".join(map(json.dumps, METADATA)))
        else:
            pq.write_table(pa.Table.from_pylist(METADATA), place / "metadata.parquet")
    records = read(tmp_path, "imagefolder")
    assert [(r.image_id, *r.captions, r.split) for r in records] == [
        row
        for folder, split in (("train", "train"), ("validation", "val"), ("test", "test"))
        for row in ((f"{above}{folder}/a.jpg", "one", split), (f"{above}{folder}/sub/b.jpg", "two", split))
    ]
    assert records[1].image == Place.of(tmp_path / f"{above}train/sub/b.jpg")


def test_imagefolder_at_the_top_with_other_names(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.jpg", "captions": ["x", "y"], "album": "k"}\n')
    (record,) = read(tmp_path, "imagefolder", group="album")
    assert (record.image_id, record.captions, record.split, record.group) == ("a.jpg", ("x", "y"), None, "k")


@pytest.mark.parametrize(
    ("written", "name"),
    [("restval", "train"), ("train2014", "train"), ("val2017", "val"), ("valid", "val"), ("extra", "extra")],
)
def test_split_names_of_the_published_sets(written: str, name: str) -> None:
    assert split_name(written) == name


def test_a_split_by_name_needs_two() -> None:
    assert splits_by_name(["captions_train2014.json", "captions_val2014.json"]) == ["train", "val"]
    assert splits_by_name(["train-00000-of-2.parquet", "validation-0.parquet", "x"]) == ["train", "val", None]
    assert splits_by_name(["train-0.parquet", "train-1.parquet"]) == [None, None]
    assert splits_by_name(["constrained.csv", "evaluated.csv"]) == [None, None]
