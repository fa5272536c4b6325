"""Sources that hold the pictures' bytes: tars, Parquet, Delta tables."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from mezzetin.data.readers import READERS, choose_layout
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.data.readers.source import Cell, Slice, Url, forget_cells, read_cell, read_slice
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place


def read(source: Path, layout: str, **columns: str) -> list[Record]:
    place = Place.of(source)
    assert choose_layout(place) == layout
    return list(READERS[layout].read(place, ReadOptions("en", columns)))


def refusal(source: Path, layout: str) -> str:
    with pytest.raises(DatasetError) as caught:
        read(source, layout)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def defects(records: list[Record]) -> list[tuple[str, str]]:
    return [(defect.kind, defect.name) for record in records for defect in record.defects]


def content(record: Record) -> bytes | None:
    assert isinstance(record.image, Slice | Cell)
    forget_cells()
    found = read_slice(record.image) if isinstance(record.image, Slice) else read_cell(record.image)
    forget_cells()
    return found


def shard(path: Path, members: dict[str, bytes], kind: int = tarfile.PAX_FORMAT, mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, format=kind) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_webdataset_is_read_out_of_its_tars(tmp_path: Path, kind: int) -> None:
    members = {
        "0001.jpg": b"first picture",
        "0001.txt": "Ein Bär\n".encode(),
        "0001.json": b'{"caption": "other", "url": "x", "series": "s"}',
        "d/0002.PNG": b"second",
        "d/0002.json": json.dumps({"captions": ["a", "b"]}).encode(),
        "0003.txt": b"no picture",
        "0004.jpg": b"no caption",
        "0005.jpg": b"p",
        "0005.json": b"[]",
        "0006.jpg": b"p",
        "0006.txt": "Größe".encode("cp1252"),
        f"{'long' * 20}/0007.seg.jpg": b"seven",
        f"{'long' * 20}/0007.json": b'{"text": "seven"}',
    }
    shard(tmp_path / "train-000.tar", members, kind)
    shard(tmp_path / "val-000.tar", {"0001.webp": b"other", "0001.txt": b"other shard"}, kind)
    records = read(tmp_path, "webdataset", group="series")
    named = {r.image_id: r for r in records if r.image_id}
    first = named["train-000.tar/0001"]
    assert (first.captions, first.split, first.group) == (("Ein Bär",), "train", "s")
    assert first.source_uri == "train-000.tar/0001.jpg"
    second = named["train-000.tar/d/0002"]
    assert (second.captions, second.source_uri) == (("a", "b"), "train-000.tar/d/0002.png")
    assert named["train-000.tar/0004"].captions == ()
    assert named["train-000.tar/0006"].captions == ("Größe",)
    assert named[f"train-000.tar/{'long' * 20}/0007"].captions == ("seven",)
    assert (named["val-000.tar/0001"].captions, named["val-000.tar/0001"].split) == (("other shard",), "val")
    assert [content(named[f"train-000.tar/{key}"]) for key in ("0001", "d/0002", f"{'long' * 20}/0007")] == [
        b"first picture",
        b"second",
        b"seven",
    ]
    assert defects(records) == [
        ("bad_row", "train-000.tar/0003"),
        ("bad_row", "train-000.tar/0005"),
        ("encoding", "train-000.tar/0006"),
    ]


@pytest.mark.parametrize(
    ("name", "mode"), [("x.tar.gz", "w:gz"), ("x.tgz", "w:gz"), ("x.tar", "w:xz"), ("x.tar", "w:bz2")]
)
def test_a_compressed_tar_is_refused(tmp_path: Path, name: str, mode: str) -> None:
    shard(tmp_path / name, {"1.jpg": b"x", "1.txt": b"x"}, mode=mode)
    assert "is compressed" in refusal(tmp_path, "webdataset")


def test_a_tar_that_is_cut_short_keeps_what_is_whole(tmp_path: Path) -> None:
    members = {f"{number}.{kind}": b"x" * 700 for number in range(3) for kind in ("jpg", "txt")}
    path = shard(tmp_path / "x.tar", members)
    path.write_bytes(path.read_bytes()[:4200])
    records = read(path, "webdataset")
    assert [r.image_id for r in records if r.captions] == ["x.tar/0"]
    assert ("bad_shard", "x.tar") in defects(records)


FACES = [
    {"image": {"bytes": b"eins", "path": "1.jpg"}, "caption": ["ein Hund", "zwei"], "n": 1},
    {"image": {"bytes": b"zwei", "path": "2.jpg"}, "caption": ["eine Katze"], "n": 2},
    {"image": {"bytes": b"drei", "path": None}, "caption": ["ein Pferd"], "n": 3},
]


def test_parquet_as_hugging_face_writes_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for split in ("train", "validation"):
        pq.write_table(pa.Table.from_pylist(FACES), tmp_path / f"data/{split}-00000-of-00001.parquet", row_group_size=2)
    records = read(tmp_path, "parquet", group="n")
    assert [(r.image_id, r.captions, r.split, r.group) for r in records[:4]] == [
        ("train/1.jpg", ("ein Hund", "zwei"), "train", "1"),
        ("train/2.jpg", ("eine Katze",), "train", "2"),
        ("data/train-00000-of-00001.parquet:1:0", ("ein Pferd",), "train", "3"),
        ("val/1.jpg", ("ein Hund", "zwei"), "val", "1"),
    ]
    assert [content(record) for record in records] == [b"eins", b"zwei", b"drei"] * 2
    assert records[2].image == Cell(Place.of(tmp_path / "data/train-00000-of-00001.parquet"), 1, 0, "image")


def test_parquet_that_names_its_pictures(tmp_path: Path) -> None:
    rows = {"Pfad": ["x\\a.jpg", "https://host/b.jpg", None], "Text": ["eins", "zwei", "drei"]}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    a, b, c = read(tmp_path / "t.parquet", "parquet", image="Pfad", caption="Text")
    assert (a.image, a.captions) == (Place.of(tmp_path / "x/a.jpg"), ("eins",))
    assert b.image == Url("https://host/b.jpg")
    assert defects([c]) == [("bad_row", "t.parquet:0:2")]


def test_parts_in_folders_as_spark_writes_them(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        (tmp_path / f"split={split}").mkdir()
        pq.write_table(pa.table({"image": [b"x"], "text": ["hello"]}), tmp_path / f"split={split}/part-0.parquet")
    (tmp_path / "_temporary").mkdir()
    pq.write_table(pa.table({"image": [b"x"], "text": ["not yet"]}), tmp_path / "_temporary/part-0.parquet")
    assert [(r.captions, r.split) for r in read(tmp_path, "parquet")] == [(("hello",), "val"), (("hello",), "train")]


def ours(*rows: dict[str, Any]) -> pa.Table:
    filled = [
        {"split": "val", "language": "de", "status": "ok", "source_uri": f"Images/{r['image_id']}", **r} for r in rows
    ]
    return pa.Table.from_pylist(filled)


def test_our_own_dataset_is_a_source(tmp_path: Path) -> None:
    table = ours(
        {"image_id": "a", "image": b"bytes", "captions": ["eins", "zwei"]},
        {"image_id": "b", "image": None, "captions": ["drei"], "status": "missing"},
    )
    pq.write_table(table, tmp_path / "part-00000.parquet")
    a, b = read(tmp_path, "parquet")
    assert (a.image_id, a.captions, a.split, a.language, a.source_uri) == (
        "a",
        ("eins", "zwei"),
        "val",
        "de",
        "Images/a",
    )
    assert content(a) == b"bytes"
    assert (b.image_id, b.image) == ("b", None)


def test_parquet_that_can_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    assert "needs the columns" in refusal(path, "parquet")
    path.write_bytes(path.read_bytes()[:-9])
    assert "cut short" in refusal(path, "parquet")


def test_a_delta_table_is_what_its_log_says(tmp_path: Path) -> None:
    table = tmp_path / "t"
    write_deltalake(table, ours({"image_id": "a", "image": b"old", "captions": ["old"]}))
    write_deltalake(table, ours({"image_id": "b", "image": b"new", "captions": ["neu"]}), mode="overwrite")
    write_deltalake(table, ours({"image_id": "c", "image": b"more", "captions": ["mehr"]}), mode="append")
    assert len(list(table.glob("*.parquet"))) == 3
    records = sorted(read(table, "delta"), key=lambda record: record.image_id)
    assert [(r.image_id, r.captions, content(r)) for r in records] == [
        ("b", ("neu",), b"new"),
        ("c", ("mehr",), b"more"),
    ]


def test_a_partitioned_delta_table(tmp_path: Path) -> None:
    rows = [{"split": split, "file": f"{split}.jpg", "text": "x"} for split in ("train", "val 2/é", "test")]
    write_deltalake(tmp_path / "t", pa.Table.from_pylist(rows), partition_by=["split"])
    records = read(tmp_path / "t", "delta")
    assert {r.image_id: r.split for r in records} == {
        "train.jpg": "train",
        "val 2/é.jpg": "val 2/é",
        "test.jpg": "test",
    }


def log_of(table: Path, *actions: dict[str, Any]) -> None:
    """Write the next version of a Delta table's log by hand, as other writers do."""
    number = len(list((table / "_delta_log").glob("*.json")))
    (table / "_delta_log" / f"{number:020}.json").write_text("\n".join(map(json.dumps, actions)))


