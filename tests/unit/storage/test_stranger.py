"""Addresses of requests: Azure's own hosts over https, or what the operator lists, and nothing else."""

from __future__ import annotations

import pytest

from mezzetin.errors import InputError
from mezzetin.storage.paths import Place

SAS = "sv=2024-11-04&sp=rl&sig=c2VjcmV0"
HOSTS = "127.0.0.1:10000, pictures.museum.example"


@pytest.mark.parametrize(
    "url",
    [
        f"https://gallery.blob.core.windows.net/paintings?{SAS}",
        f"https://gallery.blob.core.windows.net:443/paintings/1717?{SAS}",
        "https://gallery.blob.core.windows.net/public/a.jpg",
        f"https://gallery.dfs.core.windows.net/paintings?{SAS}",
    ],
)
def test_azure_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEZZETIN_STORE_HOSTS", raising=False)
    place = Place.of_stranger(url)
    assert place.address.stranger
    assert (place / "deeper/a.jpg").address.stranger and place.parent.address.stranger


@pytest.mark.parametrize(
    "url",
    [
        "/etc/passwd",
        "etc/passwd",
        "file:///etc/passwd",
        "az://paintings/1717",
        f"abfss://paintings@gallery.dfs.core.windows.net/?{SAS}",
        "s3://bucket/a",
        f"http://gallery.blob.core.windows.net/paintings?{SAS}",
        f"https://gallery.blob.core.windows.net:8443/paintings?{SAS}",
        f"https://gallery.blob.core.windows.net.evil.example/paintings?{SAS}",
        f"https://evil.example/gallery.blob.core.windows.net/paintings?{SAS}",
        f"https://user@gallery.blob.core.windows.net/paintings?{SAS}",
        f"https://gallery.blob.core.windows.net@evil.example/paintings?{SAS}",
        f"https://evil.example#@gallery.blob.core.windows.net/paintings?{SAS}",
        f"https://evil.example\\@gallery.blob.core.windows.net/paintings?{SAS}",
        f"http://127.0.0.1:10000/devstoreaccount1/paintings?{SAS}",
        "http://168.63.129.16/metadata",
        "https://[::1/paintings",
        "",
    ],
)
def test_everything_else_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEZZETIN_STORE_HOSTS", raising=False)
    with pytest.raises(InputError) as caught:
        Place.of_stranger(url)
    assert "c2VjcmV0" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:10000/devstoreaccount1/paintings?{SAS}",
        f"https://pictures.museum.example/paintings?{SAS}",
    ],
)
def test_hosts_that_the_operator_lists_are_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZETIN_STORE_HOSTS", HOSTS)
    assert Place.of_stranger(url).address.kind == "azure"


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:10001/devstoreaccount1/paintings?{SAS}",
        f"http://127.0.0.1/devstoreaccount1/paintings?{SAS}",
        "https://pictures.museum.example/a.jpg",
        f"ftp://pictures.museum.example/paintings?{SAS}",
        f"https://other.museum.example/paintings?{SAS}",
    ],
)
def test_a_listed_host_is_taken_at_its_word(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZETIN_STORE_HOSTS", HOSTS)
    with pytest.raises(InputError):
        Place.of_stranger(url)


@pytest.mark.parametrize("name", ["file:/etc/passwd", "az://other/x", "https://evil.example/x"])
def test_what_a_strangers_table_names_does_not_lead_elsewhere(name: str) -> None:
    place = Place.of_stranger(f"https://gallery.blob.core.windows.net/paintings?{SAS}")
    with pytest.raises(InputError, match="outside"):
        place / name


def test_a_strangers_way_up_ends_at_the_container() -> None:
    below = Place.of_stranger(f"https://gallery.blob.core.windows.net/paintings?{SAS}") / "../../etc/passwd"
    assert (below.address.stranger, below.address.container, below.address.path) == (True, "paintings", "etc/passwd")
