"""The history of texts: who changed what and when, and taking it back, which is a change of its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mezzetin.collection import runs, texts
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.people import require_person
from mezzetin.collection.rows import Actor, Change, Text
from mezzetin.collection.writing import Writing
from mezzetin.errors import InputError

_SELECT = """
SELECT history.*, texts.kind, texts.lang, texts.source, acts.at, acts.who, acts.who_is, acts.verb, acts.run_id,
    acts.undoes_change, acts.undoes_run
FROM history JOIN acts ON acts.id = history.act_id JOIN texts ON texts.id = history.text_id
"""
_RESTORED = (
    "machine_text",
    "confidence",
    "unlike_training",
    "model",
    "model_version",
    "signature",
    "alternatives",
    "tokens",
    "of_sha256",
    "from_version",
)


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undone run left: the run that undid it, how many texts are as before, how many were left alone."""

    run: int
    changed: int
    skipped: int


def of_picture(reader: Reader, picture_id: int) -> Iterator[Change]:
    """The changes of a picture's texts, oldest first."""
    return _changes(reader, "WHERE history.picture_id = ? ORDER BY history.id", (picture_id,))


def of_text(reader: Reader, text_id: int) -> Iterator[Change]:
    """The changes of one text, oldest first."""
    return _changes(reader, "WHERE history.text_id = ? ORDER BY history.id", (text_id,))


def of_run(reader: Reader, run_id: int, after: int = 0) -> Iterator[Change]:
    """The changes of a run, those above number `after`, in the order of its acts."""
    return _changes(reader, "WHERE acts.run_id = ? AND history.id > ? ORDER BY acts.id, history.id", (run_id, after))


def latest(reader: Reader, limit: int = 50, before: int | None = None) -> list[Change]:
    """The latest changes of all, newest first; `before` is the number of one to go on from."""
    where = "WHERE ? IS NULL OR history.id < ? ORDER BY history.id DESC LIMIT ?"
    return list(_changes(reader, where, (before, before, limit)))


def undo(collection: Collection, actor: Actor, change_id: int) -> Text:
    """Put a text back to what it was before a change.

    Raises:
        Conflict: the text has changed since.
        InputError: there is no such change, or the actor is no person.

    """
    require_person(actor)
    with collection.writing(actor, "undo") as writing:
        writing.undoes_change = change_id
        change = writing.one("SELECT * FROM history WHERE id = ?", (change_id,))
        if change is None:
            raise InputError(f"there is no change {change_id} in this collection")
        current = texts.get(writing, change["text_id"])
        if current is None or current.version != change["version"]:
            who = current.changed_by if current else "somebody"
            raise Conflict(f"{who} has changed this text since: undo the newer change first", current)
        _restore(writing, change, current)
        _await_again(writing, "SELECT ?", change["text_id"])
        restored = texts.get(writing, change["text_id"])
    if restored is None:
        raise LookupError(change_id)
    return restored


def undo_run(collection: Collection, actor: Actor, run_id: int, *, skip_changed: bool = False) -> Undone:
    """Put every text that a run changed back to what it was before, all or none, as a run of its own.

    Raises:
        Conflict: texts have changed since; with `skip_changed` those are left alone instead.
        InputError: there is no such run, it was undone before, or the actor is no person.

    """
    require_person(actor)
    run = runs.get(collection, run_id)
    if run is None or run.state == "undone":
        raise InputError(f"there is no run {run_id} to undo" if run is None else f"run {run_id} was undone already")
    own = runs.start(collection, "undo", actor.name, settings={"run": run_id})
    try:
        with collection.writing(actor, "undo", own.id) as writing:
            writing.undoes_run = run_id
            undone = _undo_all(writing, run_id, own.id, skip_changed=skip_changed)
            runs.end(writing, run_id, "undone")
            if run.kind == "undo":
                # What an undo took back counts again.
                runs.end(writing, int(run.settings["run"]), "done")
            runs.advance(writing, done=undone.changed)
            runs.end(writing, own.id, "done")
    except BaseException:
        runs.finish(collection, own.id, state="failed")
        raise
    return undone


def _undo_all(writing: Writing, run_id: int, own: int, *, skip_changed: bool) -> Undone:
    writing.execute("DROP TABLE IF EXISTS temp.undoing")
    writing.execute(
        "CREATE TEMP TABLE undoing AS SELECT text_id AS id, min(history.id) AS first, max(version) AS last"
        " FROM acts JOIN history ON history.act_id = acts.id WHERE acts.run_id = ? GROUP BY text_id",
        (run_id,),
    )
    moved_on = "SELECT undoing.id FROM undoing JOIN texts USING (id) WHERE texts.version <> undoing.last"
    row = writing.one(f"SELECT count(*) FROM ({moved_on})")  # noqa: S608
    skipped: int = row[0] if row else 0
    if skipped and not skip_changed:
        raise Conflict(
            f"{skipped:,} of its texts have changed since run {run_id}: undo it with --skip-changed to leave them alone"
        )
    writing.execute(f"DELETE FROM undoing WHERE id IN ({moved_on})")  # noqa: S608
    changed = last = 0
    while batch := list(
        writing.rows(
            "SELECT history.* FROM undoing JOIN history ON history.id = undoing.first"
            " WHERE undoing.id > ? ORDER BY undoing.id LIMIT 500",
            (last,),
        )
    ):
        for change in batch:
            _restore(writing, change, texts.get(writing, change["text_id"]))
        changed += len(batch)
        last = batch[-1]["text_id"]
    _await_again(writing, "SELECT id FROM undoing WHERE ? IS NOT NULL", own)
    writing.execute("DROP TABLE temp.undoing")
    return Undone(own, changed, skipped)


def _restore(writing: Writing, change: sqlite3.Row, current: Text | None) -> None:
    """Put a text back; a text that was new is withdrawn."""
    before: Mapping[str, Any] = json.loads(change["before"]) if change["before"] else {}
    values = {
        name: json.dumps(value) if isinstance(value, list) else value
        for name, value in ((name, before.get(name)) for name in _RESTORED)
    }
    names = ", ".join(f"{name} = :{name}" for name in values)
    try:
        writing.execute(
            f"UPDATE texts SET status = :status, text = :text, {names}, version = version + 1, act_id = :act"  # noqa: S608
            " WHERE id = :id",
            values
            | {
                "status": change["old_status"] or "withdrawn",
                "text": change["old_text"],
                "act": writing.act,
                "id": change["text_id"],
            },
        )
    except sqlite3.IntegrityError as error:
        raise Conflict(f"{error}: reject or delete that one first", current) from error


def _await_again(writing: Writing, which: str, value: int) -> None:
    """A picture that counted as done and has no text any more waits for one again."""
    writing.execute(
        "UPDATE pictures SET status = 'pending' WHERE status = 'done' AND id IN ("  # noqa: S608
        f"SELECT picture_id FROM texts WHERE status = 'withdrawn' AND id IN ({which}))"
        " AND NOT EXISTS (SELECT 1 FROM texts WHERE picture_id = pictures.id AND status <> 'withdrawn')",
        (value,),
    )


def _changes(reader: Reader, where: str, values: tuple[object, ...]) -> Iterator[Change]:
    for row in reader.rows(_SELECT + where, values):
        plain = {name: row[name] for name in Change.__dataclass_fields__ if name != "by_person"}
        yield Change(**plain, by_person=row["who_is"] == "person")
