"""Reading on executors: listed pictures, and the row groups of datasets and of Delta tables.

Enters: what the driver has listed. Leaves: DataFrames that read when they are used. Parquet files are read by
`mezzetin.storage`, a Delta table's by the list in its log, so that neither a connector nor a glob is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mezzetin.data.dataset import MANIFEST, Dataset
from mezzetin.errors import DatasetError
from mezzetin.records import ItemError
from mezzetin.spark.hiding import Secrets, found, told
from mezzetin.storage.paths import Place
from mezzetin.storage.pictures import Found

ROWS_A_PARTITION = 128
_TOGETHER = 8
_IN_MEMORY = 1 << 30
_ERROR = "error struct<code: string, message: string>"
LISTED = f"uri string, image binary, {_ERROR}"
OF_A_DATASET = (
    f"image_id string, split string, uri string, captions array<string>, language string, image binary, {_ERROR}"
)
_LIGHT = ("image_id", "split", "source_uri", "captions", "language", "status", "error")
_NAMES = ("image_id", "split", "uri", "captions", "language", "image", "error")


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group: its file, its number, which of its rows are there, and the values that its path stands for."""

    where: list[Any]
    number: int
    keep: list[bool] | None
    shared: dict[str, Any]


def is_dataset(place: Place) -> bool:
    """Whether a dataset or a Delta table lies there."""
    return place.is_folder() and ((place / MANIFEST).exists() or (place / "_delta_log").is_folder())


