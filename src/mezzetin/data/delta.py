"""Write a dataset as a Delta table, which Spark and Databricks open: the first time as version 0, then as further ones.

Enters: a finished dataset and the place of a table. Leaves: a new version of the table, or the one that has the dataset
already. The dataset's parts become the table's files byte for byte; then one commit makes them the next version. Until
then nobody sees them, and a run that was killed finds those in place that it had written.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from mezzetin.data.dataset import FORMAT, MANIFEST, VERSION, Dataset
from mezzetin.data.deltalog import LOG, DeltaLog, NewFile, create_table
from mezzetin.data.deltatable import OURS, DeltaDataset, check_columns, light_rows
from mezzetin.data.parts import SCHEMA
from mezzetin.errors import DatasetError
from mezzetin.storage.files import file_sha256
from mezzetin.storage.paths import Place, writing

Mode = Literal["append", "overwrite"]
Progress = Callable[[int, int | None], None]
_DESCRIPTION = (
    "Captioned pictures, written by Mezzetin: a row a picture, encoded in image, with its reference captions. "
    "DESCRIBE HISTORY says of each version which dataset it is from."
)
_COUNTED = ("image_id", "split", "width", "height", "language", "status")
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class DeltaReport:
    """What `write_delta` made: the table's version, how many rows it added in how many files.

    `state` is "made", or "found" where the table had this dataset: then nothing was written, `version` is the newest
    and `rows` and `files` are 0.
    """

    table: str
    version: int
    rows: int
    files: int
    digest: str
    state: Literal["made", "found"] = "made"

    def lines(self) -> list[str]:
        """Return the report for a terminal."""
        if self.state == "found":
            return [f"{self.table}: has this dataset already, version {self.version}: nothing to do"]
        return [f"{self.table}: version {self.version}, {self.rows:,} rows in {self.files:,} files"]

    def to_json(self) -> dict[str, Any]:
        """Return the report as a plain dict, ready for `json.dumps`."""
        return {name: getattr(self, name) for name in ("table", "version", "rows", "files", "digest", "state")}


def write_delta(
    dataset: Dataset, target: str | Path | Place, *, mode: Mode = "append", progress: Progress | None = None
) -> DeltaReport:
    """Write all rows of `dataset` to the Delta table at `target` as one new version; make the table if there is none.

    With "append" the table's rows stay, with "overwrite" the new version has the dataset's rows alone. A dataset that
    the table has already is not written again. `progress` gets (rows in place, all rows).

    Raises:
        DatasetError: `target` is another table or folder; with "append", it has pictures of the dataset's names; or
            somebody else wrote it at the same time.
        MissingExtra: `mezzetin[delta]` is not installed.
        EnvironmentProblem: the store refuses or does not answer.

    """
    place = Place.of(target)
    if isinstance(dataset, DeltaDataset):
        raise DatasetError(f"{dataset.folder} is a Delta table already: write a dataset that ingest made")
    log = DeltaLog.open(place)
    if log is None:
        _check_free(place)
    else:
        check_columns(log)
        if _is_there(log, dataset, mode):
            return DeltaReport(str(place), log.version, 0, 0, dataset.digest, "found")
    files = list(_put_all(dataset, place, 0 if log is None else log.version + 1, progress))
    version = _commit(log, place, [file for file, _ in files], dataset, mode)
    return DeltaReport(str(place), version, sum(rows for _, rows in files), len(files), dataset.digest)


def _application(dataset: Dataset) -> str:
    return f"mezzetin:{dataset.digest}"


def _check_free(place: Place) -> None:
    if not place.is_folder():
        return
    if (place / MANIFEST).exists():
        raise DatasetError(f"{place} holds a dataset: choose a folder of its own for the table")
    for child in place.children():
        # What a run that was killed has left is taken up again.
        ours = OURS.fullmatch(child.name) or child.name == LOG or child.name.startswith(".")
        if not ours:
            raise DatasetError(f"{place} is not empty and holds no Delta table: choose a new or empty folder")


def _is_there(log: DeltaLog, dataset: Dataset, mode: Mode) -> bool:
    """Say whether the table has the dataset already; what it has of it otherwise, it can't get a second time."""
    known = log.written(_application(dataset)) is not None
    if mode == "overwrite" and not known:
        return False
    names = {row.image_id for row in dataset.rows(images=False, every=True)}
    rows, common, first = 0, 0, ""
    for row in light_rows(log, ["image_id"]):
        rows += 1
        if row["image_id"] in names:
            common, first = common + 1, first or row["image_id"]
    if mode == "overwrite":
        return rows == common == len(names)
    if common and not known:
        raise DatasetError(
            f"{log} has {common:,} pictures of the same names already ({first}, …): write a version with this "
            "dataset's rows alone with --overwrite, or choose another table"
        )
    return common > 0


