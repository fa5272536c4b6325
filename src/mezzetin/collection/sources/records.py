"""Museum records: a CSV, TSV, JSON Lines or JSON table that says of each picture where it is and what is known of it.

The kind of table is recognised by its columns, or named with a mapping. Tables are streamed; a JSON list is read whole.
Addresses in them are strangers': only web addresses, by the safe fetch, and paths below the table's own folder.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from mezzetin.collection.sources.mapping import Asked, RecordMapping, first, has, read_mapping, recognised, text_of
from mezzetin.collection.sources.options import SourceOptions, is_there, name_of, stamp_of
from mezzetin.collection.sources.record import Picture, Skip, SourceRecord
from mezzetin.data.readers.lines import Lines, csv_rows, decoded
from mezzetin.data.readers.source import Url
from mezzetin.data.readers.table import fields_of
from mezzetin.errors import DatasetError, InputError
from mezzetin.storage.address import is_address, without_secrets
from mezzetin.storage.paths import Place, reading

LOOKS_FOR = "a table of records (.csv, .tsv, .jsonl, .json) with a column of pictures"
_DELIMITED = (".csv", ".tsv", ".tab", ".psv", ".txt")
_JSON_LINES = (".jsonl", ".ndjson")
_DELIMITERS = ",;\t|"
_LARGEST_JSON = 256 << 20
_WEB = re.compile(r"(?i)https?://[^/\s]")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Records:
    """One table: `source` as it was named, and `table`, where it can be read (a copy, if it is on the web)."""

    source: Place
    table: Place
    options: SourceOptions

    @property
    def name(self) -> str:
        """See `Source`."""
        return name_of(self.source)

    def records(self) -> Iterator[SourceRecord | Skip]:
        """See `Source`."""
        mapping = read_mapping(self.options.mapping) if self.options.mapping else None
        for line, row in _rows(self.table):
            where = f"{self.table.name}:{line}"
            if row is None:
                yield Skip("bad_row", where, "the line has not the columns of the first: mend its quotes")
                continue
            mapping = mapping or _mapping_of(self.table, row)
            yield self._record(row, mapping, where)

    def count(self) -> int | None:
        """See `Source`; a table on this machine is read for it, without its pictures."""
        return sum(1 for _ in _rows(self.table)) if self.table.is_local else None

    def still_there(self, uri: str) -> bool:
        """See `Source`."""
        return is_there(uri)

    def _record(self, row: Row, mapping: RecordMapping, where: str) -> SourceRecord | Skip:
        for column, values in mapping.only_where.items():
            if first(row, [column]) not in values:
                return Skip("left_out", where, f"{column} is not {' or '.join(values)}", is_defect=False)
        key = first(row, mapping.id)
        if not key:
            return Skip("bad_row", where, f"it has no {mapping.id[0]}: every record needs its own")
        try:
            picture = self._picture(row, mapping)
        except InputError as error:
            return Skip("bad_address", where, str(error))
        if picture is None:
            return Skip("no_picture", where, "it names no picture", is_defect=False)
        licence = first(row, mapping.licence)
        return SourceRecord(
            picture=picture,
            uri=str(picture),
            record_id=key,
            stamp=stamp_of(picture, first(row, mapping.changed)),
            page=first(row, mapping.page),
            title=first(row, mapping.title),
            artist=first(row, mapping.artist).partition("\n")[0],
            date=first(row, mapping.date),
            licence=mapping.licences.get(licence, licence),
            restricted=_restricted(row, mapping),
            alt_text=first(row, mapping.alt_text),
            description=first(row, mapping.description),
            lang=first(row, mapping.lang_column) or mapping.lang,
            extra={name: text for name, columns in mapping.extra.items() if (text := first(row, columns))},
        )

    def _picture(self, row: Row, mapping: RecordMapping) -> Picture | None:
        """Where the picture is; None where the row names none.

        Raises:
            InputError: it is an address that a record may not name.

        """
        if mapping.ask is not None:
            url = first(row, [mapping.ask.url])
            return Asked(url, mapping.ask.image) if url else None
        value = first(row, mapping.image)
        if not value:
            return None
        if _WEB.match(value):
            return Url(value)
        if is_address(value):
            raise InputError(f"{without_secrets(value)[:80]} is no web address: records may name http and https only")
        if self.source.address.kind == "web":
            return Url(urljoin(self.source.unredacted(), value))
        parts = value.replace("\\", "/").split("/")
        if value.startswith(("/", "\\")) or ".." in parts or "\0" in value:
            raise InputError(f"{value[:80]} leads out of the table's folder: name a path below it")
        return _absolute(self.table.parent) / "/".join(part for part in parts if part not in ("", "."))


def found(source: Place) -> bool:
    """Say whether `source` is a table, by its name."""
    name = _path_name(source)
    return name.endswith((*_DELIMITED, *_JSON_LINES, ".json")) and (source.address.kind == "web" or source.is_file())


def open_records(source: Place, options: SourceOptions) -> Records:
    """Return a table as a source; one on the web is fetched first.

    Raises:
        FetchError: it can't be fetched.

    """
    if source.address.kind != "web":
        return Records(source, source, options)
    content = options.web.fetch(source.unredacted()).data
    folder = Path(tempfile.mkdtemp(prefix="mezzetin-"))
    table = folder / _path_name(source)
    table.write_bytes(content)
    found = Records(source, Place.of(table), options)
    weakref.finalize(found, shutil.rmtree, folder, ignore_errors=True)
    return found


def _restricted(row: Row, mapping: RecordMapping) -> bool | None:
    """What a row says of it; None where the table has no such column, unless the mapping is one museum's own."""
    if not mapping.restricted or ("" in mapping.restricted_unless and not has(row, mapping.restricted[0])):
        return None
    return first(row, mapping.restricted) not in mapping.restricted_unless


