"""A table of one's own: CSV or JSON lines that name pictures and their captions.

Columns: `image` (a path relative to the table), `caption` (in JSON lines also a list `captions`), and where
wanted `language` and `split`. A picture with several captions has several rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from mezzetin.data.readers.record import Record, is_name, is_text, only_defect, read_csv, read_lines
from mezzetin.data.splits import split_name
from mezzetin.errors import DatasetError, InputError
from mezzetin.storage.paths import Place, reading

LOOKS_FOR = "one .csv or .jsonl table with columns image and caption"
PUBLISHED_SPLIT: str | None = None
_KINDS = (".csv", ".jsonl")


def found(source: Place) -> bool:
    """Say whether `source` is a table, or a folder that holds one."""
    return bool(_tables(source))


def read(source: Place, language: str) -> Iterator[Record]:
    """Yield a record a row.

    Raises:
        DatasetError: there is no table, more than one, or one without the needed columns.

    """
    tables = _tables(source)
    if len(tables) != 1:
        names = ", ".join(table.name for table in tables[:5]) or "none"
        raise DatasetError(f"{source} should hold one .csv or .jsonl table (found: {names}): name one of them")
    table = tables[0]
    rows = _csv_rows(table) if table.name.lower().endswith(".csv") else _json_rows(table)
    for line, row in rows:
        where = f"{table.name}:{line}"
        try:
            record = _record(row, table.parent, language) if row is not None else None
        except InputError as error:
            yield only_defect("bad_row", where, str(error))
        else:
            yield record or only_defect("bad_row", where, "the row does not name an image and a caption")


def _tables(source: Place) -> list[Place]:
    if source.is_file():
        return [source] if source.name.lower().endswith(_KINDS) else []
    if not source.is_folder():
        return []
    with reading(source):
        return sorted(place for place in source.children() if place.name.lower().endswith(_KINDS))


def _csv_rows(table: Place) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    rows = read_csv(table)
    header = [field.strip().lower() for field in next(rows, (0, []))[1]]
    if "image" not in header or "caption" not in header:
        columns = ", ".join(header[:8]) or "an empty file"
        raise DatasetError(f"{table} needs the columns image and caption (found: {columns}): rename them")
    for line, row in rows:
        if row:
            yield line, dict(zip(header, row, strict=True)) if len(row) == len(header) else None


def _json_rows(table: Place) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    for line, text in enumerate(read_lines(table), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            row = None
        yield line, row if isinstance(row, dict) else None


def _record(row: Mapping[str, Any], folder: Place, language: str) -> Record | None:
    name: Any = row.get("image")
    captions = row.get("captions", row.get("caption"))
    if isinstance(captions, str):
        captions = [captions]
    if not is_name(name) or not isinstance(captions, list) or not all(map(is_text, captions)):
        return None
    name = name.strip()
    image = folder / name
    if "://" not in name:
        # `./a.jpg` and `a.jpg` are one picture.
        name = str(PurePosixPath(name))
    split: Any = row.get("split")
    tongue: Any = row.get("language")
    return Record(
        image_id=name,
        image=image,
        source_uri=name,
        captions=tuple(captions),
        split=split_name(split) if is_text(split) else None,
        language=tongue.strip() if is_name(tongue) else language,
    )
