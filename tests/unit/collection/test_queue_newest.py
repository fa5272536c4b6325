"""The newest first, page by page: in order, whole, and without SQLite sorting every text for each page."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mezzetin.collection import people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter, page
from mezzetin.collection.rows import STATUSES, Actor, MachineText, Sighting

SMALL, ANNA = Actor.machine("small"), Actor.person("anna")


@pytest.mark.parametrize("statuses", [("machine",), STATUSES])
def test_the_newest_come_first_from_an_index(tmp_path: Path, statuses: tuple[str, ...]) -> None:
    with Collection.open(tmp_path / "museum.sqlite", create=True) as collection:
        for number in range(1, 31):
            with collection.writing(SMALL, "collect") as writing:
                pictures.see(writing, Sighting("s", f"/p/{number}.jpg"))
                texts.put_machine(writing, number, MachineText(f"Text {number}.", "en", "small", confidence=0.5))
        people.edit(collection, ANNA, 3, "Newer.", version=1)
        wanted, found, after, asked = Filter(statuses=statuses), [], None, 0
        seen: list[str] = []
        collection._writer.set_trace_callback(seen.append)
        while asked == 0 or after is not None:
            with collection.writing(SMALL, "read") as reader:
                one = page(reader, wanted, after=after, limit=7, order="newest")
            found += [item.text.id for item in one.items]
            after, asked = one.next, asked + 1
        collection._writer.set_trace_callback(None)
        others = [number for number in range(30, 0, -1) if number != 3]
        assert found == ([3, *others] if "edited" in statuses else others)
        selects = [sql for sql in seen if "texts.act_id DESC" in sql]
        assert len(selects) == asked
        for sql in selects:
            assert "ORDER BY" in sql and "TEMP B-TREE" not in plan(tmp_path / "museum.sqlite", sql), sql


def plan(path: Path, sql: str) -> str:
    connection = sqlite3.connect(path)
    try:
        return " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}"))
    finally:
        connection.close()
