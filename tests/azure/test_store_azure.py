"""`mezzetin store` and the places under it against Azurite, as their users have them."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import mezzetin
from mezzetin.errors import InputError, StoreRefused, StoreUnreachable
from mezzetin.records import Progress
from mezzetin.storage.azure.credentials import identity
from mezzetin.storage.paths import Place
from tests.azure.azurite import Azurite

FILES = {"a.jpg": b"one", "deep/b c.JPG": b"", "deep/ü#?%25.txt": b"three" * 1000}
#: Variables of whoever runs the tests, that would lead to their own accounts.
FOREIGN = ("AZURE_", "MEZZETIN_STORE_HOSTS")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An environment without credentials."""
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    # Without it azure-identity asks for a managed identity over the network.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    identity.cache_clear()
    yield
    identity.cache_clear()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def held(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_up_by_connection_string_and_down_by_a_folders_link(
    azurite: Azurite, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = azurite.container()
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    first = mezzetin.store(source, f"az://{container}/über/1717")
    assert (first.copied, first.there, first.complete) == (3, 0, True)
    assert azurite.names(container) == sorted(f"über/1717/{name}" for name in FILES)
    assert mezzetin.store(source, f"az://{container}/über/1717").there == 3

    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
    link = azurite.sas(container, folder="über")
    assert mezzetin.store(link, tmp_path / "back").copied == 3
    assert held(tmp_path / "back" / "1717") == FILES
    assert mezzetin.store(link, tmp_path / "back").there == 3
    assert "sig=" not in str(mezzetin.store(link, tmp_path / "back").to_json())


def test_from_link_to_link(azurite: Azurite) -> None:
    one, other = azurite.container(), azurite.container()
    for name, content in FILES.items():
        azurite.put(one, name, content)
    target = azurite.sas(other, permissions="rcwl")
    assert mezzetin.store(azurite.sas(one), target).copied == 3
    assert azurite.get(other, "deep/ü#?%25.txt") == FILES["deep/ü#?%25.txt"]
    azurite.put(other, "a.jpg", b"ONE")
    report = mezzetin.store(azurite.sas(one), target)
    assert (report.there, report.conflicts) == (2, 1)
    assert azurite.get(other, "a.jpg") == b"ONE"
    assert mezzetin.store(azurite.sas(one), target, overwrite=True).copied == 1
    with pytest.raises(InputError, match="overlap"):
        mezzetin.store(azurite.sas(one), azurite.sas(one, folder="deep", permissions="rcwl"))


def test_one_blob_by_its_own_link(azurite: Azurite, tmp_path: Path) -> None:
    container = azurite.container()
    azurite.put(container, "deep/a.jpg", b"one")
    link = azurite.sas(container, blob="deep/a.jpg", permissions="r")
    assert mezzetin.store(link, f"{tmp_path}/").copied == 1
    assert (tmp_path / "a.jpg").read_bytes() == b"one"


def test_a_large_file_in_blocks_keeps_its_digest(azurite: Azurite, tmp_path: Path) -> None:
    container, content = azurite.container(), os.urandom(1 << 20) * 70
    (tmp_path / "large.bin").write_bytes(content)
    target = azurite.sas(container, permissions="rcwl")
    assert mezzetin.store(tmp_path / "large.bin", target).copied == 1
    entry = (Place.of(target) / "large.bin").file_entry()
    assert entry is not None
    assert (entry.size, entry.md5) == (len(content), hashlib.md5(content, usedforsecurity=False).digest())
    assert mezzetin.store(azurite.sas(container, folder="large.bin"), tmp_path / "back.bin").copied == 1
    assert (tmp_path / "back.bin").read_bytes() == content


def test_a_blob_without_a_digest_is_compared_by_reading(azurite: Azurite, tmp_path: Path) -> None:
    from azure.storage.blob import ContentSettings

    container = azurite.container()
    with azurite.client() as client:
        blob = client.get_blob_client(container, "a.jpg")
        blob.upload_blob(b"one", content_settings=ContentSettings(content_md5=None))
        blob.set_http_headers(ContentSettings(content_type="image/jpeg"))
    assert (Place.of(azurite.sas(container)) / "a.jpg").entry().md5 is None  # type: ignore[union-attr]
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "a.jpg").write_bytes(b"one")
    assert mezzetin.store(azurite.sas(container), tmp_path / "back").there == 1
    (tmp_path / "back" / "a.jpg").write_bytes(b"two")
    assert mezzetin.store(azurite.sas(container), tmp_path / "back").conflicts == 1


def test_names_of_blobs_never_lead_out_of_the_target(azurite: Azurite, tmp_path: Path) -> None:
    container = azurite.container()
    nasty = ("a//b", "file:/tmp/mezzetin-evil", "ü" * 200, "A.jpg", "a.jpg")
    for name in nasty:
        azurite.put(container, name, b"!")
    report = mezzetin.store(azurite.sas(container), tmp_path / "target")
    assert {problem.name for problem in report.problems} == {"a//b", "ü" * 200}
    assert set(held(tmp_path / "target")) == {"file:/tmp/mezzetin-evil", "A.jpg", "a.jpg"}
    assert not Path("/tmp/mezzetin-evil").exists()  # noqa: S108 - that it is not there


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ({"expires_in": -60}, "expired on"),
        ({"permissions": "rcl"}, None),
        ({"permissions": "rl"}, "lacks the permission Create and Write"),
        ({"permissions": "cw"}, "lacks the permission Read"),
        ({"permissions": "rcw"}, None),
    ],
)
def test_what_a_link_must_allow_to_be_written_to(
    azurite: Azurite, source: Path, link: dict[str, object], says: str | None
) -> None:
    target = azurite.sas(azurite.container(), **link)  # type: ignore[arg-type]
    if says is None:
        assert mezzetin.store(source, target).complete
        return
    with pytest.raises(StoreRefused, match=says) as caught:
        mezzetin.store(source, target)
    assert "sig=" not in str(caught.value)


