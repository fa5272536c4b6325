"""Finding pictures by their words: every word of the question must be there, in whatever order.

Enters: a query. Leaves: the numbers of pictures, the best places first: what a record says and people vouch for, then
what machines say. A common word matches a large part of a large collection, and BM25 would read all of it to order the
first thirty; here an index is read until there are enough, and what is near by meaning is asked for its words.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice

import numpy as np

from mezzetin.collection.opening import Reader
from mezzetin.retrieval.index import Among, held
from mezzetin.retrieval.query import Query

VOUCHED, MACHINES = 1.0, 0.6
"""How good a place holds the words: a record or what people vouch for, or what machines say."""
_FEW, _READ_MOST, _CHUNK = 500, 5000, 1000
_COLUMNS = "title, artist, tags, record, said, machine, alternatives, extra"
_VOUCHED = "{title artist tags record said}"


def by_words(
    reader: Reader, query: Query, limit: int, *, among: Among | None = None, approved_only: bool = False
) -> dict[int, float]:
    """At most `limit` pictures that hold all words of the query, and how good a place holds them, 0..1.

    Only pictures that `among` lets count: of few each is looked at, of many the first of a common word are passed by.
    """
    found: dict[int, float] = {}
    expression = query.expression()
    if not expression:
        return found
    if among is not None and np.count_nonzero(among) <= _FEW:
        found = holding(reader, query, np.flatnonzero(among).tolist(), approved_only=approved_only)
        return dict(sorted(found.items(), key=lambda one: -one[1])[:limit])
    for table, place in (("vouched", VOUCHED), ("words", MACHINES))[: 1 if approved_only else 2]:
        rows = reader.rows(
            f"SELECT rowid FROM {table} WHERE {table} MATCH ? LIMIT ?",  # noqa: S608
            (expression, limit if among is None else _READ_MOST),
        )
        for row in rows if among is None else _kept(rows, among):
            found.setdefault(row[0], place)
            if len(found) >= limit:
                return found
    return found


def holding(reader: Reader, query: Query, pictures: Iterable[int], *, approved_only: bool = False) -> dict[int, float]:
    """Those of some hundred pictures that hold all words of the query, as in `by_words`.

    They are indexed once more, in memory: asked for rows by number, FTS5 begins anew for each.
    """
    expression = query.expression()
    if not expression:
        return {}
    rows = reader.rows(
        f"SELECT rowid, {_COLUMNS} FROM words WHERE rowid IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(list(pictures)),),
    )
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as own:
        own.execute(
            f"CREATE VIRTUAL TABLE some USING fts5 ({_COLUMNS}, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        own.execute("BEGIN")
        marks = ", ".join("?" * 9)
        own.executemany(f"INSERT INTO some (rowid, {_COLUMNS}) VALUES ({marks})", map(tuple, rows))  # noqa: S608
        ask = "SELECT rowid FROM some WHERE some MATCH ?"
        best = {row[0]: VOUCHED for row in own.execute(ask, (f"{_VOUCHED} : ({expression})",))}
        rest = {} if approved_only else {row[0]: MACHINES for row in own.execute(ask, (expression,))}
    return rest | best


def _kept(rows: Iterator[sqlite3.Row], among: Among) -> Iterator[sqlite3.Row]:
    while chunk := list(islice(rows, _CHUNK)):
        fits = held(np.array([row[0] for row in chunk], np.int64), among)
        yield from (row for row, fit in zip(chunk, fits, strict=True) if fit)
