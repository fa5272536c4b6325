"""A Delta table as a dataset: one version of it, pinned when it is opened, read as a stream.

Enters: the place of a table with the columns of `records.Example`, written by `write_delta` or by anybody else. Leaves:
its rows, file by file as its log lists them and row group by row group, and a `Dataset` of them.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from mezzetin.data.dataset import Dataset, DatasetManifest
from mezzetin.data.deltalog import DataFile, DeltaLog, column_types
from mezzetin.data.parts import SCHEMA
from mezzetin.errors import DatasetError
from mezzetin.records import Example
from mezzetin.storage.cache import FileCache
from mezzetin.storage.paths import Place

LAYOUT = "delta"
#: A data file of ours: the version that it came with, which part of its dataset it is, and its content's sha256.
OURS = re.compile(r"v\d{5,}-part-\d{5}-(?P<sha256>[0-9a-f]{64})\.parquet")
_LIGHT = tuple(name for name in SCHEMA.names if name != "image")
_NEEDED = ("image_id", "split", "source_uri", "captions", "language", "status")
_PICTURES = 64


@dataclass(frozen=True, slots=True)
class DeltaDataset(Dataset):
    """One version of a Delta table, with the face of a dataset; `open_delta` makes one.

    Its digest is of the table's id and the version's number.
    """

    log: DeltaLog

    def rows(
        self, splits: Collection[str] | None = None, *, images: bool = True, every: bool = False
    ) -> Iterator[Example]:
        """See `Dataset.rows`."""
        return _examples(self.log, splits, images=images, every=every)


def open_delta(path: str | Path | Place, version: int | None = None) -> DeltaDataset:
    """Open a version of the Delta table at `path` (None: the newest), reading its columns once but for the pictures.

    Raises:
        DatasetError: there is no table, not that version, or not the columns of a dataset.
        MissingExtra: `mezzetin[delta]` is not installed.
        EnvironmentProblem: the store refuses or does not answer.

    """
    log = _open(Place.of(path), version)
    return DeltaDataset(log.place, _manifest(log), log)


def read_delta(path: str | Path | Place, version: int | None = None) -> tuple[int, Iterator[Example]]:
    """Return a version's number (`version` None: the newest's) and all of its rows, in an order of its own.

    Raises:
        DatasetError: as `open_delta`; while rows are read also where a file is missing or altered.
        EnvironmentProblem: the store refuses or does not answer.

    """
    log = _open(Place.of(path), version)
    return log.version, _examples(log, None, images=True, every=True)


def light_rows(log: DeltaLog, columns: Sequence[str] = _LIGHT) -> Iterator[dict[str, Any]]:
    """Yield every row of a version with some of its columns, `image` never among them."""
    for file in log.files():
        with _opened(log, file, images=False) as part:
            for _, rows in _groups(part, file, columns):
                yield from rows.values()


def _open(place: Place, version: int | None) -> DeltaLog:
    log = DeltaLog.open(place, version)
    if log is None:
        raise DatasetError(f"{place} is no Delta table: it has no folder _delta_log")
    check_columns(log)
    return log


def check_columns(log: DeltaLog) -> None:
    """Refuse a table that lacks a column of a dataset, or has it with another type; further columns are no matter.

    Raises:
        DatasetError: it is such a table.

    """
    there = log.columns
    for name, kind in column_types(SCHEMA).items():
        if there.get(name) != kind:
            found = f"column {name} is {there[name]}" if name in there else f"it has no column {name}"
            raise DatasetError(f"{log} is no table of a dataset: {found}, where {kind} is needed; ingest it first")


def _manifest(log: DeltaLog) -> DatasetManifest:
    counts: dict[str, Counter[str]] = {}
    languages: Counter[str] = Counter()
    captions = 0
    for row in light_rows(log, ("split", "status", "language", "captions")):
        counts.setdefault(row["split"], Counter())[row["status"]] += 1
        languages[row["language"]] += 1
        captions += len(row["captions"] or ()) if row["status"] == "ok" else 0
    digest = hashlib.sha256(f"{log.id}@{log.version}".encode()).hexdigest()
    return DatasetManifest(
        digest=digest,
        layout=LAYOUT,
        fingerprint=digest,
        language=languages.most_common(1)[0][0] if languages else "und",
        licence=_licence(log),
        rows={split: dict(by_status) for split, by_status in sorted(counts.items())},
        captions=captions,
        reduced=0,
        splits={"made": "as the table gives them"},
        defect_counts={},
        defects=(),
        warnings=(),
        provenance={LAYOUT: {"table": log.id, "version": log.version, "place": str(log.place)}},
        parts={file.path: _sha256(file) for file in log.files()},
    )


def _licence(log: DeltaLog) -> str | None:
    """The licences of the datasets that were written to the table since it was last written over."""
    found: set[str] = set()
    for facts, overwrite in log.told():
        if facts.get("mezzetin.licence"):
            found.add(str(facts["mezzetin.licence"]))
        if overwrite:
            break
    return " AND ".join(sorted(found)) or None


def _sha256(file: DataFile) -> str:
    ours = OURS.fullmatch(file.path)
    return ours["sha256"] if ours else ""


def _examples(log: DeltaLog, splits: Collection[str] | None, *, images: bool, every: bool) -> Iterator[Example]:
    for file in log.files():
        with _opened(log, file, images=images) as part:
            for group, rows in _groups(part, file, _LIGHT):
                wanted = {
                    index: row
                    for index, row in rows.items()
                    if (splits is None or row["split"] in splits) and (every or row["status"] == "ok")
                }
                pictures = _pictures(part, group, wanted) if images and wanted else iter(())
                for row in wanted.values():
                    yield _example(log, row, next(pictures, None))


def _groups(part: Any, file: DataFile, columns: Sequence[str]) -> Iterator[tuple[int, dict[int, dict[str, Any]]]]:
    """Yield the number of each row group and its rows that were not deleted, by their place in it."""
    names = [name for name in columns if name in part.schema_arrow.names]
    start = 0
    for group in range(part.num_row_groups):
        # Columns that the file lacks are in its path, or came to the table later.
        blank = {name: file.shared.get(name) for name in columns}
        rows = {
            index: blank | row
            for index, row in enumerate(part.read_row_group(group, columns=names, use_threads=False).to_pylist())
            if file.keep is None or start + index >= len(file.keep) or file.keep[start + index]
        }
        yield group, rows
        start += part.metadata.row_group(group).num_rows


def _pictures(part: Any, group: int, wanted: Collection[int]) -> Iterator[bytes | None]:
    """Yield some rows' pictures, a few in memory at a time: others make row groups of a gigabyte."""
    start = 0
    for batch in part.iter_batches(_PICTURES, row_groups=[group], columns=["image"], use_threads=False):
        column = batch.column(0)
        for index in range(len(column)):
            if start + index in wanted:
                yield column[index].as_py()
        start += len(column)


