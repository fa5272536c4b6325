"""The sign-in of a running application: who gets in, who is sent away, and with which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import JSONResponse

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.errors import InputError, MezzetinError
from mezzetin.serving.app import create_app
from mezzetin.serving.core import principal_of
from mezzetin.serving.exposure import check_exposure, is_open
from mezzetin.serving.guard import check_guard
from mezzetin.serving.keys import add_key, list_keys
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin import delays
from mezzetin.serving.signin.accounts import add_account, change_role
from mezzetin.serving.signin.who import need, who_of

HOME = "https://captions.example"
PASSWORD = "plum wagon silver 9 tide"  # noqa: S105 - of a test
HTML = {"Accept": "text/html"}
Serve = Callable[..., TestClient]


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "accounts.sqlite"
    add_account("robin", PASSWORD, "reviewer", place)
    return place


@pytest.fixture
def serve(captioner: BundleCaptioner, tmp_path: Path) -> Serve:
    async def whoever(request: Request) -> JSONResponse:
        who = who_of(request)
        assert who is not None
        return JSONResponse([who.name, who.role, who.how, principal_of(request)])

    async def decide(request: Request) -> JSONResponse:
        return JSONResponse(need(request, "reviewer").name)

    def make(base: str = HOME, **settings: Any) -> TestClient:
        app = create_app(ServeSettings(jobs=tmp_path / "jobs", decoders=1, **settings), captioner=captioner)
        app.add_api_route("/who", whoever)
        app.add_api_route("/decide", decide, methods=["GET", "POST"])
        return TestClient(app, base_url=base, follow_redirects=False)

    return make


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def token_of(page: Any) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]


def sign_in(
    client: TestClient, password: str = PASSWORD, name: str = "robin", next: str = "/who", **headers: str
) -> Any:
    form = {
        "csrf_token": token_of(client.get("/sign-in", headers=HTML)),
        "name": name,
        "password": password,
        "next": next,
    }
    return client.post("/sign-in", data=form, headers={**HTML, "Origin": HOME, **headers})


def test_nobody_is_asked_at_this_machine(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve("http://127.0.0.1:8000")
    name, role, how, principal = client.get("/who").json()
    assert (role, how, principal) == ("admin", "loopback", None) and name
    assert client.post("/decide").status_code == 200
    assert client.get("/sign-in?next=/who").headers["location"] == "/who"
    assert code_of(client.post("/sign-out")) == (404, "not_found")


def test_a_stranger_is_sent_to_the_page_and_a_program_is_refused(serve: Serve, file: Path) -> None:
    client = serve(accounts=file)
    sent = client.get("/decide?a=1&b=%2F", headers=HTML)
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=%2Fdecide%3Fa%3D1%26b%3D%252F")
    assert client.get("/", headers=HTML).headers["location"] == "/sign-in?next=%2F"
    posted = client.post("/decide", headers={**HTML, "Referer": f"{HOME}/decide?page=3"})
    assert posted.headers["location"] == "/sign-in?next=%2Fdecide%3Fpage%3D3"
    assert (
        client.post("/decide", headers={**HTML, "Referer": "https://evil.example/x"})
        .headers["location"]
        .endswith("%2F")
    )
    for path in ("/decide", "/score", "/metrics", "/openapi.json", "/", "/sign-out", "/sign-in/other", "/nowhere"):
        assert code_of(client.get(path)) == (401, "unauthorized")
    assert client.get("/livez").status_code == 200


def test_a_person_signs_in_and_out_with_an_account(serve: Serve, file: Path) -> None:
    client = serve(accounts=file)
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/who")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-mezzetin-session=") and "Domain" not in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"))
    assert client.get("/who").json() == ["robin", "reviewer", "account", "account:robin"]
    page = client.get("/sign-in", headers=HTML)
    assert (
        page.headers["cache-control"] == "no-store"
        and "frame-ancestors 'none'" in page.headers["content-security-policy"]
    )
    first = client.cookies["__Host-mezzetin-session"]
    assert sign_in_again(client, page) != first
    change_role("robin", "viewer", file)
    assert code_of(client.get("/decide")) == (403, "forbidden")
    # Another process with the same file knows the session.
    again = serve(accounts=file)
    again.cookies = client.cookies
    assert again.get("/who").status_code == 200
    out = client.post("/sign-out", data={"csrf_token": token_of(client.get("/sign-in", headers=HTML))})
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in?told=out")
    assert code_of(again.get("/who")) == (401, "unauthorized")


def sign_in_again(client: TestClient, page: Any) -> str:
    form = {"csrf_token": token_of(page), "name": "robin", "password": PASSWORD}
    assert client.post("/sign-in", data=form, headers={**HTML, "Origin": HOME}).status_code == 303
    return client.cookies["__Host-mezzetin-session"]


def test_whatever_is_wrong_the_words_are_the_same(serve: Serve, file: Path) -> None:
    client = serve(accounts=file)
    told = [
        sign_in(client, *pair) for pair in ((PASSWORD[:-1], "robin"), (PASSWORD, "nobody"), ("", ""), ("\0", "\0'--"))
    ]
    assert [page.status_code for page in told] == [401] * 4 and all("set-cookie" in page.headers for page in told)
    bodies = {re.sub(r'value="[^"]*"', "", page.text) for page in told}
    assert len(bodies) == 1 and "The name or the password is wrong." in bodies.pop()
    assert not any("mezzetin-session" in page.headers["set-cookie"] for page in told)


def test_a_foreign_site_signs_nobody_in_or_out(serve: Serve, file: Path) -> None:
    client = serve(accounts=file)
    assert code_of(sign_in_from_elsewhere(client)) == (403, "foreign_origin")
    form = {"name": "robin", "password": PASSWORD, "csrf_token": "0" * 64}
    for headers in ({}, {"Origin": HOME}):
        answer = client.post("/sign-in", data=form, headers={**HTML, **headers})
        assert answer.status_code == 403 and "too old" in answer.text and "mezzetin-session" not in client.cookies
    assert sign_in(client).status_code == 303
    assert client.post("/sign-out", data=form, headers={**HTML, "Origin": HOME}).status_code == 403
    assert code_of(client.post("/decide", headers={"Origin": HOME})) == (403, "csrf")
    assert client.get("/who").status_code == 200


def sign_in_from_elsewhere(client: TestClient) -> Any:
    form = {"csrf_token": token_of(client.get("/sign-in", headers=HTML)), "name": "robin", "password": PASSWORD}
    return client.post("/sign-in", data=form, headers={"Origin": "https://evil.example"})


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/sign-in", "x"])
def test_signing_in_leads_nowhere_else(serve: Serve, file: Path, target: str) -> None:
    client = serve(accounts=file)
    assert sign_in(client, next=target).headers["location"] == "/"
    assert "evil" not in client.get("/sign-in", params={"next": target}, headers=HTML).text


def test_who_tries_passwords_out_has_to_wait(serve: Serve, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve(accounts=file)
    monkeypatch.setitem(delays._FREE, "both", 1)
    assert [sign_in(client, "wrong " * 3).status_code for _ in range(2)] == [401, 429]
    page = sign_in(client)
    assert page.status_code == 429 and 1 <= int(page.headers["retry-after"]) <= 2
    assert "too many wrong passwords: try again in" in page.text
    assert sign_in(client, "wrong " * 3, "bert").status_code == 401


def test_a_key_still_works_and_has_a_role(serve: Serve, file: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    plain, strong = add_key("reader", keys), add_key("desk", keys, "reviewer")
    assert [key.role for key in list_keys(keys)] == ["viewer", "reviewer"]
    with pytest.raises(InputError, match="no role"):
        add_key("king", keys, "king")
    client = serve(accounts=file, keys_file=keys)
    assert client.get("/who", headers={"X-Api-Key": strong}).json()[:3] == ["desk", "reviewer", "key"]
    assert client.post("/decide", headers={"X-Api-Key": strong}).status_code == 200
    assert code_of(client.post("/decide", headers={"X-Api-Key": plain})) == (403, "forbidden")
    assert sign_in(client).status_code == 303
    assert code_of(client.get("/who", headers={"X-Api-Key": plain[:-1]})) == (401, "unauthorized")
    # A file from before there were roles.
    old = re.sub(r'\s*"role": "\w+",', "", keys.read_text()).replace('"version": 2', '"version": 1')
    keys.write_text(old)
    assert {key.role for key in list_keys(keys)} == {"viewer"}


def test_accounts_that_can_t_be_read_let_nobody_in(serve: Serve, file: Path) -> None:
    client = serve(accounts=file)
    assert sign_in(client).status_code == 303
    file.chmod(0o644)
    assert code_of(client.get("/who")) == (503, "accounts_unavailable")
    assert client.get("/livez").status_code == 200


OIDC = {"oidc_issuer": "https://id.example", "oidc_client_id": "m"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "::", "collection": Path("m.sqlite"), "behind_proxy": True}, "mezzetin accounts add"),
        ({"oidc_issuer": "https://id.example"}, "--oidc-client-id"),
        (OIDC, "--accounts FILE"),
        ({**OIDC, "collection": Path("m.sqlite"), "host": "::", "behind_proxy": True}, "--public-url"),
        ({"accounts": Path("none.sqlite")}, "holds no account"),
        *[({"public_url": url}, "--public-url takes") for url in ("x", "http://a.b", "https://a.b/c", "https://u@a.b")],
    ],
)
def test_what_would_let_strangers_in_does_not_start(settings: dict[str, Any], said: str, tmp_path: Path) -> None:
    placed = {name: tmp_path / value if isinstance(value, Path) else value for name, value in settings.items()}
    with pytest.raises(InputError, match=re.escape(said)):
        check_exposure(ServeSettings(**placed))


def test_accounts_beside_a_collection_are_found(tmp_path: Path) -> None:
    settings = ServeSettings(collection=tmp_path / "museum.sqlite", host="0.0.0.0", behind_proxy=True)  # noqa: S104
    assert is_open(settings)
    add_account("anna", PASSWORD, "admin", tmp_path / "museum.accounts.sqlite")
    assert not is_open(settings)
    check_exposure(settings)
    check_guard(settings)


@pytest.mark.parametrize("issuer", ["http://id.example", "ftp://127.0.0.1", "id.example", "https://", "https://["])
def test_a_provider_speaks_https(tmp_path: Path, issuer: str) -> None:
    settings = ServeSettings(accounts=tmp_path / "a.sqlite", oidc_issuer=issuer, oidc_client_id="m")
    with pytest.raises(MezzetinError, match="https address"):
        check_guard(settings)


def test_the_secret_comes_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    settings = ServeSettings(accounts=tmp_path / "a.sqlite", oidc_secret_file=secret, **OIDC)
    with pytest.raises(InputError, match="can't be read"):
        check_guard(settings)
    secret.write_text("\n")
    with pytest.raises(InputError, match="empty"):
        check_guard(settings)
    secret.write_text("s3cret\n")
    check_guard(settings)
