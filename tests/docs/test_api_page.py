"""The REST API's page and Postman collection are what the server says, and what they show can be sent to one."""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mezzetin.scenes import draw_new
from tests.roads.serve_process import Served, origin, serving

ROOT = Path(__file__).parents[2]
SHOWN_URL = "https://upload.wikimedia.org/dog.jpg"
SHOWN_JOB = "5f0d3c9e8b7a4d6c9e8b7a4d6c5f0d3c"


@pytest.fixture(scope="module")
def generator() -> Any:
    return SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "generate_api.py")))


@pytest.fixture(scope="module")
def described(generator: Any) -> dict[str, Any]:
    return dict(generator.document())


@dataclass(frozen=True)
class Place:
    """A running server, a folder with the page's picture, and where that picture is on the web."""

    served: Served
    folder: Path
    url: str
    shown: str

    def put(self, text: str) -> str:
        """What the page shows, with addresses of here."""
        if SHOWN_JOB in text:
            begun = self.served.client.post("/score", json={"urls": [self.url], "as_job": True}).json()
            self.served.finished(begun["url"])
            text = text.replace(SHOWN_JOB, begun["id"])
        return text.replace(self.shown, self.served.address).replace(SHOWN_URL, self.url)


@pytest.fixture(scope="module")
def place(generator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("api")
    (drawn,) = draw_new(folder, count=1, seed=2)
    picture = drawn.rename(folder / generator.PICTURE).read_bytes()
    with origin(picture) as web, serving(web.environment, jobs=str(folder / "jobs"), decoders=1) as served:
        yield Place(served, folder, web.url(1), generator.SERVER)


@pytest.fixture(scope="module")
def calls(generator: Any, described: dict[str, Any]) -> list[Any]:
    """All that are shown but the folder of an account, which tests/azure asks for."""
    found = [call for one in generator.operations(described) for call in generator.calls(described, *one)]
    kept = [call for call in found if "sas_uri" not in call.note]
    assert len(kept) == len(found) - 1
    return kept


def test_the_page_and_the_collection_are_up_to_date(generator: Any, described: dict[str, Any]) -> None:
    assert generator.PAGE.read_text(encoding="utf-8") == generator.page(described), "run docs/generate_api.py"
    assert generator.COLLECTION.read_text(encoding="utf-8") == generator.collection(described)


def test_every_operation_is_shown(described: dict[str, Any], generator: Any) -> None:
    page = generator.page(described)
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert f"### {method.upper()} {path}\n" in page and operation["summary"] and operation["description"]
    assert "/score" in described["paths"] and "/" not in described["paths"]


def test_each_python_call_is_answered(place: Place, calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)
    for call in calls:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(place.put(call.python()), "api.md", "exec"), {})  # noqa: S102 - our own page
        assert said.getvalue()[:3] in ("200", "202", "204"), call


def test_each_curl_call_is_answered(place: Place, calls: list[Any]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    for call in calls:
        _, *words = shlex.split(place.put(call.curl()).replace("\\\n", " "))
        command = ["curl", "--silent", "--noproxy", "*", "--write-out", "\n%{http_code}", *words]
        done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.rpartition("\n")[2] in ("200", "202", "204"), (call, done.stdout)


def test_each_call_of_the_collection_is_one_of_the_page(
    generator: Any, described: dict[str, Any], calls: list[Any]
) -> None:
    content = json.loads(generator.collection(described))
    assert content["info"]["schema"].endswith("v2.1.0/collection.json")
    requests = [item["request"] for folder in content["item"] for item in folder["item"]]
    sent = {(request["method"], request["url"]["raw"].removeprefix("{{server}}")) for request in requests}
    assert sent == {(call.method, call.path) for call in calls} and len(requests) == len(calls) + 1
