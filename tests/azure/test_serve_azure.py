"""A folder of Blob storage, named to a server by its SAS: captioned at once or as a job, never in our own name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.azure.azurite import Azurite
from tests.roads.serve_process import Served, serving

Photographs = Callable[..., Path]


@pytest.fixture(scope="module")
def served(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose operator has the account's key, which no request may borrow."""
    settings = {"jobs": str(tmp_path_factory.mktemp("jobs")), "most_pictures": 3}
    host = f"127.0.0.1:{azurite.port}"
    environment = {"AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string, "MEZZETIN_STORE_HOSTS": ""}
    with serving(environment, allow_hosts=[host], **settings) as server:
        yield server


@pytest.fixture
def container(azurite: Azurite, photographs: Photographs) -> str:
    """Two pictures, a broken one and a text in `few`; five pictures in `many`."""
    name = azurite.container()
    content = [path.read_bytes() for path in sorted(photographs(5).iterdir())]
    for number in range(2):
        azurite.put(name, f"few/a {number}.jpg", content[number])
    azurite.put(name, "few/broken.jpg", b"no picture")
    azurite.put(name, "few/notes.txt", b"not asked for")
    for number, one in enumerate(content):
        azurite.put(name, f"many/{number}.jpg", one)
    return name


def test_a_small_folder_is_answered_at_once(served: Served, azurite: Azurite, container: str) -> None:
    sas = azurite.sas(container, folder="few")
    answer = served.client.post("/score", json={"sas_uri": sas})
    assert answer.status_code == 200, answer.text
    rows = answer.json()["results"]
    assert [row["image"].rpartition("/")[2] for row in rows] == ["a 0.jpg", "a 1.jpg", "broken.jpg"]
    assert [row["error"] and row["error"]["code"] for row in rows] == [None, None, "unsupported_format"]
    assert parse_qs(urlsplit(sas).query)["sig"][0] not in answer.text


def test_a_blob_s_own_link_is_one_picture(served: Served, azurite: Azurite, container: str) -> None:
    link = azurite.sas(container, blob="few/a 0.jpg", permissions="r")
    by_url = served.client.post("/score", json={"urls": [link]}).json()
    by_sas = served.client.post("/score", json={"sas_uri": link}).json()
    assert by_url["failed"] == by_sas["failed"] == 0
    assert by_url["results"][0]["sha256"] == by_sas["results"][0]["sha256"]


def test_a_large_folder_becomes_a_job_that_forgets_the_signature(
    served: Served, azurite: Azurite, container: str
) -> None:
    sas = azurite.sas(container, folder="many")
    begun = served.client.post("/score", json={"sas_uri": sas})
    assert begun.status_code == 202, begun.text
    job = served.finished(begun.json()["url"])
    assert (job["state"], job["done"], job["total"], job["failed"]) == ("done", 5, 5, 0)
    rows = [json.loads(line) for line in served.client.get(job["results"]).text.splitlines()]
    assert [row["image"].rpartition("/")[2] for row in rows] == [f"{number}.jpg" for number in range(5)]
    assert "sig=" not in served.client.get(job["results"]).text


def test_the_server_lends_its_name_to_nobody(served: Served, azurite: Azurite, container: str) -> None:
    bare = f"{azurite.endpoint}/{container}/few"
    expired = azurite.sas(container, folder="few", expires_in=-60)
    for address in (bare, expired):
        answer = served.client.post("/score", json={"sas_uri": address})
        assert answer.status_code == 400 and answer.json()["error"]["code"] in ("store_refused", "bad_request")
        (row,) = served.client.post("/score", json={"urls": [address.replace("/few", "/few/a%200.jpg")]}).json()[
            "results"
        ]
        assert row["caption"] is None and row["error"]["code"] in ("store_refused", "missing")
