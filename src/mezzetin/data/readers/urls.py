"""Captions and URLs: TSV without a header, as Conceptual Captions ships it, or a table with a column of URLs.

Sharma and others, "Conceptual Captions", ACL (2018). Which of the two columns is the URL is seen in the first row. The
pictures are fetched later, each by itself; what a record says of a URL is without its signature.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mezzetin.data.readers.columns import check_columns, is_url, record_of, roles_of
from mezzetin.data.readers.lines import Lines, csv_rows, head_of
from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.record import ReadOptions, Record, only_defect, only_defects
from mezzetin.data.readers.table import DELIMITED, delimiter_of, fields_of, read_table
from mezzetin.data.splits import splits_by_name
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place, reading

LOOKS_FOR = ".tsv files of caption and URL"
PUBLISHED_SPLIT: str | None = None
_LOOK = 1 << 14


def found(source: Place) -> bool:
    """Say whether `source` is a table of captions and URLs, or a folder that holds some."""
    return next(_tables(source), None) is not None


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a row.

    Raises:
        DatasetError: there is no such table.

    """
    check_columns(options)
    tables = sorted(_tables(source))
    if not tables:
        raise DatasetError(f"{source} holds no table of captions and URLs: name the file, one of {LOOKS_FOR}")
    splits = splits_by_name(table.name for table in tables)
    for table, split in zip(tables, splits, strict=True):
        headless = _headless(table)
        if headless is not None:
            yield from _pairs(table, *headless, split, options)
            continue
        with Pictures(table.parent) as pictures:
            yield from read_table(table, options, pictures, split=split)


def _tables(source: Place) -> Iterator[Place]:
    kinds: tuple[str, ...]
    if source.is_file():
        places, kinds = iter([source]), DELIMITED
    else:
        # A folder's text files may be a million captions.
        places, kinds = (source.children() if source.is_folder() else iter([])), DELIMITED[:4]
    with reading(source):
        for place in places:
            if place.name.lower().endswith(kinds) and (_headless(place) or _has_urls_alone(place)):
                yield place


def _first_line(table: Place) -> str:
    head = head_of(table, _LOOK)
    text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace")
    return next((line for line in re.split(r"[\r\n]", text) if line.strip()), "")


def _headless(table: Place) -> tuple[str, int] | None:
    """The delimiter and the URL's column of a table whose first row is a caption and a URL; None for any other."""
    line = _first_line(table)
    for delimiter in "\t,;|":
        row = line.split("\t") if delimiter == "\t" else fields_of(line, delimiter)
        if len(row) == 2 and is_url(row[0]) != is_url(row[1]):
            return delimiter, int(is_url(row[1]))
    return None


def _has_urls_alone(table: Place) -> bool:
    line = _first_line(table)
    roles = roles_of(fields_of(line, delimiter_of(line, {})), {})
    return "url" in roles and "caption" in roles and "image" not in roles


def _pairs(table: Place, delimiter: str, at: int, split: str | None, options: ReadOptions) -> Iterator[Record]:
    lines = Lines(table)
    with Pictures(table.parent) as pictures:
        for number, row in _rows(lines, delimiter):
            record = None
            if row is not None and len(row) == 2 and is_url(row[at]):
                told = {"caption": row[1 - at], "url": row[at]}
                record = record_of(told, {key: key for key in told}, options, pictures, split=split)
            detail = "the line is not a caption and a URL"
            yield record or only_defect("bad_row", f"{table.name}:{number}", detail)
    yield from only_defects(lines.defects)


def _rows(lines: Lines, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Rows; those of TSV are not quoted, as it was never agreed how."""
    if delimiter != "\t":
        yield from csv_rows(lines, delimiter, 2)
        return
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line.rstrip("\r\n").split("\t")
