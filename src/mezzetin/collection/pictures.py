"""Pictures: what a run came upon, what became of it, and what is still to be described.

Enters: sightings, one a page of a file. Leaves: one row each, however often and wherever the file is met again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict

from mezzetin.collection.marks import is_forgotten
from mezzetin.collection.opening import Reader
from mezzetin.collection.rows import Picture, PictureEvent, Seen, Sighting
from mezzetin.collection.writing import Writing, storable
from mezzetin.errors import InputError

_KNOWLEDGE = (
    "source",
    "pages",
    "record_id",
    "sha256",
    "stamp",
    "size",
    "width",
    "height",
    "format",
    "title",
    "artist",
    "date",
    "licence",
    "rights",
    "restricted",
    "extra",
)


def see(writing: Writing, sighting: Sighting, *, still_there: Callable[[str], bool] | None = None) -> Seen:
    """Enter that a picture was met: "new", "same", "changed", "moved", "back", or "forgotten" (then without an id).

    A new place with known bytes is a move where `still_there(old uri)` says no; the row keeps its number and texts.
    Other bytes in a known place make it "changed".

    Raises:
        InputError: the address holds half a character.

    """
    if storable(sighting.uri) != sighting.uri:
        raise InputError("a file name that is no text can't be an address: rename the file")
    if is_forgotten(writing, sighting.sha256, sighting.uri):
        return Seen(None, "forgotten")
    known = at(writing, sighting.uri, sighting.page)
    if known is None and sighting.sha256 and still_there:
        known = _moved_from(writing, sighting, still_there)
    if known is None:
        return Seen(_enter(writing, sighting), "new")
    what = _what(known, sighting)
    if what == "moved":
        _tell(writing, known.id, "moved", known.uri, sighting.uri)
    if known.status == "gone":
        _tell(writing, known.id, "back", None, None)
    if _bytes_differ(known, sighting):
        _tell(writing, known.id, "content", known.sha256, sighting.sha256)
    _renew(writing, known, sighting, what)
    return Seen(known.id, what)


def _what(known: Picture, sighting: Sighting) -> str:
    if known.uri != sighting.uri:
        return "moved"
    if _bytes_differ(known, sighting):
        return "changed"
    return "back" if known.status == "gone" else "same"


def _bytes_differ(known: Picture, sighting: Sighting) -> bool:
    return bool(known.sha256 and sighting.sha256 and known.sha256 != sighting.sha256)


def _moved_from(writing: Writing, sighting: Sighting, still_there: Callable[[str], bool]) -> Picture | None:
    for row in writing.rows(
        "SELECT * FROM pictures WHERE sha256 = ? AND page = ? ORDER BY id LIMIT 100", (sighting.sha256, sighting.page)
    ):
        if not still_there(row["uri"]):
            return picture_of(row)
    return None


def _values(sighting: Sighting) -> dict[str, object]:
    values: dict[str, object] = {
        name: storable(value) if isinstance(value, str) else value for name, value in asdict(sighting).items()
    }
    values["extra"] = None if sighting.extra is None else json.dumps(dict(sighting.extra))
    values["restricted"] = None if sighting.restricted is None else int(sighting.restricted)
    return values


def _enter(writing: Writing, sighting: Sighting) -> int:
    values = {name: value for name, value in _values(sighting).items() if value is not None}
    values |= {"first_seen": writing.at, "last_seen": writing.at, "last_run": writing.run}
    made = writing.execute(
        f"INSERT INTO pictures ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608
        tuple(values.values()),
    )
    return int(made.lastrowid or 0)


def _renew(writing: Writing, known: Picture, sighting: Sighting, what: str) -> None:
    values = _values(sighting)
    status = known.status
    if _bytes_differ(known, sighting):
        status = "changed"
    elif status == "gone":
        described = writing.one("SELECT 1 FROM texts WHERE picture_id = ? AND text IS NOT NULL", (known.id,))
        status = "done" if described else "pending"
    columns = {name: values[name] for name in _KNOWLEDGE if values[name] is not None}
    columns |= {"uri": sighting.uri, "status": status, "last_seen": writing.at, "last_run": writing.run}
    if status != "failed":
        columns |= {"error_code": None, "error_message": None}
    if what == "changed":
        columns["attempts"] = 0
        writing.execute("DELETE FROM failures WHERE picture_id = ?", (known.id,))
    names = ", ".join(f"{name} = ?" for name in columns)
    writing.execute(f"UPDATE pictures SET {names} WHERE id = ?", (*columns.values(), known.id))  # noqa: S608


def _tell(writing: Writing, picture_id: int, what: str, old: str | None, new: str | None) -> None:
    writing.execute(
        "INSERT INTO picture_history (picture_id, at, run_id, what, old, new) VALUES (?, ?, ?, ?, ?, ?)",
        (picture_id, writing.at, writing.run, what, old, new),
    )


def mark_failed(writing: Writing, picture_id: int, code: str, message: str, captioner: str | None = None) -> None:
    """Enter why a picture has no text: its file can't be used, or `captioner` alone has nothing to say of it."""
    code, message = storable(code), storable(message)
    if captioner is not None:
        writing.execute(
            "INSERT INTO failures (picture_id, source, code, message, at, run_id) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (picture_id, source) DO UPDATE SET code = excluded.code, message = excluded.message,"
            " attempts = attempts + 1, at = excluded.at, run_id = excluded.run_id",
            (picture_id, storable(captioner), code, message, writing.at, writing.run),
        )
    writing.execute(
        "UPDATE pictures SET status = 'failed', error_code = ?, error_message = ?, attempts = attempts + 1"
        " WHERE id = ? AND (? IS NULL OR status IN ('pending', 'failed', 'changed') AND NOT EXISTS ("
        "SELECT 1 FROM texts WHERE picture_id = pictures.id AND text IS NOT NULL AND status <> 'given'))",
        (code, message, picture_id, captioner),
    )


