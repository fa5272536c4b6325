"""Runs: work over many pictures, entered before it begins, so that what was killed is found and goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.rows import Actor, Run
from mezzetin.collection.writing import Writing, storable


def start(
    collection: Collection, kind: str, who: str, *, model: str | None = None, settings: Mapping[str, Any] | None = None
) -> Run:
    """Enter a run; it is "running" until `finish` says otherwise."""
    with collection.writing(Actor.machine(who), "start") as writing:
        made = writing.execute(
            "INSERT INTO runs (kind, who, model, settings, started) VALUES (?, ?, ?, ?, ?)",
            (kind, storable(who), model, json.dumps(dict(settings or {})), writing.at),
        )
        return _there(writing, int(made.lastrowid or 0))


def finish(collection: Collection, run_id: int, *, state: str = "done", note: str | None = None) -> Run:
    """Enter how a run ended: done, failed or undone."""
    with collection.writing(Actor.machine("run"), "finish") as writing:
        end(writing, run_id, state, note)
        return _there(writing, run_id)


def end(writing: Writing, run_id: int, state: str, note: str | None = None) -> None:
    """The same inside a transaction."""
    writing.execute(
        "UPDATE runs SET state = ?, finished = ?, note = coalesce(?, note) WHERE id = ?",
        (state, writing.at, note, run_id),
    )


def advance(writing: Writing, *, cursor: int | None = None, done: int = 0, failed: int = 0) -> None:
    """Add to what the transaction's run has done and say where it goes on, kept together with the work itself."""
    writing.execute(
        "UPDATE runs SET cursor = coalesce(?, cursor), done = done + ?, failed = failed + ? WHERE id = ?",
        (cursor, done, failed, writing.run),
    )


def get(reader: Reader, run_id: int) -> Run | None:
    """A run by its number."""
    row = reader.one("SELECT * FROM runs WHERE id = ?", (run_id,))
    return _run(row) if row else None


def latest(reader: Reader, kind: str | None = None, limit: int = 20) -> list[Run]:
    """The latest runs, newest first."""
    rows = reader.rows("SELECT * FROM runs WHERE (? IS NULL OR kind = ?) ORDER BY id DESC LIMIT ?", (kind, kind, limit))
    return [_run(row) for row in rows]


def unfinished(reader: Reader, kind: str) -> list[Run]:
    """Runs of a kind that were begun and not ended, oldest first: under way, or killed."""
    rows = reader.rows("SELECT * FROM runs WHERE kind = ? AND state = 'running' ORDER BY id", (kind,))
    return [_run(row) for row in rows]


def _there(reader: Reader, run_id: int) -> Run:
    found = get(reader, run_id)
    if found is None:
        raise LookupError(run_id)
    return found


def _run(row: sqlite3.Row) -> Run:
    plain = {name: row[name] for name in Run.__dataclass_fields__}
    return Run(**plain | {"settings": json.loads(plain["settings"])})
