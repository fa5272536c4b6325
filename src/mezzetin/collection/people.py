"""What people do with texts: write, edit, approve, reject, delete.

Enters: a person, a text, and the version that the person saw. Leaves: the text as it is now, or a `Conflict` that
carries it, where somebody else was quicker.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from mezzetin.collection import texts
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, Text
from mezzetin.collection.writing import Writing, storable
from mezzetin.errors import InputError

_BARE = "machine_text = NULL, confidence = NULL, unlike_training = NULL, alternatives = NULL, tokens = NULL"


def edit(collection: Collection, actor: Actor, text_id: int, text: str, *, version: int) -> Text:
    """Put a person's words in the place of a text; what a machine wrote stays beside it as `machine_text`.

    Raises:
        Conflict: the text is not at `version` any more.
        InputError: the words are empty, there is no such text, or the actor is no person.

    """
    if not text.strip():
        raise InputError("an empty text says nothing: delete it instead")
    return _decide(collection, actor, "edit", text_id, version, "status = 'edited', text = ?", (storable(text),))


def approve(collection: Collection, actor: Actor, text_id: int, *, version: int) -> Text:
    """Let a text stand as a person has read it; raises as `edit` does."""
    return _decide(collection, actor, "approve", text_id, version, "status = 'approved'")


def reject(collection: Collection, actor: Actor, text_id: int, *, version: int) -> Text:
    """Refuse a text: it does not count any more, and no machine writes the same words again; raises as `edit` does."""
    return _decide(collection, actor, "reject", text_id, version, "status = 'rejected'")


def delete(collection: Collection, actor: Actor, text_id: int, *, version: int) -> Text:
    """Take a text away for good: no machine writes for its picture, kind and language again; raises as `edit` does."""
    return _decide(collection, actor, "delete", text_id, version, f"status = 'deleted', text = NULL, {_BARE}")


def write(
    collection: Collection, actor: Actor, picture_id: int, text: str, *, kind: str = "alt", lang: str = "en"
) -> Text:
    """Write a text of one's own for a picture; its source is "human".

    Raises:
        Conflict: a person's text is there already, which `edit` changes.
        InputError: the words are empty, there is no such picture, or the actor is no person.

    """
    texts.check_slot(kind, lang)
    if not text.strip():
        raise InputError("an empty text says nothing: write what the picture shows")
    with _person_writing(collection, actor, "write") as writing:
        picture = writing.one("SELECT sha256 FROM pictures WHERE id = ?", (picture_id,))
        if picture is None:
            raise InputError(f"there is no picture {picture_id} in this collection")
        there = writing.one(
            "SELECT id FROM texts WHERE picture_id = ? AND kind = ? AND lang = ? AND source = 'human'"
            " AND status NOT IN ('rejected', 'withdrawn')",
            (picture_id, kind, lang),
        )
        if there is not None:
            raise Conflict("a person has written here already: edit that text", texts.get(writing, there["id"]))
        made = writing.execute(
            "INSERT INTO texts (picture_id, kind, lang, source, status, text, of_sha256, act_id)"
            " VALUES (?, ?, ?, 'human', 'edited', ?, ?, ?)",
            (picture_id, kind, lang, storable(text), picture["sha256"], writing.act),
        )
        return _there(writing, int(made.lastrowid or 0))


def _decide(
    collection: Collection,
    actor: Actor,
    verb: str,
    text_id: int,
    version: int,
    change: str,
    values: tuple[object, ...] = (),
) -> Text:
    with _person_writing(collection, actor, verb) as writing:
        current = _there(writing, text_id)
        if current.version != version or current.status == "withdrawn":
            raise Conflict(f"{current.changed_by} has changed this text: look at it again", current)
        if current.text is None and verb != "edit":
            raise InputError(f"a deleted text can't be changed by {verb}: write one, or undo the deletion")
        try:
            writing.execute(
                f"UPDATE texts SET {change}, version = version + 1, act_id = ? WHERE id = ?",  # noqa: S608
                (*values, writing.act, text_id),
            )
        except sqlite3.IntegrityError as error:
            raise Conflict(f"{error}: look at the picture's texts again", current) from error
        # Whoever looked at the new bytes' words has looked at the picture.
        writing.execute(
            "UPDATE pictures SET status = 'done' WHERE id = ? AND status = 'changed'", (current.picture_id,)
        )
        return _there(writing, text_id)


@contextmanager
def _person_writing(collection: Collection, actor: Actor, verb: str) -> Iterator[Writing]:
    require_person(actor)
    with collection.writing(actor, verb) as writing:
        yield writing


def require_person(actor: Actor) -> None:
    """Refuse a machine where people decide.

    Raises:
        InputError: the actor is none, or has no name.

    """
    if not actor.is_person or not actor.name.strip():
        raise InputError("only a person decides on texts: say who")


def _there(writing: Writing, text_id: int) -> Text:
    found = texts.get(writing, text_id)
    if found is None:
        raise InputError(f"there is no text {text_id} in this collection")
    return found
