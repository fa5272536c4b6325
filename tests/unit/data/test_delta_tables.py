from __future__ import annotations

import base64
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("deltalake")

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq

from mezzetin.data.dataset import Dataset
from mezzetin.data.delta import write_delta
from mezzetin.data.deltatable import open_delta, read_delta
from mezzetin.errors import DatasetError
from tests.unit.data.small_dataset import actions, every, small_dataset

Made = Callable[..., Dataset]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A dataset, in a folder named after it."""

    def make(name: str = "one", count: int = 12, **told: Any) -> Dataset:
        return small_dataset(tmp_path / f"{name}.dataset", count, **told)

    return make


def rows_of(dataset: Dataset) -> pa.Table:
    return pa.concat_tables(pq.read_table(dataset.folder.local_path() / name) for name in dataset.manifest.parts)


def test_tables_of_others_are_read(made: Made, tmp_path: Path) -> None:
    """Partitioned, with columns in another order, one more, and nothing said of nulls, as Spark has them."""
    dataset = made()
    rows = rows_of(dataset)
    loose = rows.cast(pa.schema([pa.field(field.name, field.type) for field in rows.schema]))
    loose = loose.append_column("year", pa.array([1717] * len(loose)))
    deltalake.write_deltalake(str(tmp_path / "table"), loose.select(loose.column_names[::-1]), partition_by=["split"])
    opened = open_delta(tmp_path / "table")
    assert sorted(opened.rows(every=True), key=lambda row: row.image_id) == every(dataset)
    assert opened.manifest.licence is None
    assert opened.count("val") == 3


def test_large_row_groups_are_read_in_pieces(made: Made, tmp_path: Path) -> None:
    dataset = made("many", 150)
    deltalake.write_deltalake(str(tmp_path / "table"), rows_of(dataset))
    path = next((tmp_path / "table").glob("*.parquet"))
    assert pq.read_metadata(path).num_row_groups == 1
    rows = open_delta(tmp_path / "table").rows({"val"})
    assert sorted(rows, key=lambda row: row.image_id) == list(dataset.rows({"val"}))


def test_rows_that_were_deleted_are_gone(made: Made, tmp_path: Path) -> None:
    dataset, table = made(), tmp_path / "table"
    write_delta(dataset, table)
    deltalake.DeltaTable(str(table)).delete("image_id = 'p003.jpg'")
    rows = sorted(read_delta(table)[1], key=lambda row: row.image_id)
    assert rows == [row for row in every(dataset) if row.image_id != "p003.jpg"]
    assert write_delta(dataset, table).state == "found"


def inline_vector(*deleted: int) -> dict[str, Any]:
    """A deletion vector within the log: the protocol's bitmap array (magic 1681511377) in Z85."""
    values = b"".join(struct.pack("<H", row) for row in deleted)
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(deleted) - 1, 16) + values
    stored = struct.pack("<IqI", 1681511377, 1, 0) + bitmap
    padded = stored + b"\0" * (-len(stored) % 4)
    order = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    z85, b85 = order + ".-:+=^!/*?&<>()[]{}@%$#", order[:10] + order[36:] + order[10:36] + "!#$%&()*+-;<=>?@^_`{|}~"
    text = base64.b85encode(padded).decode().translate(str.maketrans(b85, z85))
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(stored), "cardinality": len(deleted)}


def test_rows_behind_a_deletion_vector_are_gone(made: Made, tmp_path: Path) -> None:
    dataset, table = made(), tmp_path / "table"
    write_delta(dataset, table)
    features = ["deletionVectors"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}
    first = min(actions(table, 0)["add"], key=lambda add: str(add["path"]))
    plain = {name: first[name] for name in ("path", "partitionValues", "size", "stats")}
    lines = [
        {"protocol": protocol},
        {"remove": {"path": first["path"], "deletionTimestamp": 1, "dataChange": True}},
        {"add": plain | {"modificationTime": 1, "dataChange": True, "deletionVector": inline_vector(1, 3)}},
    ]
    (table / "_delta_log" / f"{1:020}.json").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    rows = every(dataset)
    assert list(read_delta(table)[1]) == [rows[0], rows[2], *rows[4:]]
    assert list(open_delta(table).rows({"train"}))[1] == rows[2]
    assert open_delta(table).count() == dataset.count() - 2


def test_renamed_columns_are_refused(made: Made, tmp_path: Path) -> None:
    table = tmp_path / "table"
    write_delta(made(), table)
    metadata = actions(table, 0)["metaData"][0]
    schema = json.loads(metadata["schemaString"])
    for number, field in enumerate(schema["fields"], 1):
        field["metadata"] = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
    metadata |= {"schemaString": json.dumps(schema), "configuration": {"delta.columnMapping.mode": "name"}}
    lines = [{"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}, {"metaData": metadata}]
    (table / "_delta_log" / f"{1:020}.json").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with pytest.raises(DatasetError, match="column mapping by name"):
        open_delta(table)


@pytest.mark.parametrize("path", ["../secret.parquet", "/etc/secret.parquet", "s3://other/secret.parquet"])
def test_files_outside_the_folder_are_refused(made: Made, tmp_path: Path, path: str) -> None:
    table = tmp_path / "table"
    write_delta(made(), table)
    log = table / "_delta_log" / f"{0:020}.json"
    name = actions(table, 0)["add"][0]["path"]
    log.write_text(log.read_text(encoding="utf-8").replace(name, path), encoding="utf-8")
    with pytest.raises(DatasetError, match="names files outside its folder"):
        open_delta(table)


def test_what_is_not_there_is_said_with_its_version(made: Made, tmp_path: Path) -> None:
    table = tmp_path / "table"
    with pytest.raises(DatasetError, match="is no Delta table: it has no folder _delta_log"):
        open_delta(table)
    write_delta(made(), table)
    with pytest.raises(DatasetError, match="version 5 can't be read from its _delta_log: name a version that it keeps"):
        open_delta(table, 5)
    opened = open_delta(table)
    next(iter(sorted(table.glob("*.parquet")))).unlink()
    with pytest.raises(DatasetError, match="of version 0 is gone, perhaps by VACUUM"):
        list(opened.rows())
    cut = sorted(table.glob("*.parquet"))[0]
    os.truncate(cut, cut.stat().st_size // 2)
    shutil.copy(cut, table / opened.log.files()[0].path)
    with pytest.raises(DatasetError, match="of version 0 is truncated or altered"):
        list(opened.rows())


def test_a_broken_log_is_one_line(made: Made, tmp_path: Path) -> None:
    table = tmp_path / "table"
    write_delta(made(), table)
    (table / "_delta_log" / f"{0:020}.json").write_text("{", encoding="utf-8")
    with pytest.raises(DatasetError, match="the newest version can't be read from its _delta_log") as caught:
        open_delta(table)
    assert "\n" not in str(caught.value)
