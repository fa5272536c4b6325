"""What every answer tells a browser, good or bad; and the id that it bears."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.responses import HTMLResponse

from mezzetin.captioner import load_captioner
from mezzetin.serving.app import create_app
from mezzetin.serving.headers import SELF, by_hash, by_nonce, csp
from mezzetin.serving.settings import ServeSettings

HOME = "http://127.0.0.1"


@pytest.fixture(scope="module")
def app(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    settings = ServeSettings(jobs=tmp_path_factory.mktemp("jobs"), decoders=1, body_bytes=100)
    made = create_app(settings, captioner=load_captioner(bundle_path))

    async def page() -> HTMLResponse:
        return HTMLResponse("<p>", headers={"Content-Security-Policy": csp(styles=[SELF]), "Cache-Control": "private"})

    async def broken() -> None:
        raise RuntimeError("nobody foresaw this")

    made.add_api_route("/page", page)
    made.add_api_route("/broken", broken)
    return made


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    yield TestClient(app, base_url=HOME, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/livez", 405),
        ("GET", "/jobs/x", 422),
        ("POST", "/score", 413),
        ("GET", "/broken", 500),
        ("GET", "//computervision/nothing", 404),
    ],
)
def test_every_answer_bears_them(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, HOME + path, content=bytes(200) if method == "POST" else None)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert policy == "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers
    assert "server" not in answer.headers
    assert uuid.UUID(answer.headers["x-request-id"])


def test_a_page_keeps_its_own(client: TestClient) -> None:
    answer = client.get("/page")
    assert "style-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private"
    assert len(answer.headers.get_list("content-security-policy")) == 1


def test_only_tls_promises_tls(app: FastAPI) -> None:
    answer = TestClient(app, base_url="https://127.0.0.1").get("/livez")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("trace-0123.4567", True),
        ("short", False),
        ("a" * 65, False),
        ("two words here", False),
        ("<script>alert", False),
    ],
)
def test_a_sane_id_is_kept(client: TestClient, given: str, kept: bool) -> None:
    for path in ("/livez", "/nowhere", "/broken"):
        said = client.get(path, headers={"X-Request-Id": given}).headers["x-request-id"]
        assert (said == given) is kept and (kept or uuid.UUID(said))


def test_azure_s_ids_are_the_same_one(client: TestClient) -> None:
    answer = client.get("/computervision/nothing", headers={"X-Request-Id": "trace-0123"})
    assert answer.headers["apim-request-id"] == answer.headers["x-request-id"] == "trace-0123"


def test_a_policy_of_hashes_and_nonces() -> None:
    policy = csp(scripts=[by_hash("alert(1)"), by_nonce("abc")], images=[SELF, "blob:"], connect=[SELF])
    assert policy.split("; ") == [
        "default-src 'none'",
        # The value that OpenSSL gives: printf %s 'alert(1)' | openssl dgst -sha256 -binary | base64
        "script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=' 'nonce-abc'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
    assert "unsafe" not in policy
