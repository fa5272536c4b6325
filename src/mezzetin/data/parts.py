"""Parts: a dataset's rows as Parquet files, finished one after the other, so that a killed run goes on.

A row group closes at 64 images or 64 MiB, a part at 2,048 images or 128 MiB of them; where they close depends
on the rows alone, so a run that was killed and taken up again writes the same bytes. A part is written under
another name and put in its place; only then does the journal name it. Format: Apache Parquet 2.6, the image column
plain and uncompressed (pictures are compressed already), all others zstd.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mezzetin.data.journal import Journal, Part
from mezzetin.data.target import Hashing, Target
from mezzetin.storage.paths import writing

SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("image", pa.binary()),
        pa.field("format", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("sha256", pa.string()),
        pa.field("source_uri", pa.string(), nullable=False),
        pa.field("captions", pa.list_(pa.string()), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error", pa.string()),
    ]
)
_DIGITS = 16
_REPETITIVE = ["split", "format", "language", "status"]
_COMPRESSION = {
    ("captions.list.element" if name == "captions" else name): "NONE" if name == "image" else "ZSTD"
    for name in SCHEMA.names
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Where row groups and parts close: at so many images or so many bytes of them."""

    group_rows: int = 64
    group_bytes: int = 64 << 20
    part_rows: int = 2048
    part_bytes: int = 128 << 20


class _Table:
    """A part while it is written: rows in, a synced file out."""

    def __init__(self, path: Path) -> None:
        # A stream of our own, so that it can be hashed on the way and synced before it is put in place.
        self._stream = Hashing(path)
        self._parquet = pq.ParquetWriter(
            self._stream,
            SCHEMA,
            version="2.6",
            compression=_COMPRESSION,
            use_dictionary=_REPETITIVE,
            write_statistics=[name for name in SCHEMA.names if name not in ("image", "captions")],
        )

    def write(self, group: Any) -> None:
        self._parquet.write_table(group)

    def finish(self, name: str, rows: int, reduced: int, likenesses: str) -> Part:
        self._parquet.close()
        self._stream.finish()
        return Part(name, self._stream.size, rows, reduced, self._stream.sha256, likenesses)

    def abandon(self) -> None:
        # Closing writes what is buffered, which fails again where the disk is full.
        with suppress(OSError):
            self._parquet.close()
        with suppress(OSError):
            self._stream.close()


class PartsWriter:
    """Takes rows in order and writes parts; `close` finishes the last one."""

    def __init__(self, target: Target, journal: Journal, limits: Limits) -> None:
        self._target, self._journal, self._limits = target, journal, limits
        self._rows: list[dict[str, Any]] = []
        self._likenesses: list[str] = []
        self._group_bytes = self._part_bytes = self._part_rows = self._reduced = 0
        self._table: _Table | None = None

    @property
    def _name(self) -> str:
        return f"part-{len(self._journal.parts):05d}.parquet"

    def add(self, row: dict[str, Any], *, reduced: bool, likeness: int) -> None:
        """Add one row (a value for every column of `SCHEMA`) and the perceptual hash of its image."""
        self._rows.append(row)
        self._likenesses.append(f"{likeness:0{_DIGITS}x}")
        self._reduced += reduced
        self._group_bytes += len(row["image"] or b"")
        limits = self._limits
        if len(self._rows) >= limits.group_rows or self._group_bytes >= limits.group_bytes:
            self._close_group()
        if self._part_rows >= limits.part_rows or self._part_bytes >= limits.part_bytes:
            self._close_part()

    def close(self) -> None:
        """Write what is left; a dataset without a single row still gets one part."""
        if self._rows or not (self._part_rows or self._journal.parts):
            self._close_group()
        if self._table is not None:
            self._close_part()

    def abandon(self) -> None:
        """Let go of an unfinished part and its file; nothing to do after `close`."""
        if self._table is None:
            return
        self._table.abandon()
        with suppress(OSError):
            self._target.beside(self._name).unlink()
        self._table = None

    def _close_group(self) -> None:
        beside = self._target.beside(self._name)
        with writing(self._target.place / self._name):
            if self._table is None:
                self._table = _Table(beside)
            self._table.write(pa.Table.from_pylist(self._rows, schema=SCHEMA))
        self._part_rows += len(self._rows)
        self._part_bytes += self._group_bytes
        self._rows, self._group_bytes = [], 0

    def _close_part(self) -> None:
        assert self._table is not None  # noqa: S101 - a part is closed only after its first group
        with writing(self._target.place / self._name):
            part = self._table.finish(self._name, self._part_rows, self._reduced, "".join(self._likenesses))
        self._target.keep(part.name)
        self._journal.add(part)
        self._table = None
        self._likenesses = []
        self._part_bytes = self._part_rows = self._reduced = 0


def with_splits(target: Target, part: Part, splits: Iterator[str]) -> Part:
    """Write `part` again beside its place, its rows in the next of `splits`; return what it is then.

    Raises:
        EnvironmentProblem: the disk is full, read-only or refuses.

    """
    beside = target.beside(part.name)
    with target.here(part.name) as path, writing(beside), pq.ParquetFile(path) as old:
        table = _Table(beside)
        try:
            for number in range(old.num_row_groups):
                group = old.read_row_group(number, use_threads=False)
                names = pa.array([next(splits) for _ in range(len(group))], pa.string())
                at = SCHEMA.get_field_index("split")
                table.write(group.set_column(at, SCHEMA.field("split"), names).cast(SCHEMA))
            return table.finish(part.name, part.rows, part.reduced, part.likenesses)
        finally:
            table.abandon()


@contextmanager
def rows_of(target: Target, part: Part) -> Iterator[Iterator[tuple[dict[str, Any], int]]]:
    """The rows of a finished part without their images, each with its perceptual hash."""
    columns = [name for name in SCHEMA.names if name != "image"]
    with target.here(part.name) as path, pq.ParquetFile(path) as table:
        yield _rows(table, columns, part.likenesses)


def _rows(table: Any, columns: list[str], likenesses: str) -> Iterator[tuple[dict[str, Any], int]]:
    at = 0
    for group in range(table.num_row_groups):
        for row in table.read_row_group(group, columns=columns, use_threads=False).to_pylist():
            yield row, int(likenesses[at : at + _DIGITS], 16)
            at += _DIGITS