def test_a_container_that_is_not_there(azurite: Azurite, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    with pytest.raises(InputError, match="no such container"):
        mezzetin.store(source, "az://never-made/folder")
    with pytest.raises(InputError, match="is not there"):
        mezzetin.store("az://never-made/folder", source / "new")


def test_a_store_that_is_down_is_one_line(azurite: Azurite, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mezzetin.storage.azure.store._TRIES_AT_FIRST", 0)
    link = azurite.sas(azurite.container(), permissions="rcwl")
    azurite.stop()
    with pytest.raises(StoreUnreachable, match="run the same command again") as caught:
        mezzetin.store(source, link)
    assert "sig=" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_store_that_dies_in_the_middle_and_comes_back(azurite: Azurite, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(120):
        (source / f"{number:03}.bin").write_bytes(os.urandom(20_000))
    link = azurite.sas(azurite.container(), permissions="rcwl")
    killed = threading.Event()

    def bring_back() -> None:
        killed.wait(30)
        time.sleep(1)
        azurite.start()

    def kill(progress: Progress) -> None:
        if progress.done > 20 and not killed.is_set():
            azurite.kill()
            killed.set()

    helper = threading.Thread(target=bring_back)
    helper.start()
    report = mezzetin.store(source, link, report=kill)
    helper.join()
    assert killed.is_set() and report.complete
    assert (report.copied, report.copied_bytes) == (120, 120 * 20_000)
    assert mezzetin.store(link, tmp_path / "back").copied == 120
    assert held(tmp_path / "back") == held(source)


def test_a_strangers_address_is_never_reached_as_the_operator(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEZZETIN_STORE_HOSTS", f"127.0.0.1:{azurite.port}")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    container = azurite.container()
    azurite.put(container, "a.jpg", b"one")
    plain = f"{azurite.endpoint}/{container}/a.jpg"
    assert Place.of(plain).read_bytes() == b"one"
    # Azurite answers a request without credentials as Azure does a private container's: 404 or 403, never the bytes.
    with pytest.raises((StoreRefused, FileNotFoundError)) as caught:
        Place.of_stranger(plain).read_bytes()
    assert azurite.key not in str(caught.value)
    assert Place.of_stranger(azurite.sas(container, blob="a.jpg", permissions="r")).read_bytes() == b"one"
    with pytest.raises(StoreRefused, match="lacks the permission"):
        (Place.of_stranger(azurite.sas(container, permissions="rl")) / "b.jpg").write(b"two")
