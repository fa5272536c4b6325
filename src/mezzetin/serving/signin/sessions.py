"""Sessions: who has signed in and for how long, kept by the server, so that it can end one at any moment.

Enters: a `Who`. Leaves: a token for a cookie, and later the `Who` again. The file holds a token's SHA-256 alone. A
session ends 8 hours after it was last used, 7 days after it began, with its account, or when its owner signs out.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from pathlib import Path

from mezzetin.serving.signin.database import database
from mezzetin.serving.signin.roles import checked_role
from mezzetin.serving.signin.who import Who

IDLE, LONGEST = 8 * 3600.0, 7 * 24 * 3600.0
_NOTED_EVERY = 60.0
_FIND = """
SELECT s.account, s.subject, s.name, s.role, s.seen, a.name AS account_name, a.role AS account_role
FROM sessions s LEFT JOIN accounts a ON a.name = s.account
WHERE s.digest = ? AND s.seen > ? AND s.began > ? AND (s.account IS NULL OR (a.name IS NOT NULL AND a.disabled IS NULL))
"""


def begin(file: Path, who: Who, *, instead_of: str | None = None, now: float | None = None) -> str:
    """Begin a session and return its token; the one that the browser had ends, and so do all that are too old."""
    now = time.time() if now is None else now
    token = secrets.token_urlsafe(32)
    account = who.name if who.how == "account" else None
    with database(file) as connection:
        connection.execute("DELETE FROM sessions WHERE seen <= ? OR began <= ?", (now - IDLE, now - LONGEST))
        connection.execute("DELETE FROM sessions WHERE digest = ?", (_digest(instead_of or ""),))
        connection.execute(
            "INSERT INTO sessions (digest, account, subject, name, role, began, seen) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (_digest(token), account, who.id, who.name, who.role, now, now),
        )
    return token


def find(file: Path, token: str, *, now: float | None = None) -> Who | None:
    """Whose session it is; None for one that has ended. An account's role is the one that it has now."""
    now = time.time() if now is None else now
    with database(file) as connection:
        row = connection.execute(_FIND, (_digest(token), now - IDLE, now - LONGEST)).fetchone()
        if row is None:
            return None
        if now - row["seen"] > _NOTED_EVERY:
            connection.execute("UPDATE sessions SET seen = ? WHERE digest = ?", (now, _digest(token)))
    if row["account"] is None:
        return Who(row["name"], checked_role(row["role"]), "oidc", row["subject"])
    return Who(row["account_name"], checked_role(row["account_role"]), "account", row["subject"])


def end(file: Path, token: str) -> None:
    """End a session."""
    with database(file) as connection:
        connection.execute("DELETE FROM sessions WHERE digest = ?", (_digest(token),))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
