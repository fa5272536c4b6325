"""Hugging Face's imagefolder: pictures beside a `metadata.csv`, `.jsonl` or `.parquet` that names them.

Columns `file_name` (relative to the metadata) and `text`, `caption` or `captions`; at the top, or in each of the
folders `train/`, `validation/`, `test/`, which are the splits then.
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.readers.columns import check_columns
from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.parquet import Part, read_part
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.data.readers.table import read_table
from mezzetin.data.splits import splits_by_name
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

LOOKS_FOR = "metadata.csv, .jsonl or .parquet beside the pictures, or in train/, validation/, test/"
PUBLISHED_SPLIT: str | None = None
_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_FOLDERS = tuple(
    f"{above}{split}" for above in ("", "data/") for split in ("train", "validation", "valid", "val", "dev", "test")
)


def found(source: Place) -> bool:
    """Say whether `source` holds metadata as Hugging Face writes it."""
    return bool(_metadata(source))


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a row of the metadata.

    Raises:
        DatasetError: there is no metadata, or it lacks a needed column.

    """
    check_columns(options)
    tables = _metadata(source)
    if not tables:
        raise DatasetError(f"{source} holds no metadata: name the folder that holds {LOOKS_FOR}")
    splits = splits_by_name(folder for folder, _ in tables)
    with Pictures(source) as pictures:
        for (folder, table), split in zip(tables, splits, strict=True):
            if table.name.endswith(".parquet"):
                path = f"{folder}/{table.name}" if folder else table.name
                yield from read_part(Part(path, table), options, pictures, folder=folder, split=split)
            else:
                yield from read_table(table, options, pictures, folder=folder, split=split)


def _metadata(source: Place) -> list[tuple[str, Place]]:
    if not source.is_folder():
        return []
    folders = [("", source), *((name, source / name) for name in _FOLDERS)]
    tables = ((name, _first(folder)) for name, folder in folders)
    return [(name, table) for name, table in tables if table is not None]


def _first(folder: Place) -> Place | None:
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)
