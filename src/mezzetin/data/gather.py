"""Gathering: a source's statements, in whatever order they come, become one entry a picture.

Enters: a reader's records. Leaves: `Gathered` entries in the order of each picture's first caption, then the
pictures without captions by name. The sorting is done in a private SQLite file, so that a million pictures
take no more memory than a thousand.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mezzetin.data.readers.record import Defect, Record
from mezzetin.data.readers.source import ImageSource, from_text, to_text
from mezzetin.data.scratch import scratch_disk
from mezzetin.data.splits import most_held_out

_TABLES = """
CREATE TABLE picture (key INTEGER PRIMARY KEY, id TEXT UNIQUE, place TEXT, uri TEXT, first INTEGER, family TEXT);
CREATE TABLE caption (picture INTEGER, seq INTEGER, text TEXT, language TEXT, PRIMARY KEY (picture, seq))
    WITHOUT ROWID;
CREATE TABLE split (picture INTEGER, name TEXT, PRIMARY KEY (picture, name)) WITHOUT ROWID;
CREATE TABLE defect (kind TEXT, name TEXT, detail TEXT);
"""
# A source names a picture several times in a row, or nearly so.
_REMEMBERED = 1024
LONGEST_CAPTION = 50


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a source says of one picture; `defects` are those of its captions and splits.

    `place` is where it is, as text for private use (`readers.source.to_text`).
    """

    image_id: str
    place: str | None
    source_uri: str
    captions: tuple[str, ...]
    split: str | None
    language: str
    defects: tuple[Defect, ...]
    group: str | None = None

    @property
    def image(self) -> ImageSource | None:
        """Where it is."""
        return from_text(self.place) if self.place else None


class Gathering:
    """The records of one source, on disk, to be walked through as often as needed."""

    def __init__(self, records: Iterable[Record], language: str) -> None:
        """Read all `records`; `language` is that of pictures without captions."""
        # An empty name is a private file that SQLite deletes by itself, even after a kill.
        self._table = sqlite3.connect("", isolation_level=None)
        self._language = language
        self._recent: dict[str, _Seen] = {}
        with scratch_disk():
            self._table.executescript(_TABLES)
            self._table.execute("BEGIN")
            for seq, record in enumerate(records):
                self._add(seq, record)
        self.from_source = self._one("SELECT count(*) FROM split") > 0

    def close(self) -> None:
        """Drop the private file."""
        self._table.close()

    def __len__(self) -> int:
        return self._one("SELECT count(*) FROM picture")

    def captioned(self) -> int:
        """Return how many pictures have at least one usable caption."""
        return self._one("SELECT count(DISTINCT picture) FROM caption")

    def __iter__(self) -> Iterator[Gathered]:
        query = "SELECT key, id, place, uri, family FROM picture ORDER BY first IS NULL, first, id"
        with scratch_disk():
            for row in self._table.execute(query):
                yield self._entry(*row)

    def defects(self) -> Iterator[Defect]:
        """Yield the defects that belong to no picture, in the source's order."""
        with scratch_disk():
            for row in self._table.execute("SELECT kind, name, detail FROM defect ORDER BY rowid"):
                yield Defect(*row)

    def fingerprint(self) -> str:
        """Return the hex sha256 of all that the source says (not of where it lies, nor of its pictures)."""
        digest = hashlib.sha256()
        for entry in self:
            said = [entry.image_id, entry.source_uri, entry.captions, entry.split, entry.language]
            if entry.group is not None:
                said.append(entry.group)
            digest.update(json.dumps([said, [d.kind for d in entry.defects]]).encode())
        for defect in self.defects():
            digest.update(json.dumps([defect.kind, defect.name]).encode())
        return digest.hexdigest()

    def _one(self, query: str) -> int:
        with scratch_disk():
            return int(self._table.execute(query).fetchone()[0])

    def _add(self, seq: int, record: Record) -> None:
        run = self._table.execute
        for defect in record.defects:
            run("INSERT INTO defect VALUES (?, ?, ?)", (defect.kind, defect.name, defect.detail))
        if not record.image_id:
            return
        seen = self._seen(seq, record)
        texts = [" ".join(caption.split()) for caption in record.captions]
        for number, text in enumerate(texts):
            if text:
                run("INSERT INTO caption VALUES (?, ?, ?, ?)", (seen.key, (seq << 16) + number, text, record.language))
            else:
                detail = "an empty caption, left out"
                run("INSERT INTO defect VALUES ('empty_caption', ?, ?)", (record.image_id, detail))
        if record.split:
            run("INSERT OR IGNORE INTO split VALUES (?, ?)", (seen.key, record.split))

    def _seen(self, seq: int, record: Record) -> _Seen:
        """The picture of a record, with what was not known of it before."""
        run, name = self._table.execute, record.image_id
        seen = self._recent.get(name)
        if seen is None:
            if len(self._recent) >= _REMEMBERED:
                self._recent.clear()
            run("INSERT OR IGNORE INTO picture (id, uri) VALUES (?, ?)", (name, record.source_uri))
            query = "SELECT key, place IS NOT NULL, first IS NOT NULL, family IS NOT NULL FROM picture WHERE id = ?"
            seen = self._recent[name] = _Seen(*run(query, (name,)).fetchone())
        if record.image is not None and not seen.placed:
            run("UPDATE picture SET place = ? WHERE key = ?", (to_text(record.image), seen.key))
            seen.placed = True
        # A blank caption still gives the picture its place in the source's order.
        if record.captions and not seen.ordered:
            run("UPDATE picture SET first = ? WHERE key = ?", (seq, seen.key))
            seen.ordered = True
        if record.group is not None and not seen.grouped:
            run("UPDATE picture SET family = ? WHERE key = ?", (record.group, seen.key))
            seen.grouped = True
        return seen

    def _entry(self, key: int, image_id: str, place: str | None, uri: str, family: str | None) -> Gathered:
        query = "SELECT text, language FROM caption WHERE picture = ? ORDER BY seq"
        spoken: list[tuple[str, str]] = self._table.execute(query, (key,)).fetchall()
        language = spoken[0][1] if spoken else self._language
        captions = tuple(text for text, tongue in spoken if tongue == language)
        found = self._table.execute("SELECT name FROM split WHERE picture = ?", (key,))
        splits = [str(name) for (name,) in found]
        split = most_held_out(splits) if splits else None
        defects = list(_caption_defects(image_id, captions, language, {tongue for _, tongue in spoken}))
        if len(splits) > 1:
            detail = f"the source puts it in {' and '.join(sorted(splits))}; it goes to {split}"
            defects.append(Defect("two_splits", image_id, detail))
        return Gathered(image_id, place, uri, captions, split, language, tuple(defects), family)


@dataclass(slots=True)
class _Seen:
    """What is known of a picture: its key, and whether it has a place, a first caption and a group."""

    key: int
    placed: bool
    ordered: bool
    grouped: bool


def _caption_defects(image_id: str, captions: tuple[str, ...], language: str, spoken: set[str]) -> Iterator[Defect]:
    seen: set[str] = set()
    for caption in captions:
        if caption in seen:
            yield Defect("duplicate_caption", image_id, f"the same caption twice, both kept: {caption[:80]}")
        seen.add(caption)
        if len(caption.split()) > LONGEST_CAPTION:
            yield Defect("overlong_caption", image_id, f"more than {LONGEST_CAPTION} words, kept: {caption[:80]}")
    if len(spoken) > 1:
        others = ", ".join(sorted(spoken - {language}))
        yield Defect(
            "other_language",
            image_id,
            f"captions in {others} left out beside those in {language}: ingest each language by itself",
        )
