"""Tables: one row a text, as CSV that is safe in spreadsheets, JSON Lines or Parquet.

Enters: the texts that may be published, one by one. Leaves: one file, seen whole or not at all, of one moment of the
collection; cut off, it is made anew. Who in the house decided is no part of it: `label` says what stands behind a text.
"""

from __future__ import annotations

import csv
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Picture, Text
from mezzetin.errors import InputError
from mezzetin.publication.order import Exported, Order
from mezzetin.publication.rows import label, published, published_count
from mezzetin.records import Progress
from mezzetin.storage.paths import writing

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
_OF_PICTURE = (
    "record_id",
    "uri",
    "page",
    "title",
    "artist",
    "date",
    "licence",
    "rights",
    "restricted",
    "width",
    "height",
    "format",
    "sha256",
)
_OF_TEXT = ("kind", "lang", "text")
_OF_ORIGIN = ("status", "changed", "model", "model_version", "confidence")
COLUMNS = ("picture_id", *_OF_PICTURE, "collected_from", *_OF_TEXT, "label", *_OF_ORIGIN, "picture_status")
"""The columns of every table, in order; docs/export.md says what each means."""
_NUMBERS = ("picture_id", "page", "width", "height")
_TOGETHER = 10_000
# What a spreadsheet takes for a formula, also after spaces (OWASP, "CSV Injection"): DDE and links run from there.
_FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def row_of(picture: Picture, text: Text) -> Row:
    """One text of one picture under the names of `COLUMNS`."""
    row: Row = {"picture_id": picture.id} | {name: getattr(picture, name) for name in _OF_PICTURE}
    row["collected_from"] = picture.source
    row |= {name: getattr(text, name) for name in _OF_TEXT}
    row["label"] = label(text)
    row |= {name: getattr(text, name) for name in _OF_ORIGIN}
    return row | {"picture_status": picture.status}


def harmless(value: str) -> str:
    """A cell that no spreadsheet runs: an apostrophe before what would be a formula, no control characters."""
    clean = _UNPRINTABLE.sub("\ufffd", value)
    return f"'{clean}" if _FORMULA.match(clean) else clean


def write_csv(collection: Collection, order: Order, done: Exported) -> None:
    """CSV (RFC 4180) in UTF-8 with the mark by which spreadsheets know it, formulas defused."""

    def fill(path: Path, rows: Iterator[Row]) -> None:
        with path.open("w", encoding="utf-8-sig", newline="", errors="replace") as stream:
            table = csv.DictWriter(stream, COLUMNS, lineterminator="\r\n")
            table.writeheader()
            for row in rows:
                table.writerow({name: _cell(value) for name, value in row.items()})

    _write(collection, order, done, fill)


def write_jsonl(collection: Collection, order: Order, done: Exported) -> None:
    """JSON Lines: one object a text, UTF-8."""

    def fill(path: Path, rows: Iterator[Row]) -> None:
        with path.open("w", encoding="utf-8", newline="\n", errors="replace") as stream:
            _fill_lines(stream, rows)

    _write(collection, order, done, fill)


def write_parquet(collection: Collection, order: Order, done: Exported) -> None:
    """Parquet: columns typed, in row groups of 10,000 texts."""

    def fill(path: Path, rows: Iterator[Row]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = _schema(pa)
        with pq.ParquetWriter(str(path), schema, compression="zstd") as table:
            while some := list(islice(rows, _TOGETHER)):
                columns = {name: [_stored(row[name]) for row in some] for name in COLUMNS}
                table.write_table(pa.table(columns, schema=schema))

    _write(collection, order, done, fill)


def _fill_lines(stream: IO[str], rows: Iterator[Row]) -> None:
    for row in rows:
        stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(value) if isinstance(value, str) else value


def _stored(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _schema(pa: Any) -> pa.Schema:
    kinds: Mapping[str, Any] = {"restricted": pa.bool_(), "confidence": pa.float64()}
    kinds = {**dict.fromkeys(_NUMBERS, pa.int64()), **kinds}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])


def _write(collection: Collection, order: Order, done: Exported, fill: Callable[[Path, Iterator[Row]], None]) -> None:
    """Fill a file on this machine and put it in its place.

    Raises:
        InputError: a file is there already, or a folder.
        EnvironmentProblem: it can't be written.

    """
    place = order.place()
    found = place.entry()
    if found is not None and found.is_folder:
        raise InputError(f"{place} is a folder: name a file to write the table to")
    if found is not None and not order.overwrite:
        raise InputError(f"{place} is there already: name another file, or add --overwrite")
    rows = _rows(collection, order, done)
    if order.dry_run:
        for _ in rows:
            continue
        return
    with tempfile.TemporaryDirectory(prefix="mezzetin-") as scratch, writing(place):
        part = Path(scratch) / "table"
        fill(part, rows)
        place.put(part)
    done.files["written"] += 1


def _rows(collection: Collection, order: Order, done: Exported) -> Iterator[Row]:
    with collection.reading() as reader:
        total = published_count(reader, order.selection)
        for one in published(reader, order.selection):
            done.pictures += 1
            done.texts += len(one.texts)
            for text in one.texts:
                done.labels[label(text)] += 1
                yield row_of(one.picture, text)
            order.report(Progress("export", done.pictures, total))
