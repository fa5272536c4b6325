"""`mezzetin doctor` against Azurite: what each link allows, and what to do about the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin import doctor
from mezzetin.checkup.findings import Checkup
from mezzetin.storage.azure.credentials import identity
from mezzetin.storage.paths import Place
from tests.azure.azurite import Azurite


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    identity.cache_clear()
    yield
    identity.cache_clear()


def states(checkup: Checkup, link: str) -> dict[str, str]:
    return {one.name: one.state for one in checkup.findings if one.group == str(Place.of(link))}


@pytest.mark.parametrize(
    ("terms", "expected", "code"),
    [
        ({"permissions": "rlcwd"}, {"exists": "ok", "list": "ok", "read": "ok", "write": "ok"}, 0),
        ({"permissions": "rlcw"}, {"list": "ok", "read": "ok", "write": "ok", "delete": "note"}, 0),
        ({"permissions": "rl"}, {"list": "ok", "read": "ok", "write": "no"}, 1),
        ({"permissions": "l"}, {"list": "ok", "read": "no", "write": "no"}, 1),
        ({"permissions": "cwd"}, {"exists": "note", "list": "no", "write": "ok"}, 1),
        ({"expires_in": -60}, {"list": "no", "write": "no"}, 3),
        ({"blob": "deep/a.jpg", "permissions": "r"}, {"exists": "ok", "read": "ok", "write": "note"}, 0),
    ],
)
def test_what_a_link_allows(azurite: Azurite, terms: dict[str, Any], expected: dict[str, str], code: int) -> None:
    container = azurite.container()
    azurite.put(container, "deep/a.jpg", b"one")
    place: dict[str, Any] = {} if "blob" in terms else {"folder": "deep"}
    link = azurite.sas(container, **place, **terms)
    checkup = doctor([link], write=True)
    found = states(checkup, link)
    assert {name: found.get(name) for name in expected} == expected
    assert checkup.exit_code == code
    said = json.dumps(checkup.to_json()) + "\n".join(checkup.lines())
    assert "sig=" not in said and azurite.key not in said
    left = [name for name in azurite.names(container) if name != "deep/a.jpg"]
    assert len(left) == (1 if terms.get("permissions") == "rlcw" else 0)
    assert all(name.startswith("deep/mezzetin-doctor-") for name in left)


def test_the_operators_own_places(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    container = azurite.container()
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    checkup = doctor([f"az://{container}/new", "az://never-made"])
    assert states(checkup, f"az://{container}/new") == {
        "who": "note",
        "exists": "note",
        "list": "ok",
        "read": "note",
        "write": "note",
    }
    assert states(checkup, "az://never-made") == {"who": "note", "exists": "no"}
    assert checkup.exit_code == 3
    assert azurite.names(container) == []


def test_a_store_that_is_down(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mezzetin.storage.azure.store._TRIES_AT_FIRST", 0)
    link = azurite.sas(azurite.container())
    azurite.stop()
    checkup = doctor([link])
    assert checkup.exit_code == 3
    assert states(checkup, link) == {"who": "note", "reach": "no"}
