from __future__ import annotations

import json
import sys
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
from mezzetin.data.deltalog import DeltaLog
from mezzetin.data.deltatable import open_delta, read_delta
from mezzetin.errors import DatasetError, MissingExtra
from mezzetin.storage.paths import Place
from tests.unit.data.small_dataset import actions, every, small_dataset

Made = Callable[..., Dataset]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A dataset, in a folder named after it."""

    def make(name: str = "one", count: int = 12, **told: Any) -> Dataset:
        return small_dataset(tmp_path / f"{name}.dataset", count, **told)

    return make


def test_a_dataset_comes_back_as_it_was(made: Made, tmp_path: Path) -> None:
    dataset, table = made(licence="CC-BY-4.0"), tmp_path / "table ü"
    report = write_delta(dataset, table)
    assert (report.version, report.rows, report.files, report.state) == (0, 12, 3, "made")
    version, rows = read_delta(table)
    assert version == 0
    assert list(rows) == every(dataset)
    opened = open_delta(table)
    assert opened.manifest.rows == dataset.manifest.rows
    assert opened.manifest.captions == dataset.manifest.captions
    assert (opened.manifest.language, opened.manifest.licence) == ("en", "CC-BY-4.0")
    assert [opened.count(), opened.count("val"), opened.count("test")] == [11, 3, 0]
    assert list(opened.rows({"val"})) == list(dataset.rows({"val"}))
    assert all(row.image is None for row in opened.rows(images=False))
    assert opened.report().dataset == str(table)


def test_another_reader_finds_the_same_rows(made: Made, tmp_path: Path) -> None:
    dataset = made()
    write_delta(dataset, tmp_path / "table")
    table = deltalake.DeltaTable(str(tmp_path / "table")).to_pyarrow_table()
    assert {row["image_id"]: row["image"] for row in table.to_pylist()} == {
        row.image_id: row.image for row in dataset.rows(every=True)
    }
    assert table.schema.field("image").type == pa.binary()


def test_the_log_needs_no_newer_reader_than_any_has(made: Made, tmp_path: Path) -> None:
    dataset = made(licence="CC0-1.0")
    write_delta(dataset, tmp_path / "table")
    log = actions(tmp_path / "table", 0)
    assert log["protocol"] == [{"minReaderVersion": 1, "minWriterVersion": 2}]
    assert log["metaData"][0]["partitionColumns"] == []
    facts = json.loads(log["commitInfo"][0]["userMetadata"])
    assert facts["mezzetin.digest"] == dataset.digest
    assert (facts["mezzetin.licence"], facts["mezzetin.layout"]) == ("CC0-1.0", "table")
    for add in log["add"]:
        assert (tmp_path / "table" / add["path"]).stat().st_size == add["size"]
        told = json.loads(add["stats"])
        rows = pq.read_table(tmp_path / "table" / add["path"]).to_pylist()
        assert told["numRecords"] == len(rows)
        assert told["minValues"]["image_id"] == min(row["image_id"] for row in rows)
        assert told["maxValues"]["split"] == max(row["split"] for row in rows)
        assert told["nullCount"]["width"] == sum(row["width"] is None for row in rows)
        assert add["dataChange"] is True


def test_the_same_dataset_again_is_no_new_version(made: Made, tmp_path: Path) -> None:
    dataset = made()
    write_delta(dataset, tmp_path / "table")
    for mode in ("append", "overwrite"):
        again = write_delta(dataset, tmp_path / "table", mode=mode)
        assert (again.state, again.version, again.rows) == ("found", 0, 0)
    assert len(list((tmp_path / "table" / "_delta_log").glob("*.json"))) == 1


def test_it_is_found_after_its_files_were_rewritten(made: Made, tmp_path: Path) -> None:
    dataset = made()
    write_delta(dataset, tmp_path / "table")
    deltalake.DeltaTable(str(tmp_path / "table")).optimize.compact()
    assert DeltaLog.open(Place.of(tmp_path / "table"), 1) is not None
    assert write_delta(dataset, tmp_path / "table").state == "found"
    version, rows = read_delta(tmp_path / "table")
    assert version == 1
    assert sorted(rows, key=lambda row: row.image_id) == every(dataset)


def test_another_dataset_is_appended(made: Made, tmp_path: Path) -> None:
    one, two, table = made("one"), made("two", 7, prefix="x"), tmp_path / "table"
    write_delta(one, table)
    report = write_delta(two, table)
    assert (report.version, report.rows, report.files) == (1, 7, 2)
    assert list(read_delta(table)[1]) == every(one) + every(two)
    assert list(read_delta(table, 0)[1]) == every(one)
    assert open_delta(table, 0).digest != open_delta(table).digest
    assert open_delta(table, 0).digest == open_delta(table, 0).digest
    assert write_delta(one, table).state == "found"


def test_what_was_opened_stays_while_others_write(made: Made, tmp_path: Path) -> None:
    one, table = made("one"), tmp_path / "table"
    write_delta(one, table)
    opened = open_delta(table)
    write_delta(made("two", 7, prefix="x"), table, mode="overwrite")
    assert every(opened) == every(one)
    assert opened.manifest.provenance["delta"]["version"] == 0


def test_the_same_names_are_refused(made: Made, tmp_path: Path) -> None:
    write_delta(made("one"), tmp_path / "table")
    with pytest.raises(DatasetError, match=r"version 0\) has 7 pictures of the same names already \(p000.*--overwrite"):
        write_delta(made("two", 7), tmp_path / "table")
    assert read_delta(tmp_path / "table")[0] == 0


def test_files_of_versions_written_over_are_not_read(made: Made, tmp_path: Path) -> None:
    old, new, table = made("old", 203), made("new", 203, prefix="x"), tmp_path / "table"
    write_delta(old, table)
    write_delta(new, table, mode="overwrite")
    globbed = sum(pq.read_metadata(path).num_rows for path in table.glob("*.parquet"))
    assert globbed == 406
    assert list(read_delta(table)[1]) == every(new)
    assert open_delta(table).count() == new.count() == 174


def test_a_dataset_that_was_written_over_can_come_back(made: Made, tmp_path: Path) -> None:
    one, two, table = made("one"), made("two", 7, prefix="x"), tmp_path / "table"
    write_delta(one, table)
    write_delta(two, table, mode="overwrite")
    assert write_delta(one, table).version == 2
    assert list(read_delta(table)[1]) == every(two) + every(one)
    assert write_delta(one, table, mode="overwrite").version == 3
    assert list(read_delta(table)[1]) == every(one)
    assert all(actions(table, 3)["add"][0]["path"] != gone["path"] for gone in actions(table, 3)["remove"])


class Killed(Exception):
    pass


def kill(done: int, total: int | None) -> None:
    raise Killed


def test_a_run_that_was_killed_leaves_no_version_and_is_finished_by_the_next(made: Made, tmp_path: Path) -> None:
    one, two, table = made("one"), made("two", 7, prefix="x"), tmp_path / "table"
    with pytest.raises(Killed):
        write_delta(one, table, progress=kill)
    with pytest.raises(DatasetError, match="is no Delta table"):
        open_delta(table)
    first = next(table.glob("*.parquet"))
    written = first.stat().st_ino
    assert write_delta(one, table).version == 0
    assert first.stat().st_ino == written
    with pytest.raises(Killed):
        write_delta(two, table, progress=kill)
    assert list(read_delta(table)[1]) == every(one)
    assert write_delta(two, table).version == 1
    assert list(read_delta(table)[1]) == every(one) + every(two)
    assert len(list(table.glob("*.parquet"))) == 5


def test_progress_counts_rows(made: Made, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    write_delta(made(), tmp_path / "table", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(5, 12), (10, 12), (12, 12)]


def test_two_who_write_the_same_at_once_make_one_version(made: Made, tmp_path: Path) -> None:
    one, two, table = made("one"), made("two", 7, prefix="x"), tmp_path / "table"
    write_delta(one, table)

    def meanwhile(done: int, total: int | None) -> None:
        if done == total:
            write_delta(two, table)

    with pytest.raises(DatasetError, match="at the same time: run the same command again"):
        write_delta(two, table, progress=meanwhile)
    assert list(read_delta(table)[1]) == every(one) + every(two)
    assert write_delta(two, table).state == "found"


def test_folders_with_something_else_are_refused(made: Made, tmp_path: Path) -> None:
    dataset = made()
    with pytest.raises(DatasetError, match="holds a dataset: choose a folder of its own"):
        write_delta(dataset, Place.of(tmp_path / "one.dataset"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DatasetError, match="is not empty and holds no Delta table"):
        write_delta(dataset, tmp_path / "full")
    write_delta(dataset, tmp_path / "table")
    with pytest.raises(DatasetError, match="is a Delta table already"):
        write_delta(open_delta(tmp_path / "table"), tmp_path / "copy")


def test_a_table_of_something_else_is_refused(made: Made, tmp_path: Path) -> None:
    table = tmp_path / "table"
    deltalake.write_deltalake(str(table), pa.table({"image_id": [1], "price": [2.0]}))
    for use in (lambda: write_delta(made(), table), lambda: open_delta(table)):
        with pytest.raises(
            DatasetError, match="no table of a dataset: column image_id is long, where string is needed"
        ):
            use()


def test_an_altered_part_is_not_written(made: Made, tmp_path: Path) -> None:
    dataset = made()
    part = tmp_path / "one.dataset" / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(DatasetError, match=r"part-00001\.parquet was altered"):
        write_delta(dataset, tmp_path / "table")
    assert not (tmp_path / "table" / "_delta_log").exists()


def test_the_extra_is_named_where_it_is_missing(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    for use in (lambda: write_delta(made(), tmp_path / "table"), lambda: open_delta(tmp_path / "table")):
        with pytest.raises(MissingExtra, match=r"Delta tables needs an extra .*'mezzetin\[delta\]'"):
            use()
