"""Parquet: one file, or a folder of parts, with the pictures in it or named by it.

A picture is a binary column, a struct of `bytes` and `path` as Hugging Face writes it, or a path or URL. Our own
datasets are read as well. A row's split is its column's, or that which the files are named for (`train-00000…`,
`split=val/`). Pictures are not read here: a record says in which cell they are. Format: Apache Parquet 2.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from mezzetin.data.readers.columns import captions_of, check_columns, check_roles, labelled, record_of, roles_of
from mezzetin.data.readers.folders import files_below, holds
from mezzetin.data.readers.lines import check_head
from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.record import ReadOptions, Record, is_name, only_defect
from mezzetin.data.readers.source import Cell
from mezzetin.data.splits import splits_by_name
from mezzetin.errors import DatasetError, InputError
from mezzetin.storage.paths import Place, reading

LOOKS_FOR = ".parquet files with columns image and caption"
PUBLISHED_SPLIT: str | None = None
_IDS = ("image_id", "img_id", "filename", "file_name")
_OURS = ("source_uri", "status")
_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a table: its path relative to the table, and the columns that all of its rows share.

    `keep` says of each row whether it still belongs to the table; None keeps all.
    """

    path: str
    place: Place
    shared: Mapping[str, Any] = field(default_factory=dict)
    keep: Sequence[bool] | None = None


def found(source: Place) -> bool:
    """Say whether `source` is a Parquet file, or a folder that holds some."""
    return holds(source, (".parquet",))


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a row.

    Raises:
        DatasetError: there is no Parquet file, or one lacks a needed column or is cut short.

    """
    files = sorted(files_below(source, (".parquet",)))
    if not files:
        raise DatasetError(f"{source} holds no Parquet: name a file, or the folder that holds {LOOKS_FOR}")
    parts = [Part(path, place, _shared(path)) for path, place in files]
    yield from read_parts(source.parent if source.is_file() else source, parts, options)


def _shared(path: str) -> dict[str, str]:
    """The columns in a path, as Hive writes them: `split=val/`."""
    return {
        unquote(name): unquote(value)
        for name, equals, value in (p.partition("=") for p in path.split("/")[:-1])
        if equals
    }


def read_parts(root: Place, parts: Sequence[Part], options: ReadOptions) -> Iterator[Record]:
    """Yield a record a row of `parts`; paths in them are relative to `root`.

    Raises:
        DatasetError: one of them is no Parquet, cut short, or lacks a needed column.

    """
    check_columns(options)
    splits = splits_by_name(part.path for part in parts)
    with Pictures(root) as pictures:
        for part, split in zip(parts, splits, strict=True):
            yield from read_part(part, options, pictures, split=split)


def read_part(
    part: Part, options: ReadOptions, pictures: Pictures, *, folder: str = "", split: str | None = None
) -> Iterator[Record]:
    """Yield a record a row of one file; `folder` and `split` are those of rows that name none.

    Raises:
        DatasetError: it is no Parquet, cut short, or lacks a needed column.

    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with reading(part.place), part.place.open() as stream:
            check_head(part.place, stream.read(64))
            stream.seek(0)
            with pq.ParquetFile(stream) as table:
                yield from _Rows(part, table, options, pictures, folder, split)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{part.place} can't be read as Parquet: it is cut short or altered, fetch it again"
        ) from error


class _Rows:
    """The rows of an open file as records; what they have in common is found out once."""

    def __init__(
        self, part: Part, table: Any, options: ReadOptions, pictures: Pictures, folder: str, split: str | None
    ) -> None:
        self._part, self._table, self._options = part, table, options
        self._pictures, self._folder, self._split = pictures, folder, split
        schema = table.schema_arrow
        header = [*schema.names, *(name for name in part.shared if name not in schema.names)]
        self._roles = roles_of(header, options.columns)
        check_roles(part.place, header, self._roles, options.columns)
        self._image = self._roles.get("image", "")
        self._stored = _is_stored(schema, self._image)
        if self._stored and "id" not in self._roles:
            own = next((name for name in _IDS if name in schema.names), None)
            self._roles.update({"id": own} if own else {})
        self._columns = sorted(self._wanted(schema))

    def _wanted(self, schema: Any) -> set[str]:
        """The columns to read now: all that are used but the pictures' bytes."""
        if not self._stored:
            return set(self._roles.values()) & set(schema.names)
        wanted = ({*self._roles.values(), *_OURS} & set(schema.names)) - {self._image}
        if _has(schema.field(self._image).type, "path"):
            wanted.add(f"{self._image}.path")
        return wanted

    def __iter__(self) -> Iterator[Record]:
        kept = itertools.repeat(True) if self._part.keep is None else iter(self._part.keep)
        for group in range(self._table.num_row_groups):
            # A few rows in memory at a time, whatever a group's size.
            batches = self._table.iter_batches(_ROWS, row_groups=[group], columns=self._columns, use_threads=False)
            rows = (row for batch in batches for row in batch.to_pylist())
            for number, row in enumerate(rows):
                if not next(kept, True):
                    continue
                where = f"{self._part.path}:{group}:{number}"
                try:
                    record = self._record({**self._part.shared, **row}, group, number, where)
                except InputError as error:
                    yield only_defect("bad_row", where, str(error))
                else:
                    yield record or only_defect("bad_row", where, "the row does not name an image and a caption")

    def _record(self, row: Mapping[str, Any], group: int, number: int, where: str) -> Record | None:
        if not self._stored:
            return record_of(row, self._roles, self._options, self._pictures, self._folder, self._split)
        captions = captions_of(row, self._roles)
        if captions is None:
            return None
        image = Cell(self._part.place, group, number, self._image) if row.get("status", "ok") == "ok" else None
        uri = self._uri(row, where)
        return labelled(row, self._roles, self._options, image=image, uri=uri, captions=captions, split=self._split)

    def _uri(self, row: Mapping[str, Any], where: str) -> str:
        held = row.get(self._image)
        path = held.get("path") if isinstance(held, dict) else None
        if is_name(row.get("source_uri")):
            return str(row["source_uri"])
        if not is_name(path):
            return where
        # Hugging Face may number each split's pictures from 0.
        return f"{self._split}/{path}" if self._split else str(path)


def _is_stored(schema: Any, column: str) -> bool:
    """Whether a column holds pictures' bytes."""
    import pyarrow.types as kinds

    if column not in schema.names:
        return False
    kind = schema.field(column).type
    return _has(kind, "bytes") or kinds.is_binary(kind) or kinds.is_large_binary(kind)


def _has(kind: Any, name: str) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_struct(kind)) and kind.get_field_index(name) >= 0
