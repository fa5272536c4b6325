"""A collection: the SQLite file of `mezzetin collect`, read for what people vouch for.

Read are the texts of the view `approved_texts`, the alternative texts of one language: those that people wrote or
edited, and those that they approved. A machine's text that was approved as it stood is marked, for a model that learns
its own words learns nothing (`untouched` among the defects, which name every picture); texts that were approved by
sample or came with the records are read only when they are asked for. Pictures that must not leave the house, are gone,
or have changed since the text was written are left out. The file is opened to read alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

from mezzetin.data.readers.record import Defect, ReadOptions, Record, is_name, only_defect
from mezzetin.data.readers.source import ImageSource, Url
from mezzetin.errors import DatasetError, InputError
from mezzetin.storage.address import without_secrets
from mezzetin.storage.paths import Place, reading

LOOKS_FOR = "a collection that `mezzetin collect` made"
PUBLISHED_SPLIT: str | None = None
#: What a text can be, and whether it is read without being asked for.
KINDS = {"edited": True, "approved": True, "untouched": True, "sampled": False, "given": False}
#: What is noted beside a text that was read.
_MARKED = {
    "untouched": "a machine's text that a person approved as it stood",
    "sampled": "a machine's text that was approved with its band, by sample",
    "given": "a text that came with the house's records",
}
_APPLICATION = b"MZZC"
_HEAD = 72
_GROUPS = ("record_id", "title", "artist", "date", "licence", "source")
_QUERY = """
SELECT pictures.id, pictures.uri, pictures.page, pictures.restricted, pictures.status AS state, texts.text,
    CASE WHEN texts.status = 'approved' AND texts.text IS texts.machine_text THEN 'untouched' ELSE texts.status END
        AS kind,
    texts.of_sha256 IS NOT NULL AND pictures.sha256 IS NOT NULL AND texts.of_sha256 <> pictures.sha256 AS other, {group}
FROM approved_texts AS texts JOIN pictures ON pictures.id = texts.picture_id
WHERE texts.kind = 'alt' AND texts.lang = ? ORDER BY pictures.id
"""


def found(source: Place) -> bool:
    """Say whether `source` is a collection, by the mark in its head."""
    if not source.is_local or not source.is_file():
        return False
    with reading(source), source.open() as stream:
        head = stream.read(_HEAD)
    return head.startswith(b"SQLite format 3\0") and head[68:72] == _APPLICATION


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a text; `options.language` is the one whose texts are read, `group` a column of the pictures.

    Raises:
        DatasetError: it is no collection, damaged, or has no such text; or the options ask for what there is not.

    """
    if not found(source):
        raise DatasetError(f"{source} is no collection: name the SQLite file that `mezzetin collect` made")
    wanted = _wanted(options)
    group, values = _group(options)
    # Read alone: neither a journal nor a lock that a curator at work would meet.
    address = f"file:{quote(str(source.local_path().absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            _check_language(connection, source, options.language)
            for row in connection.execute(_QUERY.format(group=group), (*values, options.language)):
                yield _record(row, wanted, options.language)
    except sqlite3.Error as error:
        raise DatasetError(f"{source} can't be read as a collection ({error}): restore a backup") from error


def _record(row: sqlite3.Row, wanted: set[str], language: str) -> Record:
    name = f"{row['uri']}#page={row['page'] + 1}" if row["page"] else str(row["uri"])
    name = without_secrets(name)
    if why := _why_not(row, wanted):
        return only_defect("withheld", name, why)
    try:
        image = _image(row["uri"])
    except InputError as error:
        return only_defect("bad_name", name, str(error))
    kind = row["kind"]
    marks = (Defect(kind, name, _MARKED[kind]),) if kind in _MARKED else ()
    group = row["family"]
    return Record(name, image, name, (row["text"],), None, language, marks, str(group) if is_name(group) else None)


def _why_not(row: sqlite3.Row, wanted: set[str]) -> str | None:
    if row["restricted"]:
        return "the picture must not leave the house"
    if row["state"] == "gone":
        return "the picture is gone"
    if row["other"]:
        return "the picture has changed since the text was written"
    if row["page"]:
        return "it is a further page of a file, and only the first can be read"
    return None if row["kind"] in wanted else f"texts that are {row['kind']} were not asked for"


def _image(uri: str) -> ImageSource:
    place = Place.of(uri)
    return Url(uri) if place.address.kind == "web" else place


def _wanted(options: ReadOptions) -> set[str]:
    for name in (*options.include, *options.leave_out):
        if name not in KINDS:
            raise DatasetError(f"texts of a collection are never {name!r}: choose from {', '.join(KINDS)}")
    usual = {name for name, usual in KINDS.items() if usual}
    return (usual | set(options.include)) - set(options.leave_out)


def _group(options: ReadOptions) -> tuple[str, tuple[str, ...]]:
    unknown = sorted(set(options.columns) - {"group"})
    if unknown:
        raise DatasetError(f"a collection has no column {unknown[0]!r} to name: leave it out")
    column = options.columns.get("group")
    if column is None:
        return "NULL AS family", ()
    if column in _GROUPS:
        return f"pictures.{column} AS family", ()
    return "json_extract(pictures.extra, ?) AS family", (f"$.{json.dumps(column)}",)


def _check_language(connection: sqlite3.Connection, source: Place, language: str) -> None:
    known = [row[0] for row in connection.execute("SELECT DISTINCT lang FROM approved_texts WHERE kind = 'alt'")]
    if not known:
        raise DatasetError(f"nobody has approved a text in {source}: review it with `mezzetin serve --collection`")
    if language not in known:
        raise DatasetError(
            f"{source} has no approved texts in {language!r}: choose with --language from {', '.join(sorted(known))}"
        )