def _absolute(folder: Place) -> Place:
    return Place.of(folder.local_path()) if folder.is_local else folder


def _mapping_of(table: Place, row: Row) -> RecordMapping:
    found = recognised(row)
    if found is None:
        columns = ", ".join(text_of(name)[:30] for name in list(row)[:8]) or "none"
        raise DatasetError(
            f"{table} has no column that names a picture (found: {columns}): say which is which with --mapping FILE"
        )
    return found


def _path_name(source: Place) -> str:
    return source.address.path.lower().rpartition("/")[2]


def _rows(table: Place) -> Iterator[tuple[int, Row | None]]:
    name = _path_name(table)
    if name.endswith(".json"):
        return _json_rows(table)
    return _json_line_rows(table) if name.endswith(_JSON_LINES) else _csv_rows(table)


def _csv_rows(table: Place) -> Iterator[tuple[int, Row | None]]:
    numbered = enumerate(Lines(table), start=1)
    before, head = next(((number, line) for number, line in numbered if line.strip()), (0, ""))
    delimiter = max(_DELIMITERS, key=lambda one: len(fields_of(head, one)))
    names = [name.strip() for name in fields_of(head, delimiter)]
    for line, row in csv_rows((line for _, line in numbered), delimiter, len(names)):
        yield before + line, dict(zip(names, row, strict=True)) if row and len(row) == len(names) else None


def _json_line_rows(table: Place) -> Iterator[tuple[int, Row | None]]:
    for number, text in enumerate(Lines(table), start=1):
        if text.strip():
            row = None
            with suppress(ValueError, RecursionError):
                row = json.loads(text)
            yield number, row if isinstance(row, dict) else None


def _json_rows(table: Place) -> Iterator[tuple[int, Row | None]]:
    with reading(table):
        if table.is_local and table.size() > _LARGEST_JSON:
            raise DatasetError(f"{table} is larger than 256 MiB: write it as JSON Lines, one record a line")
        data = table.read_bytes()
    try:
        value = json.loads(decoded(table.name, data)[0])
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{table} is not JSON: it is cut short or altered, fetch it again") from error
    rows = next((value[key] for key in ("records", "data") if key in value), [value]) if _is_object(value) else value
    if not isinstance(rows, list):
        raise DatasetError(f"{table} holds no list of records: write one record a line, as JSON Lines")
    for number, row in enumerate(rows, start=1):
        yield number, row if isinstance(row, dict) else None


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
