"""`score.py` inside Azure Machine Learning's own inference server: statuses, pictures, shared passes, forks."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mezzetin.serving import score
from tests.azure.azurite import Azurite, missing
from tests.azure.inference_server import NotInstalled, environment, inference_server

Photographs = Callable[..., Path]
#: An entry script as a user writes it, that also notes how many pictures each forward pass takes.
ENTRY = """
import os
from pathlib import Path
from mezzetin.serving import score
from mezzetin.serving.answers import Observer
from mezzetin.serving.score import run

class Sizes(Observer):
    def batched(self, size, seconds):
        with Path(os.environ["SIZES"]).open("a") as stream:
            stream.write(f"{size}\\n")

def init():
    score.init()
    score.endpoint().engine.observers.append(Sizes())
"""
MOST = 6


@dataclass(frozen=True)
class Running:
    client: httpx2.Client
    sizes: Path
    log: Path

    def post(self, body: dict[str, Any]) -> httpx2.Response:
        return self.client.post("/score", json=body)

    def passes(self) -> list[int]:
        """The sizes of the forward passes since the last call."""
        found = [int(line) for line in self.sizes.read_text().splitlines()]
        self.sizes.write_text("")
        return found


@pytest.fixture(scope="module")
def python() -> Path:
    try:
        return environment()
    except NotInstalled as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model_folder(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as Azure Machine Learning mounts it: in a folder of its name below one of its version."""
    folder = tmp_path_factory.mktemp("azureml-models")
    shutil.copytree(bundle_path, folder / "captioner" / "3" / "bundle")
    return folder


@pytest.fixture(scope="module")
def running(
    python: Path, model_folder: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("app")
    (folder / "entry.py").write_text(ENTRY)
    (folder / "sizes").touch()
    azurite = None if missing() else request.getfixturevalue("azurite")
    variables = {
        "AML_APP_ROOT": str(folder),
        "AZUREML_ENTRY_SCRIPT": "entry.py",
        "AZUREML_MODEL_DIR": str(model_folder),
        "MEZZETIN_SCORE_MOST_PICTURES": str(MOST),
        "MEZZETIN_SCORE_DECODERS": "1",
        "MEZZETIN_SCORE_DEADLINE": "120",
        "MEZZETIN_STORE_HOSTS": f"127.0.0.1:{azurite.port}" if azurite else "",
        "SIZES": str(folder / "sizes"),
    }
    with inference_server(python, folder / "log", variables) as client:
        yield Running(client, folder / "sizes", folder / "log")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    from mezzetin.scenes import draw_new

    drawn = draw_new(tmp_path_factory.mktemp("drawn"), count=4, seed=5)
    return [base64.b64encode(path.read_bytes()).decode() for path in drawn]


def test_it_lives(running: Running) -> None:
    assert running.client.get("/").text == "Healthy"


def test_pictures_have_their_captions_in_order(running: Running, pictures: list[str], bundle_path: Path) -> None:
    images = [{"id": "first", "base64": pictures[0]}, {"id": "broken", "base64": "////"}, {"base64": pictures[1]}]
    answer = running.post({"images": images})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert [row["image"] for row in answer.json()["results"]] == ["first", "broken", "2"]
    assert [row["error"] and row["error"]["code"] for row in answer.json()["results"]] == [
        None,
        "unsupported_format",
        None,
    ]
    here = score.Endpoint({"MEZZETIN_MODEL": str(bundle_path), "MEZZETIN_SCORE_DECODERS": "1"})
    try:
        expected = here.answer(json.dumps({"images": images}).encode())
    finally:
        here.close()
    for theirs, ours in zip(answer.json()["results"], expected.results, strict=True):
        assert (theirs["caption"] or {}).get("text") == (ours.caption.text if ours.caption else None)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 422, "bad_request"),
        (b"", 422, "bad_request"),
        (b"[1, 2]", 422, "bad_request"),
        (b'{"urls": ["https://a.example/b.jpg"], "colour": 1}', 422, "bad_request"),
        (b'{"urls": ["https://a.example/b.jpg"], "as_job": true}', 422, "bad_request"),
        (b'{"sas_uri": "/etc"}', 400, "bad_request"),
        (b'{"images": [{"base64": "AAAA"}], "external": ["nobody"]}', 400, "bad_request"),
        (json.dumps({"urls": ["https://a.example/b.jpg"] * (MOST + 1)}).encode(), 413, "too_many_pictures"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(running: Running, body: bytes, status: int, code: str) -> None:
    answer = running.client.post("/score", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "\n" not in answer.json()["error"]["message"]


def test_requests_share_passes(running: Running, pictures: list[str]) -> None:
    running.passes()
    with ThreadPoolExecutor(16) as threads:
        bodies = [{"images": [{"base64": pictures[number % 4]}]} for number in range(16)]
        answers = list(threads.map(running.post, bodies))
    assert [answer.status_code for answer in answers] == [200] * 16
    texts = [answer.json()["results"][0]["caption"]["text"] for answer in answers]
    assert texts == texts[:4] * 4
    sizes = running.passes()
    assert sum(sizes) == 16 and len(sizes) < 16


def test_a_folder_is_answered_up_to_the_cap(running: Running, azurite: Azurite, pictures: list[str]) -> None:
    container = azurite.container()
    for number in range(MOST + 1):
        azurite.put(container, f"many/{number}.jpg", base64.b64decode(pictures[0]))
    azurite.put(container, "few/0.jpg", base64.b64decode(pictures[0]))
    few = running.post({"sas_uri": azurite.sas(container, folder="few")})
    assert few.status_code == 200 and few.json()["failed"] == 0
    many = running.post({"sas_uri": azurite.sas(container, folder="many")})
    assert many.status_code == 413 and "mezzetin serve" in many.json()["error"]["message"]
    assert "sig=" not in few.text + many.text + running.log.read_text()


def test_overload_is_503_with_a_time_to_come_back(
    python: Path, bundle_path: Path, tmp_path: Path, pictures: list[str]
) -> None:
    """The file itself as the entry script, loaded before the server forks, with room for one picture."""
    variables = {
        "AML_APP_ROOT": str(Path(score.__file__).parent),
        "AZUREML_ENTRY_SCRIPT": "score.py",
        "AZUREML_MODEL_DIR": str(bundle_path),
        "MEZZETIN_SCORE_QUEUE": "1",
        "MEZZETIN_SCORE_THREADS": "2",
        "MEZZETIN_SCORE_DECODERS": "1",
    }
    with inference_server(python, tmp_path / "log", variables, "--preload") as client:
        assert client.post("/score", json={"images": [{"base64": pictures[0]}]}).status_code == 200
        with ThreadPoolExecutor(8) as threads:
            body = {"images": [{"base64": picture} for picture in pictures]}
            answers = list(threads.map(lambda _: client.post("/score", json=body), range(24)))
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["error"]["code"] == "overloaded" and int(refused.headers["Retry-After"]) >= 1
