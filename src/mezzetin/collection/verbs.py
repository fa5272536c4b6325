"""The verbs of safekeeping as the command line has them: a collection by its path, a person by name."""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.collection import forgetting, pictures
from mezzetin.collection import history as changes
from mezzetin.collection.forgetting import Forgotten
from mezzetin.collection.history import Undone
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, Change, Text
from mezzetin.collection.safekeeping import backup, restore
from mezzetin.errors import InputError


def forget(collection: str, image: str, *, who: str) -> Forgotten:
    """Erase a picture from a collection; see `mezzetin.collection.forgetting.forget`."""
    with Collection.open(collection) as opened:
        return forgetting.forget(opened, Actor.person(who), image)


def history(collection: str, image: str | None = None, *, limit: int = 50) -> Iterator[Change]:
    """The latest changes of a collection's texts, or of one picture's, newest first.

    Raises:
        InputError: there is no such collection or picture.

    """
    with Collection.open(collection) as opened:
        if image is None:
            yield from changes.latest(opened, limit)
            return
        found = pictures.find(opened, image)
        if not found:
            raise InputError("there is no such picture in this collection: name its number, address or file name")
        every = [change for one in found for change in changes.of_picture(opened, one.id)]
        yield from sorted(every, key=lambda change: -change.id)[:limit]


def undo(collection: str, change: int, *, who: str) -> Text:
    """Take back one change; see `mezzetin.collection.history.undo`."""
    with Collection.open(collection) as opened:
        return changes.undo(opened, Actor.person(who), change)


def undo_run(collection: str, run: int, *, who: str, skip_changed: bool = False) -> Undone:
    """Take back all that a run changed; see `mezzetin.collection.history.undo_run`."""
    with Collection.open(collection) as opened:
        return changes.undo_run(opened, Actor.person(who), run, skip_changed=skip_changed)


__all__ = ["backup", "forget", "history", "restore", "undo", "undo_run"]
