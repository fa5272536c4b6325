"""The journal: what an unfinished dataset is made from, and which of its parts are finished.

Enters: what is made, and each finished part. Leaves: `ingest.jsonl` beside the parts, from which the next run learns
where to go on. On a disk a line is appended and synced; in a store, where nothing can be appended, the journal is
written anew, 16 bytes a picture.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from mezzetin.data.target import Target
from mezzetin.errors import StoreRefused
from mezzetin.storage.paths import Place, writing

JOURNAL = "ingest.jsonl"


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part: its file, size in bytes, rows, how many of its images are reduced ones, its sha256, and the
    perceptual hashes of its images, 16 hex digits a row.
    """

    name: str
    size: int
    rows: int
    reduced: int
    sha256: str
    likenesses: str


class Journal:
    """What an unfinished dataset is made from, and which of its parts are finished."""

    def __init__(self, target: Target, made_from: Mapping[str, Any]) -> None:
        """Take up the journal at `target`, or begin one; `parts` are those still in place."""
        self._target, self._made_from = target, made_from
        self.parts: list[Part] = []
        told = read_journal(target.place)
        for name, candidates in (told[1] if told is not None and told[0] == made_from else {}).items():
            part = _in_place(target, name, candidates)
            if part is None:
                break
            self.parts.append(part)
        self._write()

    def add(self, part: Part) -> None:
        """Note that a part is finished; kept when this returns."""
        self.parts.append(part)
        self._note(part)

    def will_replace(self, part: Part) -> None:
        """Note that a part of that name is about to be replaced by this one: from now on either may be in place."""
        if self._target.place.is_local:
            self._note(part)
        else:
            self._write(part)
        self.parts = [part if part.name == old.name else old for old in self.parts]

    def remove(self) -> None:
        """Delete the journal: the dataset is finished."""
        remove_journal(self._target.place)

    def _note(self, part: Part) -> None:
        if not self._target.place.is_local:
            self._write()
            return
        path = self._target.folder / JOURNAL
        with writing(path), path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(part)) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _write(self, *coming: Part) -> None:
        lines = [self._made_from, *(asdict(part) for part in (*self.parts, *coming))]
        place = self._target.place / JOURNAL
        with writing(place):
            place.write("".join(json.dumps(line) + "\n" for line in lines).encode())


def read_journal(folder: Place) -> tuple[dict[str, Any], dict[str, list[Part]]] | None:
    """Return what a folder's unfinished dataset is made from and what its parts may be, or None without one.

    Raises:
        EnvironmentProblem: the store refuses or does not answer.

    """
    try:
        lines = (folder / JOURNAL).read_bytes().decode().split("\n")
        made_from = dict(json.loads(lines[0]))
    except (OSError, ValueError, TypeError):
        return None
    parts: dict[str, list[Part]] = {}
    for line in lines[1:]:
        try:
            part = Part(**json.loads(line))
        except (ValueError, TypeError):
            # A kill in the middle of a line: the part it named is written again.
            break
        parts.setdefault(part.name, []).append(part)
    return made_from, parts


def remove_journal(folder: Place) -> None:
    """Delete the journal of a finished dataset; where a store lets us write but not delete, it stays and is ignored."""
    with writing(folder / JOURNAL), suppress(StoreRefused):
        (folder / JOURNAL).delete()


def _in_place(target: Target, name: str, candidates: list[Part]) -> Part | None:
    """Which of a part's versions lies at the target; None where none does."""
    size = target.size(name)
    fitting = [part for part in candidates if part.size == size]
    if len(candidates) == 1 or not fitting:
        return fitting[0] if fitting else None
    found = target.sha256(name)
    return next((part for part in fitting if part.sha256 == found), None)
