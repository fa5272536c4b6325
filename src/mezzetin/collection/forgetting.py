"""Forgetting a picture: its row, texts, history and whatever else is kept of it, to the last byte of the file.

Enters: a picture, as a person names it. Leaves: a salted digest of its bytes and of its place, so that the next run
does not bring it back; nothing else, in the file or in its journal.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mezzetin.collection.copies import erase_copies, folder_of
from mezzetin.collection.marks import is_forgotten, marks
from mezzetin.collection.opening import Collection
from mezzetin.collection.people import require_person
from mezzetin.collection.pictures import each, find, get
from mezzetin.collection.rows import Actor, Picture
from mezzetin.collection.vectors import derived_folder
from mezzetin.collection.writing import Writing
from mezzetin.errors import EnvironmentProblem, InputError

_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows of pictures are gone, and the backups beside the collection, which may still hold them."""

    pictures: int
    backups: tuple[Path, ...]


def forget(collection: Collection, actor: Actor, image: str) -> Forgotten:
    """Erase a picture, named by number, address, the house's own number, digest or file name.

    All pages of its file go, and every other place where the same bytes lie. The file of the collection is written
    anew, which needs as much free space again.

    Raises:
        InputError: there is no such picture, or the name fits several, or the actor is no person.
        EnvironmentProblem: another program reads the collection for so long that its journal can't be emptied.

    """
    require_person(actor)
    with collection.writing(actor, "forget") as writing:
        found = find(writing, image)
        if not found:
            raise InputError("there is no such picture in this collection: name its number, address or file name")
        if len({(one.sha256, one.uri) for one in found}) > 1 and len({one.sha256 or one.uri for one in found}) > 1:
            numbers = ", ".join(str(one.id) for one in found[:10])
            raise InputError(f"this name fits {len(found)} pictures: name one by its number ({numbers})")
        erased = _erase(writing, found)
        writing.enter()
    return _told(collection, erased)


def forget_picture(collection: Collection, actor: Actor, picture_id: int) -> Forgotten:
    """Erase the picture of this number, as `forget` does: a house may number its own pictures alike.

    Raises:
        InputError: there is no such picture, or the actor is no person.
        EnvironmentProblem: as in `forget`.

    """
    require_person(actor)
    with collection.writing(actor, "forget") as writing:
        found = get(writing, picture_id)
        if found is None:
            raise InputError(f"there is no picture {picture_id} in this collection: it may have been forgotten already")
        erased = _erase(writing, [found])
        writing.enter()
    return _told(collection, erased)


def forget_again(collection: Collection, known: Iterable[str]) -> int:
    """Forget, after an older state was restored, what was forgotten since; return how many rows that were."""
    with collection.writing(Actor.machine("restore"), "forget") as writing:
        for mark in known:
            writing.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", (mark,))
        back = [one for one in each(writing) if is_forgotten(writing, one.sha256, one.uri)]
        erased = _erase(writing, back) if back else None
    return 0 if erased is None else _told(collection, erased).pictures


def remember(collection: Collection, actor: Actor, *, sha256: str | None = None, uri: str | None = None) -> bool:
    """Let a forgotten picture come back with the next run; say whether it was one."""
    require_person(actor)
    with collection.writing(actor, "remember") as writing:
        gone = [
            writing.execute("DELETE FROM forgotten WHERE mark = ?", (mark,)).rowcount
            for mark in marks(writing, sha256, uri)
        ]
        return sum(gone) > 0


def scrub(collection: Collection) -> None:
    """Write the file anew and empty its journal, so that neither holds what was deleted.

    Raises:
        EnvironmentProblem: another program keeps reading an older state.

    """
    # Zeroed cells (secure_delete) are not enough: a page that SQLite rearranged keeps copies in its gaps.
    with collection.alone() as connection:
        # Indexes of vectors are made anew. Those of words keep what is gone until their parts are merged.
        shutil.rmtree(derived_folder(collection.path), ignore_errors=True)
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        connection.execute("INSERT INTO vouched (vouched) VALUES ('optimize')")
        connection.execute("VACUUM")
        deadline = time.monotonic() + _PATIENCE
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    f"{collection.path}: it is forgotten, but another program still reads what was: close it and open "
                    "the collection once more"
                )
            time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class _Erased:
    pictures: int
    digests: tuple[str, ...]


def _told(collection: Collection, erased: _Erased) -> Forgotten:
    """Take away what is kept beside the collection, too; small copies go first, since anybody may be looking."""
    erase_copies(folder_of(collection.path), erased.digests)
    scrub(collection)
    folder, name = collection.path.parent, collection.path.name
    backups = sorted(one for one in folder.iterdir() if one.name.startswith(f"{name}.") and one.suffix == ".backup")
    return Forgotten(erased.pictures, tuple(backups))


def _erase(writing: Writing, found: list[Picture]) -> _Erased:
    for one in found:
        for mark in marks(writing, one.sha256, one.uri):
            writing.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", (mark,))
    writing.execute(
        "INSERT OR IGNORE INTO forgetting SELECT id FROM pictures WHERE uri IN (SELECT value FROM json_each(?))"
        " OR sha256 IN (SELECT value FROM json_each(?)) OR id IN (SELECT value FROM json_each(?))",
        (
            json.dumps([one.uri for one in found]),
            json.dumps([one.sha256 for one in found if one.sha256]),
            json.dumps([one.id for one in found]),
        ),
    )
    going = list(writing.rows("SELECT uri, sha256 FROM pictures WHERE id IN (SELECT picture_id FROM forgetting)"))
    for row in going:
        for mark in marks(writing, None, row["uri"]):
            writing.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", (mark,))
    erased = writing.execute("DELETE FROM pictures WHERE id IN (SELECT picture_id FROM forgetting)").rowcount
    writing.execute("DELETE FROM forgetting")
    return _Erased(erased, tuple({row["sha256"] for row in going if row["sha256"]}))
