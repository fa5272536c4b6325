"""Where one picture's bytes are: a file, a part of a tar, a cell of a Parquet file, or a URL.

Enters: what a reader found. Leaves: frozen values that can be kept as text and read later, each picture by itself;
a member of a tar is read out of the tar by its range, a cell with its row group, of which the last two are kept.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mezzetin.errors import DatasetError
from mezzetin.storage.address import without_secrets
from mezzetin.storage.paths import Place

_KEPT_GROUPS = 2


@dataclass(frozen=True, slots=True)
class Slice:
    """`length` bytes of a file from `offset` on: an uncompressed member of a tar."""

    place: Place
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture inside a Parquet file: `row` counts from 0 within `row_group`."""

    place: Place
    row_group: int
    row: int
    column: str


@dataclass(frozen=True, slots=True)
class Url:
    """A picture on the web, with all that its URL carries; shown, it is without its signature."""

    url: str

    def __str__(self) -> str:
        return without_secrets(self.url)

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"


ImageSource = Place | Slice | Cell | Url


def to_text(source: ImageSource) -> str:
    """Return a source as JSON that `from_text` reads back; it holds secrets, so it is for private use."""
    match source:
        case Slice(place, offset, length):
            told: list[Any] = ["slice", _place_text(place), offset, length]
        case Cell(place, row_group, row, column):
            told = ["cell", _place_text(place), row_group, row, column]
        case Url(url):
            told = ["url", url]
        case place:
            told = ["place", _place_text(place)]
    return json.dumps(told)


def from_text(text: str) -> ImageSource:
    """Return the source that `to_text` wrote; ValueError where it wrote no such thing."""
    match json.loads(text):
        case ["slice", str(place), int(offset), int(length)]:
            return Slice(_place(place), offset, length)
        case ["cell", str(place), int(row_group), int(row), str(column)]:
            return Cell(_place(place), row_group, row, column)
        case ["url", str(url)]:
            return Url(url)
        case ["place", str(place)]:
            return _place(place)
    raise ValueError(f"not the text of a picture's source: {text[:80]!r}")


def _place_text(place: Place) -> str:
    return place.unredacted()


def _place(text: str) -> Place:
    return Place.of(text)


def read_slice(piece: Slice) -> bytes:
    """Return the bytes of a slice; OSError where the file is gone or ends before it."""
    with piece.place.open() as stream:
        stream.seek(piece.offset)
        content = stream.read(piece.length)
    if len(content) != piece.length:
        raise OSError(f"the file ends {piece.length - len(content)} bytes before the picture does")
    return content


_READING = threading.Lock()


def read_cell(cell: Cell) -> bytes | None:
    """Return the bytes of a cell, or None where it is empty; safe to call from several threads.

    The picture column of the last two row groups is kept in memory until `forget_cells`.

    Raises:
        DatasetError: the file is damaged, or has no such row.
        OSError: it can't be read.

    """
    # Under one lock, or threads that ask for the same group at once would each read it.
    with _READING:
        column = _pictures(cell.place, cell.row_group, cell.column)
    if not 0 <= cell.row < len(column):
        raise DatasetError(f"{cell.place} has no row {cell.row} in row group {cell.row_group}: it was altered")
    value = column[cell.row].as_py()
    if isinstance(value, dict):
        value = value.get("bytes")
    return value if isinstance(value, bytes) else None


def forget_cells() -> None:
    """Let go of the row groups that `read_cell` keeps."""
    with _READING:
        _pictures.cache_clear()


@lru_cache(maxsize=_KEPT_GROUPS)
def _pictures(place: Place, row_group: int, column: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.open() as stream, pq.ParquetFile(stream) as table:
            if not 0 <= row_group < table.num_row_groups:
                raise DatasetError(f"{place} has no row group {row_group}: it was altered")
            return table.read_row_group(row_group, columns=[column], use_threads=False).column(column)
    except pa.ArrowException as error:
        raise DatasetError(f"{place} can't be read as Parquet: it is cut short or altered, fetch it again") from error
