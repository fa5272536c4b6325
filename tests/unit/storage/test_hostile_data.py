"""What a table, a manifest, a link or a server may not bring about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mezzetin.errors import BundleError, InputError
from mezzetin.storage.azure.credentials import access
from mezzetin.storage.manifest import read_manifest, write_manifest
from mezzetin.storage.paths import Place
from mezzetin.storage.web.retries import wait_before

LINK = "https://museum.blob.core.windows.net/prints?sv=2024&sp=rl&sig=SECRET"


@pytest.mark.parametrize(
    "address",
    [
        "abfss://c@169.254.169.254/x.jpg",
        "abfss://c@localhost:8443/x.jpg",
        "http://127.0.0.1:1/metadata/identity/x?sv=1&sig=2",
        "https://museum.evil.example/c/x.jpg?sv=1&sig=2",
    ],
)
def test_a_source_names_no_store_that_is_not_azures(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEZZETIN_STORE_HOSTS", raising=False)
    for source in (Place.of(tmp_path), Place.of(LINK)):
        with pytest.raises(InputError, match="MEZZETIN_STORE_HOSTS"):
            source / address
    monkeypatch.setenv("MEZZETIN_STORE_HOSTS", "169.254.169.254,localhost:8443,127.0.0.1,museum.evil.example")
    assert Place.of(tmp_path) / address == Place.of(address)


def test_a_source_in_a_store_names_its_own_and_azures_but_not_this_machines() -> None:
    emulated = Place.of("http://127.0.0.1:10000/devstoreaccount1/prints?sv=2024&sig=SECRET")
    own = "http://127.0.0.1:10000/devstoreaccount1/other/x.jpg?sv=2024&sig=OTHER"
    assert emulated / own == Place.of(own)
    assert Place.of(LINK) / "az://other/x.jpg" == Place.of("az://other/x.jpg")
    with pytest.raises(InputError, match="leads to a place outside it"):
        Place.of(LINK) / "file:///etc/hostname"


@pytest.mark.parametrize("host", ["museum.evil.example", "169.254.169.254", "localhost:8443"])
def test_the_operators_name_is_given_to_no_strange_host(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("azure.storage.blob")
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    monkeypatch.delenv("MEZZETIN_STORE_HOSTS", raising=False)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "museum")
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    assert access(f"https://{host}", "").credential is None
    assert access("https://museum.blob.core.windows.net", "").credential is not None


@pytest.mark.parametrize("digest", ["/etc/hostname", "../victim", "", "A" * 64, "0" * 63])
def test_a_digest_is_no_path(digest: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    manifest = tmp_path / "m.json"
    write_manifest(manifest, format="x", version=1, content={}, files={"a": (1, digest)})
    assert json.loads(manifest.read_bytes())["files"][0]["sha256"] == digest
    with pytest.raises(BundleError, match="holds a digest that is none"):
        read_manifest(manifest, format="x", version=1, verify=False)


@pytest.mark.parametrize(
    "text",
    [
        "museum.blob.core.windows.net/c?sv=2022&sig=SECRET",
        "az://c/p?sp=r&sig=SECRET",
        "abfss://c@museum.dfs.core.windows.net/p?sp=r&amp;sig=SECRET",
        "s3://b/p?X-Amz-Signature=SECRET",
        "https://host/p?accesskey=SECRET&secret=SECRET&code=SECRET&auth=SECRET",
    ],
)
def test_a_signature_shows_nowhere_however_a_link_was_copied(text: str) -> None:
    try:
        shown = f"{Place.of(text)} {Place.of(text)!s}"
    except InputError as error:
        shown = str(error)
    assert "SECRET" not in shown


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_an_empty_address_is_not_the_current_folder(text: str) -> None:
    with pytest.raises(InputError, match="is empty"):
        Place.of(text)


@pytest.mark.parametrize("path", ["a/", "a//b", "a/b+c:large", "a/https://x.org/b.jpg", "a/./b", "100%/é"])
def test_a_web_address_stays_as_it_was_written(path: str) -> None:
    place = Place.of(f"https://host.example/{path}")
    assert place.unredacted() == f"https://host.example/{path}"


@pytest.mark.parametrize("text", ["Mon, 1 Jan 2020 00:00:00 +99999999999999999", "²", "-", "soon"])
def test_a_mad_retry_after_is_none(text: str) -> None:
    assert wait_before(1, text.encode("latin-1", "replace")) == wait_before(1, None)
