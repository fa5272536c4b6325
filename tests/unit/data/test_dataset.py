from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits
from mezzetin.errors import DatasetError, FormatError

Source = Callable[..., Path]


@pytest.fixture
def made(flickr: Source, tmp_path: Path) -> Path:
    source = flickr(20, train=range(12), dev=range(12, 20))
    (source / "Images" / "p002.jpg").unlink()
    ingest(source, tmp_path / "d", licence="CC0", limits=Limits(group_rows=4, part_rows=8))
    return tmp_path / "d"


def test_rows_come_in_order_by_split_and_status(made: Path) -> None:
    dataset = Dataset.open(str(made))
    everything = [row.image_id for row in dataset.rows(every=True)]
    assert everything == [f"p{number:03}.jpg" for number in range(20)]
    usable = [row.image_id for row in dataset.rows()]
    assert usable == [name for name in everything if name != "p002.jpg"]
    assert [row.image_id for row in dataset.rows({"val"})] == everything[12:]
    assert (dataset.count(), dataset.count("train"), dataset.count("val"), dataset.count("test")) == (
        19,
        11,
        8,
        0,
    )
    assert dataset.manifest.parts.keys() == {"part-00000.parquet", "part-00001.parquet", "part-00002.parquet"}
    assert (dataset.manifest.licence, dataset.manifest.layout, dataset.digest) == (
        "CC0",
        "flickr8k",
        json.loads((made / "dataset.json").read_bytes())["digest"],
    )


def test_without_images_no_image_bytes_are_read(made: Path) -> None:
    dataset = Dataset.open(made)
    with_images = list(dataset.rows())
    assert all(row.image for row in with_images)
    for path in made.glob("part-*.parquet"):
        spoil_images(path)
    without = list(dataset.rows(images=False))
    assert [row.captions for row in without] == [row.captions for row in with_images]
    assert all(row.image is None and row.width == 48 for row in without)
    with pytest.raises(DatasetError, match="altered"):
        list(dataset.rows())


def spoil_images(path: Path) -> None:
    """Overwrite the bytes of the image column, footers and other columns kept."""
    meta = pq.ParquetFile(path).metadata
    content = bytearray(path.read_bytes())
    for group in range(meta.num_row_groups):
        column = meta.row_group(group).column(2)
        start, size = column.data_page_offset, column.total_compressed_size
        content[start : start + size] = b"\xff" * size
    path.write_bytes(content)


def test_the_parts_are_plain_parquet(made: Path) -> None:
    table = pyarrow.dataset.dataset(sorted(map(str, made.glob("part-*.parquet")))).to_table()
    assert table.column_names == (
        [
            "image_id",
            "split",
            "image",
            "format",
            "width",
            "height",
            "sha256",
            "source_uri",
            "captions",
            "language",
            "status",
            "error",
        ]
    )
    assert table.num_rows == 20
    assert table.column("image").null_count == 1
    meta = pq.ParquetFile(made / "part-00000.parquet").metadata
    assert [meta.row_group(group).num_rows for group in range(meta.num_row_groups)] == [4, 4]
    columns = {meta.row_group(0).column(i).path_in_schema: meta.row_group(0).column(i) for i in range(12)}
    assert columns["image"].compression == "UNCOMPRESSED"
    assert "RLE_DICTIONARY" not in columns["image"].encodings
    assert {column.compression for name, column in columns.items() if name != "image"} == {"ZSTD"}


def test_row_groups_close_by_bytes_too(flickr: Source, tmp_path: Path) -> None:
    ingest(flickr(6), tmp_path / "d", limits=Limits(group_bytes=1))
    meta = pq.ParquetFile(tmp_path / "d" / "part-00000.parquet").metadata
    assert meta.num_row_groups == 6


def refusal(folder: Path, *, verify: bool = False) -> str:
    with pytest.raises(DatasetError) as caught:
        list(Dataset.open(folder, verify=verify).rows())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_dataset_is_refused(made: Path, tmp_path: Path) -> None:
    assert "no finished dataset" in refusal(tmp_path / "none")
    assert refusal(made / "dataset.json")
    part = made / "part-00001.parquet"
    content = part.read_bytes()
    part.write_bytes(content[:-100])
    assert "altered" in refusal(made)
    flipped = bytearray(content)
    flipped[200] ^= 255
    part.write_bytes(flipped)
    assert "altered" in refusal(made, verify=True)
    part.unlink()
    assert "missing" in refusal(made)


def test_a_foreign_or_cut_table_behind_a_good_manifest_is_refused(made: Path) -> None:
    dataset = Dataset.open(made)
    part = made / "part-00000.parquet"
    pq.write_table(pa.table({"a": [1]}), part)
    with pytest.raises(DatasetError, match="not a table that ingest wrote"):
        list(dataset.rows())
    part.write_bytes(b"PAR1 nothing")
    with pytest.raises(DatasetError, match="truncated"):
        list(dataset.rows())


def test_a_newer_or_broken_manifest_is_refused(made: Path) -> None:
    path = made / "dataset.json"
    body = json.loads(path.read_bytes())
    path.write_text(json.dumps({**body, "version": 2}))
    with pytest.raises(FormatError, match="version 2"):
        Dataset.open(made)
    path.write_text(json.dumps({key: value for key, value in body.items() if key != "rows"}))
    assert "altered" in refusal(made)