def mark_done(writing: Writing, picture_id: int) -> None:
    """Enter that nothing more is to be done for a picture."""
    writing.execute(
        "UPDATE pictures SET status = 'done', error_code = NULL, error_message = NULL WHERE id = ?", (picture_id,)
    )


def mark_gone(writing: Writing, source: str) -> int:
    """Enter which pictures of a source this transaction's run did not see; return how many there are."""
    source = storable(source)
    missing = "source = ? AND last_run IS NOT ? AND status <> 'gone'"
    writing.execute(
        f"INSERT INTO picture_history (picture_id, at, run_id, what) SELECT id, ?, ?, 'gone' FROM pictures"  # noqa: S608
        f" WHERE {missing}",
        (writing.at, writing.run, source, writing.run),
    )
    return writing.execute(
        f"UPDATE pictures SET status = 'gone', error_code = NULL, error_message = NULL WHERE {missing}",  # noqa: S608
        (source, writing.run),
    ).rowcount


def get(reader: Reader, picture_id: int) -> Picture | None:
    """A picture by its number."""
    row = reader.one("SELECT * FROM pictures WHERE id = ?", (picture_id,))
    return picture_of(row) if row else None


def at(reader: Reader, uri: str, page: int = 0) -> Picture | None:
    """The picture of a place."""
    row = reader.one("SELECT * FROM pictures WHERE uri = ? AND page = ?", (uri, page))
    return picture_of(row) if row else None


def find(reader: Reader, image: str) -> list[Picture]:
    """The pictures that a person means: by number, address, the house's own number, digest, or else by file name."""
    image = storable(image)
    exact = list(
        reader.rows(
            "SELECT * FROM pictures WHERE id = ? OR uri = ? OR record_id = ? OR sha256 = ? ORDER BY id",
            (int(image) if image.isascii() and image.isdigit() and len(image) < 18 else -1, image, image, image),
        )
    )
    if not exact and image:
        tail = f"/{image.lstrip('/')}"
        exact = list(reader.rows("SELECT * FROM pictures WHERE substr(uri, -?) = ? ORDER BY id", (len(tail), tail)))
    return [picture_of(row) for row in exact]


def each(reader: Reader, *, status: str | None = None, source: str | None = None, after: int = 0) -> Iterator[Picture]:
    """All pictures by their numbers, above `after`, one by one."""
    for row in reader.rows(
        "SELECT * FROM pictures WHERE id > ? AND (? IS NULL OR status = ?) AND (? IS NULL OR source = ?) ORDER BY id",
        (after, status, status, source, source),
    ):
        yield picture_of(row)


def counts(reader: Reader) -> dict[str, int]:
    """How many pictures there are of each status."""
    return {row[0]: row[1] for row in reader.rows("SELECT status, count(*) FROM pictures GROUP BY status")}


def changed_since(reader: Reader, seq: int, limit: int = 1000) -> list[tuple[int, int]]:
    """Pictures whose words changed after `seq`, as (seq, number), in that order: what an index has to read again."""
    found = reader.rows("SELECT seq, picture_id FROM changes WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit))
    return [(row[0], row[1]) for row in found]


def picture_history(reader: Reader, picture_id: int) -> list[PictureEvent]:
    """What happened to a picture's file, oldest first."""
    return [
        PictureEvent(row["at"], row["what"], row["old"], row["new"], row["run_id"])
        for row in reader.rows("SELECT * FROM picture_history WHERE picture_id = ? ORDER BY id", (picture_id,))
    ]


def picture_of(row: sqlite3.Row, prefix: str = "") -> Picture:
    """A picture as a row holds it, its columns named with `prefix`."""
    plain = {name: row[prefix + name] for name in Picture.__dataclass_fields__}
    return Picture(**plain | {"restricted": bool(plain["restricted"]), "extra": json.loads(plain["extra"])})