def _example(log: DeltaLog, row: dict[str, Any], image: bytes | None) -> Example:
    lacking = next((name for name in _NEEDED if row[name] is None), None)
    if lacking is not None:
        raise DatasetError(f"{log} has a row without {lacking} ({row['image_id']}): fill it in, or delete the row")
    values = {"captions": tuple(row["captions"]), "width": row["width"] or 0, "height": row["height"] or 0}
    return Example(image=image, **{**row, **values})


@contextmanager
def _opened(log: DeltaLog, file: DataFile, *, images: bool) -> Iterator[Any]:
    place = log.place / file.path
    try:
        with _stream(place, file, images=images) as stream:
            # Without the pictures small ranges are read far apart, for which a buffer would fetch all between them.
            source = stream if images else getattr(stream, "raw", stream)
            with pq.ParquetFile(source, pre_buffer=not images) as part:
                yield part
    except FileNotFoundError as error:
        raise DatasetError(
            f"{place} of version {log.version} is gone, perhaps by VACUUM: open a newer version"
        ) from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{place} of version {log.version} is truncated or altered: write the table again"
        ) from error


def _stream(place: Place, file: DataFile, *, images: bool) -> IO[bytes]:
    digest = _sha256(file)
    if images and digest and not place.is_local:
        return FileCache.shared().open(place, digest)
    return place.open()
