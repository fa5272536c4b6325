"""Accounts, passwords and sessions in their file, and the command line that keeps them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner

from mezzetin.cli import app
from mezzetin.errors import EnvironmentProblem, FormatError, InputError
from mezzetin.serving.signin import passwords, sessions
from mezzetin.serving.signin.accounts import (
    accounts_beside,
    add_account,
    change_password,
    change_role,
    disable_account,
    enable_account,
    list_accounts,
    sign_in,
)
from mezzetin.serving.signin.who import Who

PASSWORD = "plum wagon silver 9 tide"  # noqa: S105 - of a test
OTHER = "under seven green kettles"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "museum.accounts.sqlite"
    add_account("Robin", PASSWORD, "reviewer", place)
    return place


def hashes(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [row[0] for row in connection.execute("SELECT hash FROM accounts")]


def robin(file: Path) -> str:
    return sessions.begin(file, Who("Robin", "reviewer", "account", "account:Robin"))


def test_an_account_signs_in_whatever_the_case_of_its_name(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    found = sign_in("robin", PASSWORD, file)
    assert found is not None and (found.name, found.role) == ("Robin", "reviewer") and found.last_sign_in
    assert sign_in("robin", PASSWORD + " ", file) is None and sign_in("robi", PASSWORD, file) is None
    assert hashes(file)[0].startswith("$argon2id$") and PASSWORD.encode() not in file.read_bytes()
    with pytest.raises(InputError, match="already"):
        add_account("ROBIN", OTHER, "viewer", file)


@pytest.mark.parametrize(
    ("typed", "again"),
    [("Zoë's twelve cats", "Zoe\u0308's twelve cats"), ("密码" * 5 + "一二三", "密码" * 5 + "一二三")],
)
def test_any_characters_are_a_password_and_keyboards_agree(tmp_path: Path, typed: str, again: str) -> None:
    add_account("zoe", typed, "viewer", tmp_path / "a")
    assert sign_in("zoe", again, tmp_path / "a") is not None


@pytest.mark.parametrize(
    "password",
    [
        "eleven char",
        "x" * 1001,
        "robin.curator",
        "Robin.Curator1999!",
        "rotarucnibor",
        "robincuratorrobincurator",
        "Password1234!",
        "P@ssw0rd12345",
        "passwordpassword",
        "administrator",
        "aaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "123456789012",
        "qwertyuiop[]",
        "098765432109",
        "abcdefghijklmno",
    ],
)
def test_what_is_guessed_first_is_no_password(tmp_path: Path, password: str) -> None:
    with pytest.raises(InputError) as refused:
        add_account("robin.curator", password, "viewer", tmp_path / "a")
    assert password not in str(refused.value) and not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "password", ["robin likes tea", "correct horse tin", "aq3 aq3 bq3 cq", "passwords are dull", OTHER]
)
def test_nothing_but_length_is_asked_of_others(password: str) -> None:
    passwords.check_password(password, "robin")


@pytest.mark.parametrize("name", ["", "a b", "-a", "é", "a\n", "x" * 65, "<b>"])
def test_what_is_no_name_makes_no_account(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no name"):
        add_account(name, PASSWORD, "viewer", tmp_path / "a")


def test_a_hash_with_older_parameters_is_renewed_by_signing_in(file: Path) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE accounts SET hash = ?", (old,))
    assert sign_in("Robin", OTHER, file) is None and hashes(file) == [old]
    assert sign_in("Robin", PASSWORD, file) is not None
    assert not PasswordHasher().check_needs_rehash(hashes(file)[0]) and sign_in("Robin", PASSWORD, file) is not None


def test_unknown_names_cost_the_same_work_as_known_ones(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: Any, kept: str, password: str) -> bool:
        done.append(kept.rpartition("$")[0].rpartition("$")[0])
        return verify(self, kept, password)

    passwords.nobodys_hash()
    monkeypatch.setattr(PasswordHasher, "verify", counted)
    assert sign_in("Robin", OTHER, file) is None
    assert sign_in("nobody", OTHER, file) is None
    assert sign_in("\udc80", OTHER.replace(" ", "\udc80"), file) is None
    disable_account("Robin", file)
    assert sign_in("Robin", PASSWORD, file) is None
    # One comparison each, with the same parameters.
    assert len(done) == 4 and len(set(done)) == 1


def test_a_session_outlives_the_process_and_follows_its_account(file: Path) -> None:
    token = robin(file)
    assert sessions.find(file, token) == Who("Robin", "reviewer", "account", "account:Robin")
    assert token.encode() not in file.read_bytes() and sessions.find(file, token + "x") is None
    change_role("robin", "admin", file)
    found = sessions.find(file, token)
    assert found is not None and found.role == "admin"
    change_password("robin", OTHER, file)
    assert sessions.find(file, token) is None
    token = robin(file)
    disable_account("robin", file)
    enable_account("robin", file)
    assert sessions.find(file, token) is None


def test_a_session_ends_by_rest_and_by_age(file: Path) -> None:
    hour = 3600.0
    token = sessions.begin(file, Who("anna", "admin", "oidc", "oidc:1"), now=0.0)
    assert sessions.find(file, token, now=7.9 * hour) is not None
    assert sessions.find(file, token, now=15.8 * hour) is not None
    assert sessions.find(file, token, now=24 * hour) is None
    token = sessions.begin(file, Who("anna", "admin", "oidc", "oidc:1"), now=0.0)
    for moment in range(7, 24 * 7, 7):
        assert sessions.find(file, token, now=moment * hour) is not None
    assert sessions.find(file, token, now=7 * 24 * hour) is None


def test_signing_in_again_ends_the_session_before(file: Path) -> None:
    first = robin(file)
    second = sessions.begin(file, Who("Robin", "reviewer", "account", "account:Robin"), instead_of=first)
    assert sessions.find(file, first) is None and sessions.find(file, second) is not None
    sessions.end(file, second)
    assert sessions.find(file, second) is None


def test_a_file_that_others_may_read_or_that_is_none_is_refused(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    with pytest.raises(EnvironmentProblem, match="chmod 600"):
        list_accounts(file)
    foreign = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(foreign)) as connection, connection:
        connection.execute("CREATE TABLE accounts (name)")
    (tmp_path / "text").write_text("no database, but long enough to be looked at")
    for place in (foreign, tmp_path / "text"):
        place.chmod(0o600)
        with pytest.raises(FormatError, match="no file of accounts"):
            add_account("a", PASSWORD, "viewer", place)


def test_the_command_line_makes_lists_and_changes_accounts(tmp_path: Path) -> None:
    collection = tmp_path / "museum.sqlite"

    def run(*words: str, given: str = "") -> tuple[int, Any]:
        result = CliRunner().invoke(app, ["accounts", *words, "--collection", str(collection), "--json"], input=given)
        return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]

    code, lines = run("add", "anna", "--role", "admin", "--password-stdin", given=f"{PASSWORD}\r\n")
    assert code == 0 and lines[0]["role"] == "admin" and "hash" not in lines[0]
    file = accounts_beside(collection)
    assert file == tmp_path / "museum.accounts.sqlite" and sign_in("anna", PASSWORD, file) is not None
    assert run("add", "anna", "--password-stdin", given=OTHER)[0] == 2
    assert run("add", "bert", "--role", "king", "--password-stdin", given=OTHER)[0] == 2
    assert run("add", "bert", "--password-stdin")[0] == 2
    assert run("add", "bert", given=f"{OTHER}\n{OTHER}\n")[0] == 2
    assert run("passwd", "anna", "--password-stdin", given=OTHER)[0] == 0 and sign_in("anna", OTHER, file) is not None
    assert run("role", "anna", "viewer")[1][0]["role"] == "viewer"
    assert run("disable", "ANNA")[1][0]["disabled"] and sign_in("anna", OTHER, file) is None
    assert run("enable", "anna")[0] == 0 and sign_in("anna", OTHER, file) is not None
    assert run("disable", "nobody")[0] == 2
    assert [account["name"] for account in run("list")[1]] == ["anna"]
    assert CliRunner().invoke(app, ["accounts", "list"]).exit_code == 2
