"""A Delta table in Spark: the files of one version, by its log, whatever else lies in the folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark")
pytest.importorskip("deltalake")

import deltalake
import pyarrow as pa

from mezzetin.data.dataset import Dataset
from mezzetin.data.delta import write_delta
from mezzetin.errors import DatasetError, InputError
from mezzetin.spark.delta import read_delta
from mezzetin.spark.session import opened
from tests.unit.data.small_dataset import actions, every, small_dataset
from tests.unit.data.test_delta_tables import inline_vector


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with opened("local[2]") as session:
        yield session


@pytest.fixture(scope="module")
def written_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset, Dataset]:
    """A table in a folder with an awkward name: 203 rows, then 203 others in their place."""
    folder = tmp_path_factory.mktemp("delta")
    first = small_dataset(folder / "first.dataset", 203, prefix="old-")
    second = small_dataset(folder / "second.dataset", 203, prefix="new-")
    table = folder / "table [1] é"
    assert write_delta(first, table).version == 0
    assert write_delta(second, table, mode="overwrite").version == 1
    return table, first, second


def names(dataset: Dataset) -> list[str]:
    return sorted(row.image_id for row in every(dataset))


def test_after_an_overwrite_only_the_new_rows_are_there(
    session: Any, written_twice: tuple[Path, Dataset, Dataset]
) -> None:
    table, first, second = written_twice
    by_hand = [f"file://{path}".replace("[", "\\[").replace("]", "\\]") for path in sorted(table.glob("*.parquet"))]
    # What whoever globs the folder gets.
    assert session.read.parquet(*by_hand).count() == 406
    frame, told = read_delta(session, table)
    assert (told.version, frame.count()) == (1, 203)
    assert sorted(row.image_id for row in frame.select("image_id").collect()) == names(second)
    before, told = read_delta(session, table, version=0)
    assert (told.version, told.files) == (0, 41)
    assert sorted(row.image_id for row in before.select("image_id").collect()) == names(first)


def test_rows_come_as_they_are_with_their_pictures(session: Any, written_twice: tuple[Path, Dataset, Dataset]) -> None:
    table, _, second = written_twice
    frame, _ = read_delta(session, table)
    found = {row.image_id: row for row in frame.where("split = 'val'").collect()}
    expected = {row.image_id: row for row in every(second) if row.split == "val"}
    assert found.keys() == expected.keys()
    for name, row in expected.items():
        image = found[name].image
        assert (None if image is None else bytes(image)) == row.image
        assert tuple(found[name].captions) == row.captions
        assert found[name].status == row.status


def test_a_frame_stays_at_its_version(session: Any, tmp_path: Path) -> None:
    table = tmp_path / "table"
    write_delta(small_dataset(tmp_path / "one.dataset", 7, prefix="a"), table)
    frame, told = read_delta(session, table)
    write_delta(small_dataset(tmp_path / "two.dataset", 5, prefix="b"), table)
    assert frame.count() == 7
    assert read_delta(session, table)[0].count() == 12
    assert read_delta(session, table, version=told.version)[0].count() == 7


def test_a_partitioned_table_has_the_columns_of_its_folders(session: Any, tmp_path: Path) -> None:
    rows = pa.table({"name": ["a", "b", "c"], "room": [1, 2, 2], "wing": ["east side", "a/b", None]})
    deltalake.write_deltalake(str(tmp_path / "table"), rows, partition_by=["room", "wing"])
    frame, _ = read_delta(session, tmp_path / "table")
    found = sorted((row.name, row.room, row.wing) for row in frame.collect())
    assert found == [("a", 1, "east side"), ("b", 2, "a/b"), ("c", 2, None)]


def test_an_empty_version_has_its_columns(session: Any, tmp_path: Path) -> None:
    deltalake.write_deltalake(str(tmp_path / "table"), pa.table({"name": ["a"], "room": [1]}))
    deltalake.DeltaTable(str(tmp_path / "table")).delete()
    frame, told = read_delta(session, tmp_path / "table")
    assert (told.version, frame.columns, frame.count()) == (1, ["name", "room"], 0)


def test_what_can_t_be_read_is_said_in_a_line(session: Any, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no Delta table"):
        read_delta(session, tmp_path)
    table = tmp_path / "table"
    write_delta(small_dataset(tmp_path / "one.dataset", 7), table)
    with pytest.raises(DatasetError, match="name a version that it keeps"):
        read_delta(session, table, version=4)
    next(table.glob("*.parquet")).unlink()
    with pytest.raises(DatasetError, match="perhaps they are gone by VACUUM"):
        read_delta(session, table)


def test_a_link_with_a_signature_is_not_handed_to_spark(session: Any) -> None:
    from mezzetin.spark.delta import _root
    from mezzetin.storage.paths import Place

    assert (
        _root(session, Place.of("abfss://prints@museum.dfs.core.windows.net/tables/one"))
        == "abfss://prints@museum.dfs.core.windows.net/tables/one"
    )
    with pytest.raises(InputError, match="with its own access") as refused:
        _root(session, Place.of("https://museum.blob.core.windows.net/prints/one?sv=2025-11-05&sig=c2VjcmV0"))
    assert "c2VjcmV0" not in str(refused.value)


def rewritten(table: Path, *lines: dict[str, Any]) -> None:
    """Add a version to a table's log by hand, as a writer with more features than ours would."""
    (table / "_delta_log" / f"{1:020}.json").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")


