"""Who gets in: by which key, from which site, how often; and who never does."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.websockets import WebSocketDisconnect

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.errors import InputError
from mezzetin.serving.app import create_app
from mezzetin.serving.core import principal_of
from mezzetin.serving.csrf import csrf_token
from mezzetin.serving.guard import check_guard
from mezzetin.serving.keys import add_key, revoke_key
from mezzetin.serving.origins import is_own_host, is_own_origin
from mezzetin.serving.settings import ServeSettings

HOME, V4, V32 = "http://127.0.0.1:8000", "/computervision/imageanalysis:analyze", "/vision/v3.2/describe"
TENANT = "11111111-2222-3333-4444-555555555555"
Serve = Callable[..., TestClient]


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path)


@pytest.fixture
def serve(captioner: BundleCaptioner, tmp_path: Path) -> Serve:
    """A client of an application with these settings that has a page, and a path that changes something."""

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(csrf_token(request))

    async def change(request: Request) -> JSONResponse:
        return JSONResponse({"principal": principal_of(request)})

    def make(base: str = HOME, **settings: Any) -> TestClient:
        app = create_app(ServeSettings(jobs=tmp_path / "jobs", decoders=1, **settings), captioner=captioner)
        app.add_api_route("/page", page)
        app.add_api_route("/change", change, methods=["POST"])
        return TestClient(app, base_url=base)

    return make


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def basic(key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"robin:{key}".encode()).decode()}


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("base", ["http://127.0.0.1:8000", "http://localhost:99", "http://[::1]", "http://127.8.8.8"])
def test_this_machine_needs_no_key(serve: Serve, base: str) -> None:
    assert serve(base).post("/change").json() == {"principal": None}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "localhost.evil", ""])
def test_a_name_that_was_made_to_point_here_is_refused(serve: Serve, host: str) -> None:
    for path in ("/openapi.json", "/metrics", "/page"):
        assert code_of(serve().get(path, headers={"Host": host})) == (403, "foreign_host")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:8000", "http://127.0.0.1:3000", "file://", ""]
)
def test_a_foreign_site_is_refused(serve: Serve, origin: str) -> None:
    for method in ("GET", "POST"):
        answer = serve().request(method, "/change", headers={"Origin": origin})
        assert code_of(answer) == (403, "foreign_origin")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *dict.fromkeys(("localhost", "[::1]:1", "127.0.0.1:65535"), True).items(),
        *dict.fromkeys(("[::1", "::1", "a b", "localhost:x", "localhost@evil", "10.0.0.1"), False).items(),
    ],
)
def test_hosts(host: str, own: bool) -> None:
    assert is_own_host(host) is own


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("https://Museum.example", "museum.example:443", True),
        ("https://museum.example", "museum.example", True),
        ("http://museum.example", "museum.example:81", False),
        ("https://museum.example.evil", "museum.example", False),
        ("https://museum.example@evil", "museum.example", False),
        ("null", "museum.example", False),
        ("", "", False),
    ],
)
def test_origins(origin: str, host: str, own: bool) -> None:
    assert is_own_origin(origin, host) is own


def test_a_key_opens_by_each_of_its_headers_from_anywhere(serve: Serve, file: Path) -> None:
    key = add_key("archive", file)
    client = serve("https://captions.example", keys_file=file)
    foreign = {"Origin": "https://intranet.example", "Cookie": "other=1"}
    for shown in ({"X-Api-Key": key}, {"Ocp-Apim-Subscription-Key": key}, {"Authorization": f"bearer  {key}"}):
        assert client.post("/change", headers={**shown, **foreign}).json() == {"principal": key[3:15]}
    revoke_key("archive", file)
    assert code_of(client.post("/change", headers={"X-Api-Key": key})) == (401, "unauthorized")


@pytest.mark.parametrize(
    "path",
    [
        "/score",
        "/metrics",
        "/openapi.json",
        "/nowhere",
        "/sign-in",
        "//",
        "/page/",
        "/page/0123456789abcdef/../score",
        "//livez",
        "/livez/",
        "/page",
    ],
)
def test_without_a_key_there_is_nothing(serve: Serve, file: Path, path: str) -> None:
    key = add_key("archive", file)
    client = serve(keys_file=file)
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    for shown in (
        {},
        {"X-Api-Key": wrong},
        {"Authorization": f"Bearer {wrong}"},
        {"Authorization": "Basic !"},
        basic(""),
    ):
        answer = client.get(HOME + path, headers=shown)
        assert code_of(answer) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer") and wrong not in answer.text
    assert client.get(HOME + path, params={"subscription-key": key, "key": key}).status_code == 401
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("path", [V4, V32, "/" + V4])
def test_azure_s_doors_refuse_as_azure_does(serve: Serve, file: Path, path: str) -> None:
    key = add_key("archive", file)
    client = serve(keys_file=file, rate=0.5)
    answer = client.post(HOME + path, content=b"x")
    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["x-ms-error-code"]) == (
        401,
        "401",
        "401",
    )
    assert answer.headers["apim-request-id"]
    shown = {"Ocp-Apim-Subscription-Key": key, "Content-Type": "text/plain"}
    assert client.post(HOME + path, headers=shown).status_code not in (401, 429)
    many = client.post(HOME + path, headers=shown)
    assert code_of(many) == (429, "429") and 1 <= int(many.headers["retry-after"]) <= 2


def test_a_browser_is_asked_for_a_key_and_needs_the_page_s_token(serve: Serve, file: Path) -> None:
    key, home = add_key("archive", file), "https://captions.example"
    client = serve(home, keys_file=file)
    asked = client.get("/page", headers={"Accept": "text/html,*/*"})
    assert asked.status_code == 401 and asked.headers["www-authenticate"].startswith("Basic")
    page = client.get("/page", headers=basic(key))
    cookie = page.headers["set-cookie"]
    assert cookie.startswith("__Host-mezzetin-csrf=") and "samesite=strict" in cookie.lower()
    assert "httponly" in cookie.lower() and "; secure" in cookie.lower() and "Domain" not in cookie
    sent = {**basic(key), "Origin": home}
    assert code_of(client.post("/change", headers=sent)) == (403, "csrf")
    assert client.post("/change", headers={**sent, "X-CSRF-Token": page.text}).json() == {"principal": key[3:15]}
    foreign = {**sent, "X-CSRF-Token": page.text, "Origin": "https://evil.example"}
    assert code_of(client.post("/change", headers=foreign)) == (403, "foreign_origin")
    assert code_of(client.post("/change", headers=basic(key))) == (403, "csrf")


def test_a_token_is_one_browser_s_and_one_key_s(serve: Serve, file: Path) -> None:
    first, second = add_key("a", file), add_key("b", file)
    client = serve(keys_file=file)
    tokens = [client.get("/page", headers=basic(key)).text for key in (first, second)]
    assert tokens[0] != tokens[1]
    sent = {**basic(second), "Origin": HOME}
    assert code_of(client.post("/change", headers={**sent, "X-CSRF-Token": tokens[0]})) == (403, "csrf")
    assert client.post("/change", headers={**sent, "X-CSRF-Token": tokens[1]}).status_code == 200
    client.cookies.clear()
    assert code_of(client.post("/change", headers={**sent, "X-CSRF-Token": tokens[1]})) == (403, "csrf")
    odd = [(name.encode(), value.encode()) for name, value in sent.items()] + [(b"X-CSRF-Token", b"\xff")]
    assert code_of(client.post("/change", headers=odd)) == (403, "csrf")


def test_on_this_machine_a_page_needs_its_token_and_a_program_none(serve: Serve) -> None:
    client = serve()
    token = client.get("/page").text
    assert code_of(client.post("/change", headers={"Origin": HOME})) == (403, "csrf")
    # Also without an Origin the browser's cookie tells that it is one.
    assert code_of(client.post("/change")) == (403, "csrf")
    assert client.post("/change", headers={"Origin": HOME, "X-CSRF-Token": token}).status_code == 200
    # Another process has another key: the page must be loaded again.
    other = serve()
    other.cookies = client.cookies
    assert code_of(other.post("/change", headers={"Origin": HOME, "X-CSRF-Token": token})) == (403, "csrf")


def test_a_listed_site_may_ask_and_another_may_not(serve: Serve) -> None:
    client = serve(cors_origins=("https://Intranet.example:443",))
    listed = {"Origin": "https://intranet.example", "Access-Control-Request-Method": "POST"}
    allowed = client.options("/change", headers={**listed, "Access-Control-Request-Headers": "x-api-key"})
    assert allowed.status_code == 200 and "access-control-allow-credentials" not in allowed.headers
    answer = client.post("/change", headers={"Origin": "https://intranet.example"})
    assert answer.headers["access-control-allow-origin"] == "https://intranet.example" and answer.status_code == 200
    refused = client.options("/change", headers={**listed, "Origin": "https://evil.example"})
    assert refused.status_code == 400 and "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("origin", ["*", "https://*.example", "intranet.example", "https://a.example/path", "null"])
def test_a_list_of_sites_names_sites(origin: str) -> None:
    with pytest.raises(InputError, match="--cors-origin"):
        check_guard(ServeSettings(cors_origins=(origin,)))


def test_a_key_that_asks_too_often_waits_and_another_does_not(serve: Serve, file: Path) -> None:
    first, second = add_key("a", file), add_key("b", file)
    client = serve(keys_file=file, rate=1.0)
    codes = [client.post("/change", headers={"X-Api-Key": first}).status_code for _ in range(4)]
    assert codes[:2] == [200, 200] and 429 in codes
    last = client.post("/change", headers={"X-Api-Key": first})
    assert code_of(last) == (429, "too_many_requests") and last.headers["retry-after"] == "1"
    assert client.post("/change", headers={"X-Api-Key": second}).status_code == 200


def test_who_tries_keys_out_waits_and_who_has_one_does_not(serve: Serve, file: Path) -> None:
    key = add_key("a", file)
    client = serve(keys_file=file)
    codes = [client.get("/metrics", headers={"X-Api-Key": "guess"}).status_code for _ in range(60)]
    assert set(codes) == {401, 429}
    assert client.get("/metrics", headers={"X-Api-Key": key}).status_code == 200


def test_no_websocket_gets_in(serve: Serve) -> None:
    with pytest.raises(WebSocketDisconnect) as caught, serve().websocket_connect("/page"):
        pass
    assert caught.value.code == 1008


def test_a_file_without_a_key_that_counts_lets_no_server_start(file: Path) -> None:
    with pytest.raises(InputError, match="keys add"):
        check_guard(ServeSettings(keys_file=file))
    add_key("a", file)
    check_guard(ServeSettings(keys_file=file))
    revoke_key("a", file)
    with pytest.raises(InputError, match="no key that counts"):
        check_guard(ServeSettings(keys_file=file))


def test_a_token_that_can_t_be_checked_is_no_key(serve: Serve, file: Path) -> None:
    key = add_key("a", file)
    # Nothing listens there: the keys of the tenant can't be had.
    entra = {"entra_tenant": TENANT, "entra_audiences": ("a",), "entra_authority": "http://127.0.0.1:1"}
    client = serve(keys_file=file, **entra)
    assert client.post("/change", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    answer = client.post("/change", headers={"Authorization": "Bearer not.a.token"})
    assert code_of(answer) == (401, "unauthorized") and "invalid_token" in answer.headers["www-authenticate"]
    plausible = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSIsInR5cCI6IkpXVCJ9.e30.c2ln"
    assert code_of(client.post("/change", headers={"Authorization": f"Bearer {plausible}"})) == (
        503,
        "entra_unreachable",
    )


def test_behind_a_gateway_any_name_is_served_and_no_foreign_site(serve: Serve) -> None:
    client = serve("https://captions.example", behind_gateway=True)
    # The gateway's own key is passed on, and says nothing here.
    assert client.post("/change", headers={"Authorization": "Bearer theirs"}).json() == {"principal": None}
    for method in ("GET", "POST"):
        answer = client.request(method, "/change", headers={"Origin": "https://evil.example"})
        assert code_of(answer) == (403, "foreign_origin")
    # Whom the gateway knows by a cookie, a page of ours must still have its token.
    own = {"Origin": "https://captions.example"}
    assert code_of(client.post("/change", headers=own)) == (403, "csrf")
    token = client.get("/page").text
    assert client.post("/change", headers={**own, "X-CSRF-Token": token}).status_code == 200
