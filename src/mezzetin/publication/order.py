"""What an export was asked for, and what came of it: the two records that every format takes.

Enters: choices of a person. Leaves: an `Order` for a format's `write`, and the `Exported` that it fills.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mezzetin.errors import InputError
from mezzetin.publication.rows import Selection
from mezzetin.records import ItemError, Progress
from mezzetin.storage.paths import Place

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one picture or text is not in the export as asked; `place` is the picture's address or a file's."""

    place: str
    error: ItemError

    def to_json(self) -> dict[str, Any]:
        """One line of `--json`."""
        return {"place": self.place, "code": self.error.code, "message": self.error.message}


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked: `target` is a file or a folder, None where the pictures themselves are meant (`in_place`).

    `options` are those of one format alone, such as the address under which a site will stand. `report` takes how far
    it is, `note` each problem as it comes.
    """

    selection: Selection
    target: Place | None = None
    in_place: bool = False
    overwrite: bool = False
    dry_run: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    report: Report = lambda _: None
    note: Callable[[Problem], None] = lambda _: None

    def place(self) -> Place:
        """Where the result goes.

        Raises:
            InputError: nobody said where.

        """
        if self.target is None:
            raise InputError("this needs a place to write to: name a TARGET after the collection")
        return self.target


@dataclass(slots=True)
class Exported:
    """What came of an export: pictures and texts that are in it, and what of its files became of each.

    `files` counts them: written, same (nothing changed since the last run), to write (of a dry run). `kept` texts gave
    way to a person's in the file. `problems` counts by code, `examples` names the first picture of each; `labels`
    counts the texts by who stands behind them.
    """

    format: str
    target: str = ""
    pictures: int = 0
    texts: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def has_problems(self) -> bool:
        """Whether something that was asked for is not there."""
        return bool(self.problems)

    def fail(self, order: Order, place: str, code: str, message: str) -> None:
        """Enter a problem and pass it on."""
        self.problems[code] += 1
        self.examples.setdefault(code, message if place in message else f"{place}: {message}")
        order.note(Problem(place, ItemError(code, message)))

    def keep(self, order: Order, place: str, what: str) -> None:
        """Enter that a person's text in a file stays."""
        message = f"{what} that we did not write: it stays as it is"
        self.kept += 1
        self.examples.setdefault("kept", f"{place}: {message}")
        order.note(Problem(place, ItemError("kept", message)))

    def to_json(self) -> dict[str, Any]:
        """The last line of `--json`."""
        return {
            "format": self.format,
            "target": self.target,
            "pictures": self.pictures,
            "texts": self.texts,
            "labels": dict(self.labels),
            "files": dict(self.files),
            "kept": self.kept,
            "problems": dict(self.problems),
        }