def _put_all(dataset: Dataset, place: Place, version: int, progress: Progress | None) -> Iterator[tuple[NewFile, int]]:
    total = sum(sum(by_status.values()) for by_status in dataset.manifest.rows.values())
    done = 0
    for name, sha256 in dataset.manifest.parts.items():
        part = Place.of(dataset.folder) / name
        # The version is in the name, because a file that was removed from a table must not come back to it.
        target = place / f"v{version:05d}-{name.removesuffix('.parquet')}-{sha256}.parquet"
        with part.content(-1) as source:
            file, rows = _put(part, Path(str(source)), sha256, target)
        yield file, rows
        done += rows
        if progress is not None:
            progress(done, total)


def _put(part: Place, source: Path, sha256: str, target: Place) -> tuple[NewFile, int]:
    if file_sha256(source) != sha256:
        raise DatasetError(f"{part} was altered since its manifest was written: make or fetch the dataset again")
    try:
        metadata = pq.read_metadata(source)
    except pa.ArrowException as error:
        raise DatasetError(f"{part} is not a table that ingest wrote: make or fetch the dataset again") from error
    size = source.stat().st_size
    there = target.entry()
    if there is None or there.size != size:
        with writing(target):
            target.put(source)
    file = NewFile(target.name, size, time.time_ns() // 1_000_000, json.dumps(_statistics(metadata)))
    return file, int(metadata.num_rows)


def _statistics(metadata: Any) -> dict[str, Any]:
    """A file's statistics as the log has them: readers leave out files by them that hold nothing they look for."""
    told: dict[str, Any] = {"numRecords": metadata.num_rows, "minValues": {}, "maxValues": {}, "nullCount": {}}
    names = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
    for name in _COUNTED:
        index = names.index(name)
        groups = [metadata.row_group(group).column(index).statistics for group in range(metadata.num_row_groups)]
        if not groups or not all(group is not None and group.has_null_count for group in groups):
            continue
        told["nullCount"][name] = sum(group.null_count for group in groups)
        bounds = [value for group in groups if group.has_min_max for value in (group.min, group.max)]
        complete = len(bounds) == 2 * len(groups)
        if complete and all(len(str(value)) <= _LONGEST for value in bounds):
            told["minValues"][name], told["maxValues"][name] = min(bounds), max(bounds)
    return told


def _commit(log: DeltaLog | None, place: Place, files: list[NewFile], dataset: Dataset, mode: Mode) -> int:
    made = dataset.manifest
    facts = {
        "mezzetin.digest": made.digest,
        "mezzetin.format": f"{FORMAT} {VERSION}",
        "mezzetin.fingerprint": made.fingerprint,
        "mezzetin.layout": made.layout,
        "mezzetin.language": made.language,
        "mezzetin.licence": made.licence,
        "mezzetin.splits": made.splits,
    }
    application = _application(dataset)
    if log is None:
        return create_table(
            place, files, SCHEMA, name=place.name, description=_DESCRIPTION, facts=facts, mark=(application, 1)
        )
    number = (log.written(application) or 0) + 1
    return log.commit(files, SCHEMA, overwrite=mode == "overwrite", facts=facts, mark=(application, number))
