"""What a reader yields: one statement of a source about one picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place, reading

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True, slots=True)
class Defect:
    """Something wrong in a source: a stable `kind`, the name of what it befell, a sentence for people."""

    kind: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Record:
    """A statement about the picture `image_id`; statements about one picture may come in any order.

    `image` is None where the source names a picture without saying where it is; `source_uri` is the place
    relative to the source. `split` is None where the source gives none. A record with an empty `image_id`
    carries only defects.
    """

    image_id: str
    image: Place | None
    source_uri: str
    captions: tuple[str, ...]
    split: str | None
    language: str
    defects: tuple[Defect, ...] = ()


def only_defect(kind: str, name: str, detail: str) -> Record:
    """Return a record that says nothing but that a line of the source is of no use."""
    return Record("", None, "", (), None, "", (Defect(kind, name, detail),))


def is_text(value: object) -> bool:
    """Say whether a value is text that UTF-8 can hold (JSON can spell half a surrogate pair)."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def is_name(value: object) -> bool:
    """Say whether a value can name something: text, not blank, without a NUL."""
    return is_text(value) and bool(str(value).strip()) and "\0" not in str(value)


def read_lines(place: Place) -> Iterator[str]:
    """Yield the lines of a UTF-8 file, with or without a byte order mark, line ends kept.

    Raises:
        DatasetError: the file is missing or not UTF-8.

    """
    with reading(place), place.open() as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        try:
            yield from text
        except UnicodeDecodeError as error:
            raise DatasetError(f"{place} is not UTF-8 text: convert it to UTF-8 first") from error


def read_csv(place: Place) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) of a comma-separated file with a header; quoted as RFC 4180 says.

    Raises:
        DatasetError: the file is missing, not UTF-8, or its quoting never ends.

    """
    rows = csv.reader(read_lines(place), strict=True)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise DatasetError(
                f"{place} can't be read as CSV near line {rows.line_num} ({error}): "
                'put captions that hold a quote in quotes and double the inner ones ("")'
            ) from error
        if row is None:
            return
        yield rows.line_num, row
