"""Parts: a dataset's rows as Parquet files, finished one after the other, so that a killed run goes on.

A row group closes at 64 images or 64 MiB, a part at 2,048 images or 128 MiB of them; where they close depends
on the rows alone, so a run that was killed and taken up again writes the same bytes. A part is written under
another name and renamed; only then does the journal `ingest.jsonl` name it. Format: Apache Parquet 2.6, the
image column plain and uncompressed (pictures are compressed already), all others zstd.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from mezzetin.storage.manifest import write_atomically
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
JOURNAL = "ingest.jsonl"
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


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part: its file, size in bytes, rows, and how many of its images are reduced ones."""

    name: str
    size: int
    rows: int
    reduced: int


class Journal:
    """What an unfinished dataset is made from, and which of its parts are finished."""

    def __init__(self, folder: Path, made_from: Mapping[str, Any]) -> None:
        """Take up the journal in `folder`, or begin one; `parts` are those still in place."""
        self._path = folder / JOURNAL
        self.parts: list[Part] = []
        told = read_journal(folder)
        if told is None or told[0] != made_from:
            self._write(made_from)
            return
        for part in told[1]:
            path = folder / part.name
            if not path.is_file() or path.stat().st_size != part.size:
                break
            self.parts.append(part)
        self._write(made_from, *(asdict(part) for part in self.parts))

    def add(self, part: Part) -> None:
        """Note that a part is finished; on disk when this returns."""
        with writing(self._path), self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(part)) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.parts.append(part)

    def remove(self) -> None:
        """Delete the journal: the dataset is finished."""
        with writing(self._path):
            self._path.unlink(missing_ok=True)

    def _write(self, *lines: Mapping[str, Any]) -> None:
        with writing(self._path):
            write_atomically(self._path, "".join(json.dumps(line) + "\n" for line in lines).encode())


def read_journal(folder: Path) -> tuple[dict[str, Any], list[Part]] | None:
    """Return what a folder's unfinished dataset is made from and its finished parts, or None without one."""
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8").split("\n")
        made_from = dict(json.loads(lines[0]))
    except (OSError, ValueError, TypeError):
        return None
    parts = []
    for line in lines[1:]:
        try:
            parts.append(Part(**json.loads(line)))
        except (ValueError, TypeError):
            # A kill in the middle of a line: the part it named is written again.
            break
    return made_from, parts


class PartsWriter:
    """Takes rows in order and writes parts; `close` finishes the last one."""

    def __init__(self, folder: Path, journal: Journal, limits: Limits) -> None:
        self._folder, self._journal, self._limits = folder, journal, limits
        self._rows: list[dict[str, Any]] = []
        self._group_bytes = self._part_bytes = self._part_rows = self._reduced = 0
        self._stream: IO[bytes] | None = None
        self._parquet: Any = None

    @property
    def _name(self) -> str:
        return f"part-{len(self._journal.parts):05d}.parquet"

    @property
    def _beside(self) -> Path:
        return self._folder / f".{self._name}.part"

    def add(self, row: dict[str, Any], *, reduced: bool) -> None:
        """Add one row (a value for every column of `SCHEMA`)."""
        self._rows.append(row)
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
        if self._parquet is not None:
            self._close_part()

    def abandon(self) -> None:
        """Let go of an unfinished part and its file; nothing to do after `close`."""
        if self._stream is None:
            return
        # Closing writes what is buffered, which fails again where the disk is full.
        with suppress(OSError):
            if self._parquet is not None:
                self._parquet.close()
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._beside.unlink()
        self._stream = self._parquet = None

    def _close_group(self) -> None:
        with writing(self._folder / self._name):
            if self._parquet is None:
                self._open()
            self._parquet.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
        self._part_rows += len(self._rows)
        self._part_bytes += self._group_bytes
        self._rows, self._group_bytes = [], 0

    def _open(self) -> None:
        # A stream of our own, so that it can be synced before the rename.
        self._stream = self._beside.open("wb")
        self._parquet = pq.ParquetWriter(
            self._stream,
            SCHEMA,
            version="2.6",
            compression=_COMPRESSION,
            use_dictionary=_REPETITIVE,
            write_statistics=[name for name in SCHEMA.names if name not in ("image", "captions")],
        )

    def _close_part(self) -> None:
        assert self._stream is not None  # noqa: S101 - a part is closed only after its first group
        path = self._folder / self._name
        with writing(path):
            self._parquet.close()
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._beside.replace(path)
            size = path.stat().st_size
        self._journal.add(Part(path.name, size, self._part_rows, self._reduced))
        self._stream = self._parquet = None
        self._part_bytes = self._part_rows = self._reduced = 0
