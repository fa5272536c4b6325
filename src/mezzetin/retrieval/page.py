"""One page of an answer: the pictures with the text of each that fits best."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from mezzetin.collection.opening import Reader
from mezzetin.collection.pictures import picture_of
from mezzetin.collection.rows import Picture, Text
from mezzetin.collection.texts import text_of
from mezzetin.retrieval.candidates import Compared
from mezzetin.retrieval.filters import Filter
from mezzetin.retrieval.records import Hit, Why

Ranked = Sequence[tuple[int, float]]


def hits_of(
    reader: Reader,
    ranked: Ranked,
    compared: Compared,
    words: Mapping[int, float],
    wanted: Filter,
    limit: int,
    offset: int,
) -> tuple[tuple[Hit, ...], bool]:
    """The hits of one page, and whether there are more; a picture whose file is gone is none."""
    kept: list[tuple[int, float]] = []
    for start in range(0, len(ranked), offset + limit + 1):
        part = ranked[start : start + offset + limit + 1]
        present = _present(reader, [number for number, _ in part])
        kept += [(number, score) for number, score in part if number in present]
        if len(kept) > offset + limit:
            break
    shown = kept[offset : offset + limit]
    numbers = [number for number, _ in shown]
    pictures, texts = _pictures(reader, numbers), _texts(reader, numbers)
    hits = []
    for number, score in shown:
        why: list[Why] = ["words"] if number in words else []
        why += ["meaning"] if number in compared.meaning else []
        why += ["picture"] if number in compared.picture else []
        fitting = [text for text in texts.get(number, ()) if wanted.fits(text)]
        best = compared.text.get(number)
        text = min(fitting, key=lambda one: (one.id != best, one.kind != "alt", one.id), default=None)
        hits.append(Hit(pictures[number], text, round(score, 4), tuple(why)))
    return tuple(hits), len(kept) > offset + limit


def _present(reader: Reader, numbers: list[int]) -> set[int]:
    rows = reader.rows(
        "SELECT id FROM pictures WHERE status <> 'gone' AND id IN (SELECT value FROM json_each(?))",
        (json.dumps(numbers),),
    )
    return {row[0] for row in rows}


def _pictures(reader: Reader, numbers: list[int]) -> dict[int, Picture]:
    rows = reader.rows("SELECT * FROM pictures WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(numbers),))
    return {row["id"]: picture_of(row) for row in rows}


def _texts(reader: Reader, numbers: list[int]) -> dict[int, list[Text]]:
    found: dict[int, list[Text]] = {}
    for row in reader.rows(
        "SELECT * FROM chosen_texts WHERE picture_id IN (SELECT value FROM json_each(?))", (json.dumps(numbers),)
    ):
        found.setdefault(row["picture_id"], []).append(text_of(row))
    return found
