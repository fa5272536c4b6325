"""A snapshot to read from, and a transaction that knows who writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mezzetin.collection.rows import Actor

Parameters = Sequence[Any] | Mapping[str, Any]
"""The values of a statement, by position or by name."""


def now() -> str:
    """This moment as every table writes it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def storable(text: str) -> str:
    """The text as UTF-8 can hold it: a lone surrogate, which is half a character, becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Reading:
    """Queries on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Parameters = ()) -> Iterator[sqlite3.Row]:
        """The rows of a query, one by one."""
        yield from self._connection.execute(sql, parameters)

    def one(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        row: sqlite3.Row | None = self._connection.execute(sql, parameters).fetchone()
        return row


class Writing(Reading):
    """A transaction under way: who makes it, as what, in which run. It is one act, and changes a given text once."""

    def __init__(self, connection: sqlite3.Connection, actor: Actor, verb: str, run: int | None) -> None:
        super().__init__(connection)
        self.actor = actor
        self.verb = verb
        self.run = run
        self.at = now()
        self.undoes_change: int | None = None
        self.undoes_run: int | None = None
        self._act: int | None = None

    @property
    def act(self) -> int:
        """The number of this act; it is entered when it is first asked for, so that no act stands for nothing."""
        if self._act is None:
            done = self.execute(
                "INSERT INTO acts (at, who, who_is, verb, run_id, undoes_change, undoes_run)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    self.at,
                    storable(self.actor.name),
                    "person" if self.actor.is_person else "machine",
                    self.verb,
                    self.run,
                    self.undoes_change,
                    self.undoes_run,
                ),
            )
            self._act = done.lastrowid
        if self._act is None:
            raise RuntimeError("an act has no number")
        return self._act

    def enter(self) -> None:
        """Enter the act even where it changes no text."""
        self._act = self.act

    def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """Run one statement in this transaction."""
        return self._connection.execute(sql, parameters)
