"""Small blobs by one plain request: the same bytes as by the SDK, and the SDK where anything is out of the ordinary."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from azure.core.credentials import AzureSasCredential
from azure.storage.blob import ContentSettings

from mezzetin.storage.azure.credentials import Access
from mezzetin.storage.azure.quick import QuickReader
from mezzetin.storage.paths import Place
from tests.azure.azurite import Azurite
from tests.azure.entra import EntraAzurite

NAME = "flowers/thé vert #1+2% ~$&=.jpg"
CONTENT = bytes(range(256)) * 40


def key(server: Azurite) -> Access:
    return Access(server.endpoint, {"account_name": server.account, "account_key": server.key}, "a key")


def sas(server: Azurite, container: str, permissions: str = "r") -> Access:
    query = server.sas(container, permissions=permissions).partition("?")[2]
    return Access(server.endpoint, AzureSasCredential(query), "a link", query)


def test_a_blob_by_key_and_by_link(azurite: Azurite) -> None:
    container = azurite.container()
    azurite.put(container, NAME, CONTENT)
    azurite.put(container, "empty", b"")
    for access in (key(azurite), sas(azurite, container)):
        reader = QuickReader(access, container)
        assert reader.read_up_to(NAME, len(CONTENT)) == CONTENT
        assert reader.read_up_to(NAME, len(CONTENT) - 1) is None
        assert reader.read_up_to("empty", 10) == b""
        assert reader.read_up_to("none", 10) is None


def test_a_blob_by_token(entra_azurite: EntraAzurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(entra_azurite.authority))
    container = entra_azurite.container()
    entra_azurite.put(container, NAME, CONTENT)
    signed = entra_azurite.credential()
    reader = QuickReader(Access(entra_azurite.endpoint, signed, "a token"), container)
    assert reader.read_up_to(NAME, 1 << 20) == CONTENT
    stale = QuickReader(Access(entra_azurite.endpoint, entra_azurite.credential(expires_in=-60), "a token"), container)
    assert stale.read_up_to(NAME, 1 << 20) is None


def test_what_is_refused_or_not_there_is_left_to_the_sdk(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    container = azurite.container()
    azurite.put(container, NAME, CONTENT)
    assert QuickReader(sas(azurite, container, "l"), container).read_up_to(NAME, 1 << 20) is None
    nobody = Access("http://127.0.0.1:9/devstoreaccount1", None, "nobody")
    assert QuickReader(nobody, container).read_up_to(NAME, 1 << 20) is None
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert QuickReader(key(azurite), container).read_up_to(NAME, 1 << 20) is None


def test_a_place_reads_small_and_large_blobs_alike(azurite: Azurite) -> None:
    container = azurite.container()
    azurite.put(container, NAME, CONTENT)
    place = Place.of(azurite.sas(container, permissions="r")) / NAME
    # The first request is the SDK's: a name that is wrong is explained by it.
    for limit in (1 << 20, 1 << 20, 100):
        with place.content(limit) as content:
            assert (content if isinstance(content, bytes) else content.read_bytes()) == CONTENT


def test_a_blob_that_says_it_is_compressed_is_taken_as_it_lies(azurite: Azurite, tmp_path: Path) -> None:
    container = azurite.container()
    packed = gzip.compress(b"x" * 10_000)
    with azurite.client() as client:
        settings = ContentSettings(content_encoding="gzip")
        client.get_blob_client(container, "a.txt").upload_blob(packed, content_settings=settings)
    place = Place.of(azurite.sas(container, permissions="r")) / "a.txt"
    with place.content() as content, place.open() as stream:
        place.get(tmp_path / "a")
        assert {content, place.read_bytes(), stream.read(), (tmp_path / "a").read_bytes()} == {packed}
