"""Samples as the file holds them: what was drawn from which band, and what people said of it.

Enters: a collection. Leaves: frozen samples and judgements. A text of a band counts while it is a machine's, in the
words of the draw, of the picture as it is now.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mezzetin.collection import runs
from mezzetin.collection.opening import Reader
from mezzetin.collection.queue import Filter
from mezzetin.collection.writing import storable
from mezzetin.errors import InputError

Verdict = Literal["acceptable", "not"]
State = Literal["open", "applying", "applied", "dropped"]
#: What a drawn text must still be: a machine's, in the words of the draw, of the picture as it is now.
UNCHANGED = """
texts.status = 'machine'
AND (texts.of_sha256 IS NULL OR pictures.sha256 IS NULL OR texts.of_sha256 = pictures.sha256)
AND pictures.status <> 'gone'
AND (texts.version = sample_texts.version OR texts.text IS (
    SELECT new_text FROM history WHERE history.text_id = texts.id AND history.version = sample_texts.version))
"""
FROM = "FROM sample_texts JOIN texts ON texts.id = sample_texts.text_id JOIN pictures ON pictures.id = texts.picture_id"
JUDGED = "EXISTS (SELECT 1 FROM verdicts WHERE sample_id = sample_texts.sample_id AND text_id = sample_texts.text_id)"


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample: what it was drawn from, how many texts (`size`) of how many (`population`), and how it stands.

    `run` is the run that approved the band by it, None before or where that run was undone.
    """

    id: int
    filter: Filter
    seed: int
    size: int
    population: int
    drawn: str
    drawn_by: str
    state: State
    run: int | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A text to judge: `place` of it in the lot (from 1), and what each person said so far."""

    text_id: int
    picture_id: int
    place: int
    verdicts: dict[str, Verdict]

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that counts: the stricter one."""
        return "not" if "not" in self.verdicts.values() else "acceptable" if self.verdicts else None


def to_judge(reader: Reader, sample_id: int, who: str | None = None) -> Judgement | None:
    """The next drawn text that has no verdict, or none of this person's; None where none is left."""
    left, values = f"AND NOT {JUDGED}", tuple[str, ...]()
    if who is not None:
        left, values = f"AND NOT {JUDGED[:-1]} AND who = ?)", (storable(who),)
    return next(lot(reader, sample_id, f"{left} AND {UNCHANGED}", values), None)


def samples(reader: Reader, *, state: State | None = None) -> list[Sample]:
    """The samples of a collection, newest first."""
    found = [_sample(reader, row) for row in reader.rows("SELECT * FROM samples ORDER BY id DESC")]
    return [sample for sample in found if state in (None, sample.state)]


def get(reader: Reader, sample_id: int) -> Sample | None:
    """A sample by its number."""
    row = reader.one("SELECT * FROM samples WHERE id = ?", (sample_id,))
    return _sample(reader, row) if row else None


def there(reader: Reader, sample_id: int) -> Sample:
    """The same, of one that must be there; InputError where there is none."""
    found = get(reader, sample_id)
    if found is None:
        raise InputError(f"there is no sample {sample_id} in this collection")
    return found


def lot(reader: Reader, sample_id: int, where: str = "", values: tuple[object, ...] = ()) -> Iterator[Judgement]:
    """The texts that were drawn, in the order of the lot, with their verdicts; `where` narrows them, in SQL."""
    for row in reader.rows(
        "SELECT sample_texts.text_id, sample_texts.picture_id, place,"  # noqa: S608
        " (SELECT json_group_object(who, verdict) FROM verdicts WHERE verdicts.sample_id = sample_texts.sample_id"
        f" AND verdicts.text_id = sample_texts.text_id) AS said {FROM}"
        f" WHERE sample_texts.sample_id = ? AND place IS NOT NULL {where} ORDER BY place",
        (sample_id, *values),
    ):
        yield Judgement(row["text_id"], row["picture_id"], row["place"], json.loads(row["said"]))


def _sample(reader: Reader, row: sqlite3.Row) -> Sample:
    counts = reader.one("SELECT count(*), count(place) FROM sample_texts WHERE sample_id = ?", (row["id"],))
    run = runs.get(reader, row["run_id"]) if row["run_id"] is not None else None
    state: State = row["state"]
    if run is not None and run.state != "undone":
        state = "applying" if run.state == "running" else "applied"
    else:
        run = None
    plain = json.loads(row["filter"])
    lists = {name: tuple(value) for name, value in plain.items() if isinstance(value, list)}
    return Sample(
        row["id"],
        Filter(**plain | lists),
        row["seed"],
        counts[1] if counts else 0,
        counts[0] if counts else 0,
        row["drawn"],
        row["drawn_by"],
        state,
        run.id if run else None,
    )
