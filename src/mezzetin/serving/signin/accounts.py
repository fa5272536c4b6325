"""Local accounts: a name, the hash of a password and a role, in a private file beside the collection.

Enters: a name, a password, a role. Leaves: the records, without their hashes. Who is disabled, or gets another
password, is out at once: their sessions end with it.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mezzetin.errors import InputError
from mezzetin.serving.signin.database import database, make_database
from mezzetin.serving.signin.passwords import (
    LONGEST,
    check_password,
    fits,
    hash_password,
    is_outdated,
    nobodys_hash,
)
from mezzetin.serving.signin.roles import Role, checked_role

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", re.ASCII)
_SHOWN = "name, role, created, disabled, last_sign_in"


@dataclass(frozen=True, slots=True)
class Account:
    """What is told of an account; times are ISO 8601 in UTC."""

    name: str
    role: Role
    created: str
    disabled: str | None
    last_sign_in: str | None


def accounts_beside(collection: Path) -> Path:
    """Where a collection's accounts are kept: NAME.accounts.sqlite beside NAME.sqlite."""
    return collection.with_name(f"{collection.stem}.accounts.sqlite")


def add_account(name: str, password: str, role: str, file: Path) -> Account:
    """Make an account; the file is made with the first.

    Raises:
        InputError: the name is none or is taken, the role is none, or the password is too easy.
        EnvironmentProblem: the file can't be written, or others may read it.

    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for an account: use up to 64 of letters, digits and . _ @ + -")
    chosen = _role(role)
    check_password(password, name)
    hashed = hash_password(password)
    make_database(file)
    try:
        with database(file) as connection:
            connection.execute(
                "INSERT INTO accounts (name, hash, role, created) VALUES (?, ?, ?, ?)", (name, hashed, chosen, _now())
            )
    except sqlite3.IntegrityError:
        raise InputError(
            f"there is an account {name} already: `mezzetin accounts passwd` changes its password"
        ) from None
    return _get(file, name)


def list_accounts(file: Path) -> list[Account]:
    """All accounts by name; none where there is no file."""
    if not file.exists():
        return []
    with database(file) as connection:
        return [Account(*row) for row in connection.execute(f"SELECT {_SHOWN} FROM accounts ORDER BY name")]  # noqa: S608


def change_password(name: str, password: str, file: Path) -> Account:
    """Give an account another password and end its sessions; raises as `add_account` does."""
    account = _get(file, name)
    check_password(password, account.name)
    return _change(file, name, "hash = ?", hash_password(password), ends=True)


def disable_account(name: str, file: Path) -> Account:
    """Let an account sign in no more and end its sessions.

    Raises:
        InputError: there is no such account.
        EnvironmentProblem: the file can't be written.

    """
    return _change(file, name, "disabled = coalesce(disabled, ?)", _now(), ends=True)


def enable_account(name: str, file: Path) -> Account:
    """Let an account sign in again; raises as `disable_account` does."""
    return _change(file, name, "disabled = ?", None)


def change_role(name: str, role: str, file: Path) -> Account:
    """Give an account another role, from its next request on; raises as `disable_account` does."""
    return _change(file, name, "role = ?", _role(role))


def sign_in(name: str, password: str, file: Path) -> Account | None:
    """The account whose name and password these are; None where there is none, or it is disabled.

    Whether there is such an account makes no difference to the time it takes. A hash with old parameters is renewed.
    """
    # Of what is no name SQLite could not store all.
    name = name if _NAME.fullmatch(name) else ""
    with database(file) as connection:
        row = connection.execute("SELECT hash, disabled FROM accounts WHERE name = ?", (name,)).fetchone()
    kept = row["hash"] if row is not None else nobodys_hash()
    if not fits(kept, password) or row is None or row["disabled"] is not None or len(password) > LONGEST:
        return None
    renewed = hash_password(password) if is_outdated(kept) else kept
    with database(file) as connection:
        # Another password may have been set meanwhile, and it must stay.
        connection.execute("UPDATE accounts SET hash = ? WHERE name = ? AND hash = ?", (renewed, name, kept))
        connection.execute("UPDATE accounts SET last_sign_in = ? WHERE name = ?", (_now(), name))
    return _get(file, name)


def _change(file: Path, name: str, change: str, value: str | None, *, ends: bool = False) -> Account:
    account = _get(file, name)
    with database(file) as connection:
        connection.execute(f"UPDATE accounts SET {change} WHERE name = ?", (value, account.name))  # noqa: S608
        if ends:
            connection.execute("DELETE FROM sessions WHERE account = ?", (account.name,))
    return _get(file, name)


def _get(file: Path, name: str) -> Account:
    row = None
    if file.exists():
        with database(file) as connection:
            row = connection.execute(f"SELECT {_SHOWN} FROM accounts WHERE name = ?", (name,)).fetchone()  # noqa: S608
    if row is None:
        raise InputError(f"there is no account {name} in {file}: `mezzetin accounts list` names those that there are")
    return Account(*row)


def _role(role: str) -> Role:
    try:
        return checked_role(role)
    except ValueError as error:
        raise InputError(str(error)) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
