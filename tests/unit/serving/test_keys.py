"""API keys: shown once, hashed at rest, refused as soon as they are revoked."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.cli import run
from mezzetin.errors import FormatError, InputError
from mezzetin.serving.keys import Keyring, add_key, list_keys, revoke_key
from mezzetin.serving.last_used import LastUsed


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "below" / "keys.json"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_the_file_is_private_and_holds_no_key(file: Path) -> None:
    key = add_key("archive", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    number, secret = key.removeprefix("mz_").split("_", 1)
    assert len(secret) == 43
    content = file.read_text()
    assert number in content and secret not in content
    revoke_key("archive", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_is_found_until_it_is_revoked_without_a_new_ring(file: Path) -> None:
    key, other = add_key("archive", file), add_key("press", file)
    ring = Keyring(file)
    found = ring.find(key)
    assert found is not None and found.name == "archive" and found.digest not in repr(found)
    revoke_key("archive", file)
    assert ring.find(key) is None
    assert ring.names == ["press"]
    again = ring.find(other)
    assert again is not None and again.name == "press"


def test_a_key_does_not_open_with_another_s_id(file: Path) -> None:
    first, second = add_key("a", file), add_key("b", file)
    swapped = f"{first[:15]}_{second[16:]}"
    assert len(swapped) == len(first)
    assert Keyring(file).find(swapped) is None
    assert Keyring(file).find(first[:-1]) is None


def test_a_name_comes_back_after_its_key_was_revoked(file: Path) -> None:
    old = add_key("archive", file)
    with pytest.raises(InputError, match="already"):
        add_key("archive", file)
    revoke_key("archive", file)
    new = add_key("archive", file)
    ring = Keyring(file)
    assert ring.find(old) is None and ring.find(new) is not None
    assert [(key.name, key.revoked is None) for key in list_keys(file)] == [("archive", False), ("archive", True)]
    with pytest.raises(InputError, match="no key stranger"):
        revoke_key("stranger", file)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 65, "ä", "a\n", "../x"])
def test_a_name_is_a_word(name: str, file: Path) -> None:
    with pytest.raises(InputError, match="no name"):
        add_key(name, file)
    assert not file.exists()


def test_many_writers_lose_nothing(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda number: add_key(f"k{number}", file), range(16)))
    ring = Keyring(file)
    assert sorted(found.name for key in keys if (found := ring.find(key))) == sorted(f"k{n}" for n in range(16))


@pytest.mark.parametrize("content", ["", "{}x", '{"keys": [{"id": "x"}]}', '{"format": "mezzetin-keys", "version": 9}'])
def test_a_damaged_file_shuts_the_door(content: str, file: Path) -> None:
    key = add_key("a", file)
    ring = Keyring(file)
    assert ring.find(key) is not None
    file.write_text(content)
    assert ring.find(key) is None and ring.problem is not None
    with pytest.raises(FormatError, match=r"keys\.json"):
        list_keys(file)
    file.unlink()
    assert ring.find(key) is None


@pytest.fixture(scope="module")
def a_ring(tmp_path_factory: pytest.TempPathFactory) -> tuple[Keyring, str]:
    file = tmp_path_factory.mktemp("ring") / "keys.json"
    key = add_key("a", file)
    return Keyring(file), key


@given(st.one_of(st.text(max_size=80), st.from_regex(r"mz_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", fullmatch=True)))
def test_no_other_text_is_a_key(a_ring: tuple[Keyring, str], text: str) -> None:
    ring, key = a_ring
    assert ring.find(text) is None
    assert ring.find(key + text) is None or text == ""


def test_when_a_key_was_used_is_kept(file: Path) -> None:
    key, _ = add_key("a", file), add_key("b", file)
    number = key[3:15]

    async def use() -> None:
        used = LastUsed(file, every=0.01)
        used.note(number)
        while list_keys(file)[0].last_used is None:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(use(), 20))
    first, second = list_keys(file)
    assert first.last_used is not None and second.last_used is None


def test_a_file_that_can_t_be_written_costs_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")

    async def use() -> None:
        used = LastUsed(tmp_path / "file" / "keys.json", every=0.0)
        for _ in range(3):
            used.note("0" * 12)
            while used._writing is not None and not used._writing.done():
                await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING):
        asyncio.run(asyncio.wait_for(use(), 20))
    assert len(caplog.records) == 1 and "not noted" in caplog.text


def test_the_command_line_shows_a_key_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = ["--keys", str(file)]
    assert run(["keys", "add", "archive", "--json", *there]) == 0
    key = json.loads(capsys.readouterr().out)["key"]
    assert Keyring(file).find(key) is not None
    assert run(["keys", "list", "--json", *there]) == 0
    listed = capsys.readouterr().out
    assert json.loads(listed)["name"] == "archive" and key[16:] not in listed and "digest" not in listed
    assert run(["keys", "revoke", "archive", *there]) == 0
    assert run(["keys", "list", *there]) == 0
    assert "revoked" in capsys.readouterr().out
    assert run(["keys", "revoke", "archive", *there]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert run(["keys"]) == 0
    assert "revoke" in capsys.readouterr().out
