"""Text files of every make: encodings, quotes, line ends, pointers, nothing at all."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.data.readers import READERS, choose_layout
from mezzetin.data.readers.lines import Lines, csv_rows, read_json
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def read(source: Path) -> list[Record]:
    place = Place.of(source)
    return list(READERS[choose_layout(place)].read(place, ReadOptions()))


def captions(records: list[Record]) -> list[str]:
    return [caption for record in records for caption in record.captions]


def defects(records: list[Record]) -> list[tuple[str, str]]:
    return [(defect.kind, defect.name) for record in records for defect in record.defects]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_unicode_of_every_make_and_line_end(tmp_path: Path, encoding: str, end: str) -> None:
    if encoding.startswith("utf-16") and end == "\r":
        pytest.skip("no old Mac wrote UTF-16")
    mark = "\ufeff" if encoding[-2:] in ("le", "be") else ""
    text = mark + end.join(["image,caption", "a.jpg,Ein Bär läuft", "b.jpg,犬が走る", "c.jpg,Cafe\u0301"]) + end
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    records = read(tmp_path)
    assert captions(records) == ["Ein Bär läuft", "犬が走る", "Cafe\u0301"]
    assert defects(records) == []


def test_windows_1252_is_read_and_told_once(tmp_path: Path) -> None:
    text = "image,caption\na.jpg,plain\nb.jpg,“Café” – 5 €\nc.jpg,Größe\n"
    (tmp_path / "t.csv").write_bytes(text.encode("cp1252"))
    records = read(tmp_path)
    assert captions(records) == ["plain", "“Café” – 5 €", "Größe"]
    assert defects(records) == [("encoding", "t.csv:3")]


def test_a_file_of_two_encodings_keeps_both(tmp_path: Path) -> None:
    rows = "image,caption\na.jpg,Größe\n".encode() + "b.jpg,Straße\n".encode("latin-1")
    (tmp_path / "t.csv").write_bytes(rows + b"c.jpg,\x81\n")
    assert captions(read(tmp_path)) == ["Größe", "Straße", "\x81"]


def test_json_in_windows_1252(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes('[{"image": "a.jpg", "caption": "Größe"}]'.encode("cp1252"))
    records = read(tmp_path)
    assert captions(records) == ["Größe"]
    assert defects(records) == [("encoding", "t.json")]


def test_nul_bytes_are_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"image,caption\na.jpg,a\0 dog\nb.jpg,\0a cat\n")
    records = read(tmp_path)
    assert captions(records) == ["a dog", "a cat"]
    assert defects(records) == [("nul_byte", "t.csv:2")]


def test_a_stray_quote_costs_its_line_alone(tmp_path: Path) -> None:
    rows = ["image,caption", 'a.jpg,"never closed', "b.jpg,two", 'c.jpg,"three, quoted"', 'd.jpg,a 5" pipe']
    rows += ['e.jpg,"so ""he"" said', 'f.jpg,"over', 'two lines"', 'g.jpg,"odd" end', "h.jpg,last"]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    records = read(tmp_path)
    assert captions(records) == ["two", "three, quoted", 'a 5" pipe', "over\ntwo lines", "last"]
    assert defects(records) == [("bad_row", "t.csv:2"), ("bad_row", "t.csv:6"), ("bad_row", "t.csv:9")]


def test_a_quote_that_closes_far_below_does_not_swallow_what_is_between(tmp_path: Path) -> None:
    rows = ["image,caption", 'a.jpg,"open', *(f"{n}.jpg,row {n}" for n in range(500)), 'z.jpg,closed"']
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    records = read(tmp_path)
    assert captions(records) == [*(f"row {n}" for n in range(500)), 'closed"']
    assert defects(records) == [("bad_row", "t.csv:2")]


@given(st.lists(st.lists(TEXT, min_size=2, max_size=4), min_size=1), st.sampled_from(",;\t|"))
def test_rows_come_back_whatever_the_delimiter(rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    lines = text.getvalue().split("\n")[:-1]
    read_back = csv_rows([f"{line}\n" for line in lines], delimiter)
    assert [row for _, row in read_back] == rows


@given(st.lists(st.binary(), max_size=5))
def test_any_bytes_are_lines(pieces: list[bytes]) -> None:
    content = b"x" + b"\n".join(pieces)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.txt"
        path.write_bytes(content)
        text = "".join(Lines(Place.of(path)))
    if content.isascii():
        assert text == content.decode().replace("\0", "")
    assert text.startswith("x")


@pytest.mark.parametrize(
    "name",
    [
        "captions.txt",
        "Flickr8k.token.txt",
        "results.csv",
        "dataset_coco.json",
        "annotations/captions_val2017.json",
        "train.json",
        "metadata.jsonl",
        "x.tar",
        "x.parquet",
        "x.tsv",
        "x.jsonl",
    ],
)
def test_a_git_lfs_pointer_and_an_empty_file_say_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "Images").mkdir()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    for content, wanted in ((pointer, "git lfs pull"), (b"", "an empty file")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=wanted) as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)


def test_broken_json_says_where(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('[\n{"image": "a.jpg",\n')
    with pytest.raises(DatasetError, match="not JSON near line 3"):
        read(tmp_path / "t.json")
    (tmp_path / "t.json").write_text("[" * 100_000)
    with pytest.raises(DatasetError, match="nested too deeply"):
        read_json(Place.of(tmp_path / "t.json"))


def test_a_line_without_end_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mezzetin.data.readers.lines._LONGEST_LINE", 1 << 10)
    (tmp_path / "t.csv").write_bytes(b"image,caption\n" + b"x" * 4096)
    with pytest.raises(DatasetError, match="is it a text file"):
        read(tmp_path)
