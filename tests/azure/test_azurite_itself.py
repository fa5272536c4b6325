"""What the other tests in this folder rely on: Azurite starts, dies, comes back, and its links do what they say."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient

from tests.azure.azurite import Azurite, missing
from tests.azure.entra import EntraAzurite, Signed

ROOT = Path(__file__).parents[2]


def listed(link: str) -> list[str]:
    with ContainerClient.from_container_url(link) as client:
        return sorted(client.list_blob_names())


def read(link: str) -> bytes:
    with BlobClient.from_blob_url(link) as client:
        return client.download_blob().readall()


def write(link: str) -> None:
    with ContainerClient.from_container_url(link) as client:
        client.upload_blob("new.jpg", b"new")


def inside(link: str, name: str) -> str:
    """Put a blob's name behind the path of a container's link."""
    address, _, signature = link.partition("?")
    return f"{address}/{name}?{signature}"


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def container(azurite: Azurite) -> str:
    """A container with three blobs."""
    name = azurite.container()
    for blob in ("flowers/rose.jpg", "flowers/thé vert #1+2%.jpg", "horse.jpg"):
        azurite.put(name, blob, blob.encode())
    return name


def test_stopped_or_killed_it_comes_back_at_its_address_with_its_blobs(azurite: Azurite, container: str) -> None:
    endpoint, names = azurite.endpoint, azurite.names(container)
    for end in (azurite.stop, azurite.kill):
        end()
        assert not is_open(azurite.port)
        azurite.start()
        assert azurite.endpoint == endpoint
        assert azurite.names(container) == names
        assert azurite.get(container, "horse.jpg") == b"horse.jpg"


def test_what_was_acknowledged_before_a_kill_is_there_after_it(azurite: Azurite, container: str) -> None:
    acknowledged: list[str] = []

    def write_until_it_breaks() -> None:
        client = BlobServiceClient.from_connection_string(azurite.connection_string, retry_total=0)
        with client, client.get_container_client(container) as blobs:
            while True:
                name = f"written/{len(acknowledged):05}"
                blobs.upload_blob(name, name.encode())
                acknowledged.append(name)

    broken: list[AzureError] = []

    def until_broken() -> None:
        try:
            write_until_it_breaks()
        except AzureError as error:
            broken.append(error)

    writer = threading.Thread(target=until_broken)
    writer.start()
    while len(acknowledged) < 20 and writer.is_alive():
        time.sleep(0.005)
    azurite.kill()
    writer.join()
    assert broken and len(acknowledged) >= 20
    azurite.start()
    assert set(acknowledged) <= set(azurite.names(container))
    assert [azurite.get(container, name) for name in acknowledged[-3:]] == [n.encode() for n in acknowledged[-3:]]


@pytest.mark.parametrize("killed_by_the_test_before", [False, True])
def test_a_test_finds_it_running_whatever_the_one_before_left(
    azurite: Azurite, killed_by_the_test_before: bool
) -> None:
    assert azurite.names(azurite.container()) == []
    azurite.kill()


def test_it_does_not_outlive_the_process_that_started_it(azurite: Azurite, tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, time\n"
        "from tests.azure.azurite import Azurite\n"
        "server = Azurite(pathlib.Path(sys.argv[1]))\n"
        "server.start()\n"
        "print(server.port, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, env=dict(os.environ)
    ) as tests:
        assert tests.stdout is not None
        port = int(tests.stdout.readline())
        assert is_open(port)
        tests.kill()
    deadline = time.monotonic() + 20
    while is_open(port):
        assert time.monotonic() < deadline, "azurite is still there"
        time.sleep(0.05)


def test_without_npm_the_tests_are_skipped_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing() == "azurite is not installed: run make test with npm"


def test_a_containers_link_lists_and_reads_it_and_no_other(azurite: Azurite, container: str) -> None:
    link = azurite.sas(container)
    assert listed(link) == azurite.names(container)
    assert read(inside(link, "horse.jpg")) == b"horse.jpg"
    other = azurite.container()
    with pytest.raises(HttpResponseError) as caught:
        listed(link.replace(container, other))
    assert caught.value.status_code == 403


def test_a_folders_link_is_the_containers_with_the_folder_in_its_path(azurite: Azurite, container: str) -> None:
    path, _, signature = azurite.sas(container, folder="flowers").partition("?")
    assert path == f"{azurite.endpoint}/{container}/flowers"
    assert "sr=c" in signature.split("&")
    assert listed(f"{azurite.endpoint}/{container}?{signature}") == azurite.names(container)


def test_a_blobs_link_reads_it_and_nothing_beside(azurite: Azurite, container: str) -> None:
    assert read(azurite.sas(container, blob="flowers/thé vert #1+2%.jpg", permissions="r")).startswith(b"flowers/th")
    link = azurite.sas(container, blob="horse.jpg", permissions="r")
    assert "sr=b" in link.partition("?")[2].split("&")
    assert read(link) == b"horse.jpg"
    with pytest.raises(HttpResponseError) as caught:
        read(link.replace("horse.jpg", "flowers/rose.jpg"))
    assert caught.value.status_code == 403


@pytest.mark.parametrize(
    ("permissions", "refused"),
    [
        ("r", lambda link: listed(link)),
        ("l", lambda link: read(inside(link, "horse.jpg"))),
        ("rl", write),
    ],
    ids=["list", "read", "write"],
)
def test_a_link_without_a_permission_is_refused_for_it(
    azurite: Azurite, container: str, permissions: str, refused: Callable[[str], object]
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        refused(azurite.sas(container, permissions=permissions))
    assert caught.value.status_code == 403
    assert "AuthorizationPermissionMismatch" in str(caught.value)
    refused(azurite.sas(container, permissions="rlcw"))


@pytest.mark.parametrize(("starts_in", "expires_in"), [(0, -60), (600, 3600)], ids=["expired", "not yet"])
def test_a_link_outside_its_time_is_refused(
    azurite: Azurite, container: str, starts_in: float, expires_in: float
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        listed(azurite.sas(container, starts_in=starts_in, expires_in=expires_in))
    assert caught.value.status_code == 403


def test_an_accounts_link_covers_its_containers(azurite: Azurite, container: str) -> None:
    with BlobServiceClient(azurite.account_sas()) as client:
        assert container in [found.name for found in client.list_containers()]
        with client.get_container_client(container) as blobs:
            assert sorted(blobs.list_blob_names()) == azurite.names(container)
    expired = azurite.account_sas(expires_in=-60)
    with pytest.raises(HttpResponseError), BlobServiceClient(expired) as client:
        list(client.list_containers())


def entra_names(azurite: EntraAzurite, container: str, credential: Signed | None) -> list[str]:
    client = BlobServiceClient(azurite.endpoint, credential=credential, connection_verify=str(azurite.authority))
    with client, client.get_container_client(container) as blobs:
        return list(blobs.list_blob_names())


def test_entra_lets_a_token_in_and_nobody_without_one(entra_azurite: EntraAzurite) -> None:
    container = entra_azurite.container()
    entra_azurite.put(container, "horse.jpg", b"horse")
    credential = entra_azurite.credential()
    assert entra_names(entra_azurite, container, credential) == ["horse.jpg"]
    assert credential.asked == [("https://storage.azure.com/.default",)]
    with pytest.raises(HttpResponseError) as nobody:
        entra_names(entra_azurite, container, None)
    assert nobody.value.status_code == 403
    for foreign in (entra_azurite.credential(expires_in=-60), Signed(audience="https://vault.azure.net")):
        with pytest.raises(ClientAuthenticationError):
            entra_names(entra_azurite, container, foreign)


def test_entra_is_trusted_by_its_authority_alone(entra_azurite: EntraAzurite) -> None:
    client = BlobServiceClient(entra_azurite.endpoint, credential=entra_azurite.credential(), retry_total=0)
    with client, pytest.raises(AzureError, match="CERTIFICATE_VERIFY_FAILED"):
        list(client.list_containers())
