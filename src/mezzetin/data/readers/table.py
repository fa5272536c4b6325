"""A table of one's own: CSV, JSON lines or a JSON list that names pictures and their captions.

Columns: `image` (a path relative to the table, or a URL), `caption` (or `captions`, a list), and where wanted `split`,
`language`, `url`, `group` and `id`; the names that they have elsewhere are known, and a person may say which they are.
A picture with several captions has several rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from mezzetin.data.readers.columns import check_columns, check_roles, record_of, roles_of
from mezzetin.data.readers.lines import Lines, csv_rows, head_of, read_json
from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.record import Defect, ReadOptions, Record, only_defect, only_defects
from mezzetin.data.splits import splits_by_name
from mezzetin.errors import DatasetError, InputError
from mezzetin.storage.paths import Place, reading

LOOKS_FOR = "one .csv, .tsv, .json or .jsonl table with columns image and caption"
PUBLISHED_SPLIT: str | None = None
DELIMITED = (".csv", ".tsv", ".tab", ".psv", ".txt")
_JSON_LINES = (".jsonl", ".ndjson")
_DELIMITERS = ",;\t|"
_MOST_JSON = 20

Row = tuple[int, Mapping[str, Any] | None]


def found(source: Place) -> bool:
    """Say whether `source` is a table, or a folder that holds one."""
    return bool(_tables(source))


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a row; several tables are read together where they are named for splits.

    Raises:
        DatasetError: there is no table, more than one, or one without the needed columns.

    """
    check_columns(options)
    tables = _tables(source)
    splits = splits_by_name(table.name for table in tables)
    if not tables or (len(tables) > 1 and None in splits):
        names = ", ".join(table.name for table in tables[:5]) or "none"
        raise DatasetError(f"{source} should hold one .csv, .json or .jsonl table (found: {names}): name one of them")
    for table, split in zip(tables, splits, strict=True):
        with Pictures(table.parent) as pictures:
            yield from read_table(table, options, pictures, split=split)


def read_table(
    table: Place, options: ReadOptions, pictures: Pictures, *, folder: str = "", split: str | None = None
) -> Iterator[Record]:
    """Yield a record a row of one table; `folder` and `split` are those of rows that name none.

    Raises:
        DatasetError: it can't be read, or lacks a needed column.

    """
    defects: list[Defect] = []
    known: dict[tuple[str, ...], dict[str, str]] = {}
    for line, row in _rows(table, options, defects):
        where = f"{table.name}:{line}"
        try:
            keys = tuple(row or ())
            roles = known[keys] if keys in known else roles_of(keys, options.columns)
            if len(known) < 64:
                known[keys] = roles
            record = record_of(row, roles, options, pictures, folder, split) if row is not None else None
        except InputError as error:
            yield only_defect("bad_row", where, str(error))
        else:
            yield record or only_defect("bad_row", where, "the row does not name an image and a caption")
    yield from only_defects(defects)


def _rows(table: Place, options: ReadOptions, defects: list[Defect]) -> Iterator[Row]:
    name = table.name.lower()
    if name.endswith(".json"):
        return _json_rows(table, defects)
    return _json_line_rows(table, defects) if name.endswith(_JSON_LINES) else _csv_rows(table, options, defects)


def _tables(source: Place) -> list[Place]:
    if source.is_file():
        return [source] if source.name.lower().endswith((*DELIMITED, *_JSON_LINES)) or _is_list(source) else []
    if not source.is_folder():
        return []
    tables: list[Place] = []
    jsons: list[Place] = []
    with reading(source):
        for place in source.children():
            # A folder's text files may be anything.
            if place.name.lower().endswith((*DELIMITED[:4], *_JSON_LINES)):
                tables.append(place)
            elif place.name.lower().endswith(".json") and len(jsons) <= _MOST_JSON:
                jsons.append(place)
    # Many are one a picture, and looking into each would be a request a picture.
    return sorted([*tables, *(place for place in jsons if len(jsons) <= _MOST_JSON and _is_list(place))])


def _is_list(place: Place) -> bool:
    head = head_of(place, 512) if place.name.lower().endswith(".json") else b""
    return head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \r\n\t")[:1] == b"["


def delimiter_of(header: str, named: Mapping[str, str]) -> str:
    """Return which of , ; tab and | separates a header's names: the one that yields the most known ones."""

    def worth(delimiter: str) -> tuple[int, int]:
        names = fields_of(header, delimiter)
        return len(roles_of(names, named)), len(names)

    return max(_DELIMITERS, key=worth)


def fields_of(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line; none where it is no row."""
    return next((row for _, row in csv_rows([line], delimiter) if row), [])


def _csv_rows(table: Place, options: ReadOptions, defects: list[Defect]) -> Iterator[Row]:
    lines = Lines(table)
    numbered = enumerate(lines, start=1)
    before, first = next(((number, line) for number, line in numbered if line.strip()), (0, ""))
    delimiter = None
    if told := re.fullmatch(r"sep=(.)\s*", first):
        # Excel's own way to name the delimiter.
        delimiter = told[1]
        before, first = next(numbered, (before, ""))
    delimiter = delimiter or delimiter_of(first, options.columns)
    names = [name.strip() for name in fields_of(first, delimiter)]
    check_roles(table, names, roles_of(names, options.columns), options.columns)
    for line, row in csv_rows((line for _, line in numbered), delimiter, len(names)):
        yield before + line, dict(zip(names, row, strict=True)) if row and len(row) == len(names) else None
    defects.extend(lines.defects)


def _json_line_rows(table: Place, defects: list[Defect]) -> Iterator[Row]:
    lines = Lines(table)
    for number, text in enumerate(lines, start=1):
        if text.strip():
            row = None
            with suppress(ValueError, RecursionError):
                row = json.loads(text)
            yield number, row if isinstance(row, dict) else None
    defects.extend(lines.defects)


def _json_rows(table: Place, defects: list[Defect]) -> Iterator[Row]:
    value, odd = read_json(table)
    defects.extend(odd)
    if not isinstance(value, list):
        raise DatasetError(f"{table} should hold a JSON list of rows: name its layout with --layout")
    for number, row in enumerate(value, start=1):
        yield number, row if isinstance(row, dict) else None