def listed_pictures(session: Any, pictures: Iterable[Found], partitions: int | None) -> Any:
    """A DataFrame of the pictures of a listing, in its order."""
    secrets = Secrets()
    rows = [
        (name, None, [picture.code, picture.message])
        if isinstance(picture, ItemError)
        else (name, _json(told(picture, secrets)), None)
        for name, picture in pictures
    ]
    schema = "uri string, where string, error array<string>"
    count = partitions or max(1, -(-len(rows) // ROWS_A_PARTITION))
    listed = session.createDataFrame(rows, schema).repartitionByRange(count, "uri")
    return listed.mapInArrow(_reading(secrets.all()), LISTED)


def dataset_pictures(session: Any, folder: Place, split: str | None) -> Any:
    """A DataFrame of the rows of a dataset, or of the version of a Delta table that it has now.

    Raises:
        DatasetError: no picture is in that split.

    """
    dataset, secrets = Dataset.open(folder), Secrets()
    if split is not None and not dataset.count(split):
        known = ", ".join(dataset.manifest.rows)
        raise DatasetError(f"{folder} has no pictures in split {split!r}: it has {known or 'none'}")
    groups = list(_groups(dataset, secrets, split))
    count = max(1, len(groups))
    frame = session.range(0, count, 1, count)
    return frame.mapInArrow(_reading_groups(groups, secrets.all(), split), OF_A_DATASET)


def _json(telling: list[Any]) -> str:
    import json

    return json.dumps(telling)


def _reading(secrets: tuple[str, ...]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    def run(batches: Iterator[Any]) -> Iterator[Any]:
        import json

        import pyarrow as pa

        error = pa.struct([("code", pa.string()), ("message", pa.string())])
        for batch in batches:
            for begin in range(0, batch.num_rows, _TOGETHER):
                rows = batch.slice(begin, _TOGETHER).to_pylist()
                read = [
                    ItemError(*row["error"]) if row["error"] else content(found(json.loads(row["where"]), secrets))
                    for row in rows
                ]
                yield pa.RecordBatch.from_arrays(
                    [
                        pa.array([row["uri"] for row in rows], pa.string()),
                        pa.array([None if isinstance(one, ItemError) else one for one in read], pa.binary()),
                        pa.array([_told(one) for one in read], error),
                    ],
                    names=["uri", "image", "error"],
                )

    return run


def content(source: Any) -> bytes | ItemError:
    """The bytes of a picture, or why there are none.

    Raises:
        EnvironmentProblem: its store refuses or does not answer.

    """
    from mezzetin.data.content import content_of
    from mezzetin.errors import FetchError, InputError

    try:
        with content_of(source, _IN_MEMORY) as data:
            return data if isinstance(data, bytes) else data.read_bytes()
    except FetchError as error:
        return ItemError(error.code, str(error))
    except (FileNotFoundError, NotADirectoryError):
        return ItemError("missing", "it is not there: check its name")
    except InputError as error:
        return ItemError("missing", str(error))
    except OSError as error:
        return ItemError("unreadable", f"it can't be read ({error.strerror or type(error).__name__})")


def _told(one: bytes | ItemError) -> dict[str, str] | None:
    return {"code": one.code, "message": one.message} if isinstance(one, ItemError) else None


def _groups(dataset: Dataset, secrets: Secrets, split: str | None) -> Iterator[_Group]:
    """The row groups that may hold rows of a split."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mezzetin.data.deltatable import DeltaDataset

    if isinstance(dataset, DeltaDataset):
        files = [(file.path, file.keep, dict(file.shared)) for file in dataset.log.files()]
    else:
        files = [(name, None, {}) for name in dataset.manifest.parts]
    for name, keep, shared in files:
        place = dataset.folder / name
        try:
            with place.open() as stream, pq.ParquetFile(stream) as table:
                metadata = table.metadata
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(f"{place} is missing, truncated or altered: make or fetch it again") from error
        begin = 0
        for number in range(metadata.num_row_groups):
            rows = metadata.row_group(number).num_rows
            # The log may say of the first rows alone whether they were deleted.
            kept = None if keep is None else [*keep[begin : begin + rows], *[True] * (begin + rows - len(keep))]
            begin += rows
            if split is None or _may_hold(metadata.row_group(number), split):
                yield _Group(told(place, secrets), number, kept, shared)


def _may_hold(group: Any, split: str) -> bool:
    """Whether a row group may have rows of a split, by its statistics."""
    for index in range(group.num_columns):
        column = group.column(index)
        if column.path_in_schema == "split" and column.statistics is not None and column.statistics.has_min_max:
            return bool(column.statistics.min <= split <= column.statistics.max)
    return True


def _reading_groups(
    groups: list[_Group], secrets: tuple[str, ...], split: str | None
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    def run(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                if number < len(groups):
                    yield from _rows_of(groups[number], secrets, split)

    return run


def _rows_of(group: _Group, secrets: tuple[str, ...], split: str | None) -> Iterator[Any]:
    """The rows of a row group, a few at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = found(group.where, secrets)
    assert isinstance(place, Place)  # noqa: S101 - `_groups` tells of places
    kinds = [pa.string(), pa.string(), pa.string(), pa.list_(pa.string()), pa.string(), pa.binary()]
    kinds.append(pa.struct([("code", pa.string()), ("message", pa.string())]))
    with place.open() as stream, pq.ParquetFile(stream) as table:
        names = [name for name in (*_LIGHT, "image") if name in table.schema_arrow.names]
        begin = 0
        for read in table.iter_batches(_TOGETHER, row_groups=[group.number], columns=names, use_threads=False):
            rows = [
                {**dict.fromkeys((*_LIGHT, "image")), **group.shared, **row}
                for number, row in enumerate(read.to_pylist(), start=begin)
                if group.keep is None or group.keep[number]
            ]
            begin += read.num_rows
            told = [_as_told(row) for row in rows if split is None or row["split"] == split]
            columns = [pa.array([row[at] for row in told], kind) for at, kind in enumerate(kinds)]
            yield pa.RecordBatch.from_arrays(columns, names=list(_NAMES))


def _as_told(row: dict[str, Any]) -> tuple[Any, ...]:
    defect = None if row["status"] == "ok" else {"code": row["status"], "message": row["error"] or row["status"]}
    return (*(row["source_uri" if name == "uri" else name] for name in _NAMES[:-1]), defect)