def metadata_of(table: Path) -> dict[str, Any]:
    lines = (table / "_delta_log" / f"{0:020}.json").read_text().splitlines()
    found: dict[str, Any] = next(action["metaData"] for action in map(json.loads, lines) if "metaData" in action)
    return found


def test_a_delta_table_that_renames_columns_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "t"
    write_deltalake(table, pa.table({"image": ["a.jpg"], "text": ["x"]}))
    metadata = {**metadata_of(table), "configuration": {"delta.columnMapping.mode": "name"}}
    schema = json.loads(metadata["schemaString"])
    for number, column in enumerate(schema["fields"], start=1):
        column["metadata"] = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": column["name"]}
    metadata["schemaString"] = json.dumps(schema)
    log_of(table, {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}, {"metaData": metadata})
    assert "column mapping" in refusal(table, "delta")


def z85(data: bytes) -> str:
    letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    words = struct.unpack(f">{len(data) // 4}I", data)
    return "".join(letters[word // 85**power % 85] for word in words for power in (4, 3, 2, 1, 0))


def test_rows_that_a_delta_table_hides_are_left_out(tmp_path: Path) -> None:
    table = tmp_path / "t"
    write_deltalake(table, pa.table({"image": ["a.jpg", "b.jpg"], "text": ["x", "y"]}))
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    log_of(table, {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}})
    assert len(read(table, "delta")) == 2
    (file,) = table.glob("*.parquet")
    # Row 0, as a roaring bitmap within the log: magic, one bitmap, its key; cookie, one container, key, count, offset.
    bitmap = struct.pack("<IqIIIHHIH", 1681511377, 1, 0, 12346, 1, 0, 0, 16, 0)
    vector = {
        "storageType": "i",
        "pathOrInlineDv": z85(bitmap + b"\0" * (-len(bitmap) % 4)),
        "sizeInBytes": len(bitmap),
        "cardinality": 1,
    }
    changed = {"path": file.name, "dataChange": True}
    add = {**changed, "partitionValues": {}, "size": file.stat().st_size, "modificationTime": 0}
    add["stats"] = json.dumps({"numRecords": 2})
    log_of(table, {"remove": {**changed, "deletionTimestamp": 1}}, {"add": {**add, "deletionVector": vector}})
    assert [record.image_id for record in read(table, "delta")] == ["b.jpg"]


def test_a_broken_log_is_one_line(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", pa.table({"image": ["a.jpg"], "text": ["x"]}))
    (tmp_path / "t" / "_delta_log" / f"{0:020}.json").write_text("{")
    assert "can't be read from its _delta_log" in refusal(tmp_path / "t", "delta")
