"""Whether a text holds the words of a query, and where: as the index of words sees it.

Enters: a text and a query. Leaves: yes or no, and places. The same tokens, word stems and folded accents decide as in
a search of everything, since SQLite's FTS5 answers here too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from mezzetin.retrieval.query import Query

#: They end up in no text: a private character of each is what FTS5 sets around what it found.
_BEGIN, _END = "\ue000", "\ue001"


def holds(text: str, query: Query) -> bool:
    """Say whether one text holds every word of the query, and its phrases in a row; without words every text does."""
    expression = query.expression()
    return not expression or _asked(text, expression, "1") is not None


def places(text: str, query: Query) -> Iterator[tuple[int, int]]:
    """Where the words and phrases of the query stand in a text that may hold only some: from a letter up to another."""
    parts = [f'"{one}"' for one in (*query.phrases, *query.words)]
    plain = text.replace(_BEGIN, " ").replace(_END, " ")
    marked = _asked(plain, " OR ".join(parts), f"highlight(one, 0, '{_BEGIN}', '{_END}')") if parts else None
    if marked is None:
        return
    at = 0
    for piece in marked.split(_BEGIN)[1:] if (at := marked.find(_BEGIN)) >= 0 else ():
        found, _, rest = piece.partition(_END)
        yield at, at + len(found)
        at += len(found) + len(rest)


def _asked(text: str, expression: str, answer: str) -> str | None:
    """What FTS5 answers of a table with this one text; None where it does not match."""
    with closing(sqlite3.connect(":memory:")) as own:
        own.execute("CREATE VIRTUAL TABLE one USING fts5 (text, tokenize = 'porter unicode61 remove_diacritics 2')")
        own.execute("INSERT INTO one VALUES (?)", (text,))
        row = own.execute(f"SELECT {answer} FROM one WHERE one MATCH ?", (expression,)).fetchone()  # noqa: S608
    return None if row is None else str(row[0])
