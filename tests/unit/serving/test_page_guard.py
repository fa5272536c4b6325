"""The page and the guard: it opens without a key and tells nothing, and its form needs its token."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.serving.app import create_app
from mezzetin.serving.keys import add_key
from mezzetin.serving.settings import ServeSettings

HOME = "http://127.0.0.1:8000"
Serve = Callable[..., TestClient]


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path)


@pytest.fixture
def serve(captioner: BundleCaptioner, tmp_path: Path) -> Serve:
    """A client of an application with these settings."""

    def make(**settings: Any) -> TestClient:
        chosen = ServeSettings(jobs=tmp_path / "jobs", decoders=1, **settings)
        return TestClient(create_app(chosen, captioner=captioner), base_url=HOME)

    return make


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_page_opens_without_a_key_and_tells_nothing(serve: Serve, file: Path, captioner: BundleCaptioner) -> None:
    key = add_key("archive", file)
    client = serve(keys_file=file, rate=1.0)
    page = client.get("/")
    assert page.status_code == 200 and "API key" in page.text and "Choose pictures" in page.text
    for secret in (captioner.info.name, captioner.info.version + "</bdi>", captioner.info.signature[:16]):
        assert secret not in page.text
    parts = re.findall(r"(?:href|src)=\"(/page/[^\"]+)\"", page.text)
    assert len(parts) == 3
    # They are more than the key's rate, and no request for data.
    assert [client.get(part).status_code for part in parts * 3] == [200] * 9
    assert captioner.info.signature[:16] in client.get("/", headers={"X-Api-Key": key}).text
    assert code_of(client.get("/", headers={"X-Api-Key": "wrong"})) == (401, "unauthorized")
    for method in ("POST", "PUT", "DELETE"):
        assert client.request(method, "/").status_code == 401
        assert client.request(method, parts[0]).status_code == 401


def test_the_page_s_name_is_checked_as_any(serve: Serve) -> None:
    parts = re.findall(r"(?:href|src)=\"(/page/[^\"]+)\"", serve().get("/").text)
    for path in ("/", *parts):
        assert code_of(serve().get(path, headers={"Host": "evil.example"})) == (403, "foreign_host")


def test_a_form_without_its_token_is_refused(serve: Serve) -> None:
    client = serve()
    token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', client.get("/").text)
    assert token is not None
    with client:
        for fields in ({}, {"csrf_token": "0" * 64}, {"csrf_token": "ä"}):
            answer = client.post("/", data=fields, files={"images": ("a.jpg", b"no picture")}, headers={"Origin": HOME})
            assert code_of(answer) == (403, "csrf")
        fields = {"csrf_token": token[1]}
        sent: dict[str, Any] = {"data": fields, "files": {"images": ("a.jpg", b"no picture")}}
        assert "No caption" in client.post("/", headers={"Origin": HOME}, **sent).text
        assert code_of(client.post("/", headers={"Origin": "https://evil.example"}, **sent)) == (403, "foreign_origin")
        client.cookies.clear()
        assert code_of(client.post("/", headers={"Origin": HOME}, **sent)) == (403, "csrf")


def test_a_browser_reads_refusals_as_a_page_and_a_program_as_json(serve: Serve, file: Path) -> None:
    add_key("archive", file)
    client = serve(keys_file=file)
    wants = {"Accept": "text/html"}
    page = client.get("/sign-in", headers=wants)
    assert page.status_code == 401 and page.headers["www-authenticate"].startswith("Basic")
    assert "This server asks for a key" in page.text and "style-src 'self'" in page.headers["content-security-policy"]
    assert code_of(client.get("/metrics", headers=wants)) == (401, "unauthorized")
    often = [serve(rate=0.5)] * 4
    last = [client.get("/", headers=wants) for client in often][-1]
    assert last.status_code == 429 and "Too many requests" in last.text and last.headers["retry-after"] == "2"