def test_a_log_that_is_a_checkpoint_is_read(session: Any, tmp_path: Path) -> None:
    table = tmp_path / "table"
    for number in range(4):
        deltalake.write_deltalake(str(table), pa.table({"name": [f"n{number}"]}), mode="append")
    deltalake.DeltaTable(str(table), version=2).create_checkpoint()
    for number in range(3):
        (table / "_delta_log" / f"{number:020}.json").unlink()
    frame, told = read_delta(session, table)
    assert (told.version, told.files) == (3, 4)
    assert sorted(row.name for row in frame.collect()) == ["n0", "n1", "n2", "n3"]


def test_rows_behind_a_deletion_vector_are_refused(session: Any, tmp_path: Path) -> None:
    table = tmp_path / "table"
    write_delta(small_dataset(tmp_path / "one.dataset", 5), table)
    (add,) = actions(table, 0)["add"]
    plain = {name: add[name] for name in ("path", "partitionValues", "size", "stats")}
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7} | {
        side: ["deletionVectors"] for side in ("readerFeatures", "writerFeatures")
    }
    rewritten(
        table,
        {"protocol": protocol},
        {"remove": {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}},
        {"add": plain | {"modificationTime": 1, "dataChange": True, "deletionVector": inline_vector(1, 3)}},
    )
    with pytest.raises(DatasetError, match="has deletion vectors, which only Delta's own jars read: REORG") as refused:
        read_delta(session, table)
    assert "\n" not in str(refused.value)
    # The version before it has none.
    assert read_delta(session, table, version=0)[0].count() == 5


def test_columns_of_other_names_and_nested_ones_are_refused(session: Any, tmp_path: Path) -> None:
    mapped, nested = tmp_path / "mapped", tmp_path / "nested"
    write_delta(small_dataset(tmp_path / "one.dataset", 5), mapped)
    metadata = actions(mapped, 0)["metaData"][0]
    schema = json.loads(metadata["schemaString"])
    for number, field in enumerate(schema["fields"], 1):
        field["metadata"] = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
    metadata |= {"schemaString": json.dumps(schema), "configuration": {"delta.columnMapping.mode": "name"}}
    rewritten(mapped, {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}, {"metaData": metadata})
    with pytest.raises(DatasetError, match="column mapping by name"):
        read_delta(session, mapped)
    deltalake.write_deltalake(str(nested), pa.table({"said": [{"text": "a dog"}]}))
    with pytest.raises(DatasetError, match="column said is nested: only plain columns and lists of them are read"):
        read_delta(session, nested)
