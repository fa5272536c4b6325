"""Tokens of Entra, checked against a real key set on a local server: what counts, and what does not."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.datastructures import Headers

from mezzetin.errors import InputError
from mezzetin.serving import entra
from mezzetin.serving.credentials import Doorkeeper, Principal
from mezzetin.serving.entra import EntraTokens, EntraUnreachable, Holder, TokenRefused
from mezzetin.serving.problems import Problem
from mezzetin.serving.settings import ServeSettings

TENANT, AUDIENCE = "11111111-2222-3333-4444-555555555555", "api://captions"
OURS, LATER, FOREIGN = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))


class Authority:
    """A tenant's key set at a local address."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.keys: dict[str, rsa.RSAPrivateKey] = {"one": OURS}
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                authority.asked += 1
                right = self.path == f"/{TENANT}/discovery/v2.0/keys"
                body = json.dumps({"keys": [public(*pair) for pair in authority.keys.items()]}).encode()
                self.send_response(authority.status if right else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def tokens(self) -> EntraTokens:
        return EntraTokens(TENANT, (AUDIENCE, "client-id"), self.url)

    def token(self, key: Any = OURS, kid: str | None = "one", alg: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        usual = {"iss": f"{self.url}/{TENANT}/v2.0", "aud": AUDIENCE, "sub": "s", "oid": "robin", "azp": "app"}
        whole = usual | {"nbf": now - 5, "exp": now + 600} | claims
        content = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(content, key, algorithm=alg, headers={} if kid is None else {"kid": kid})


def public(kid: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


@pytest.fixture
def authority() -> Iterator[Authority]:
    found = Authority()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def holder(tokens: EntraTokens, token: str) -> Holder:
    return asyncio.run(tokens.holder(token))


def test_a_token_of_the_tenant_for_this_server_counts(authority: Authority) -> None:
    tokens = authority.tokens()
    assert holder(tokens, authority.token()) == Holder("robin", "app")
    older = authority.token(iss=f"https://sts.windows.net/{TENANT}/", aud="client-id", oid=None, azp=None, appid="old")
    assert holder(tokens, older) == Holder("s", "old")
    assert authority.asked == 1


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": int(time.time()) - 3600}, "expired"),
        ({"exp": None}, "not valid"),
        ({"nbf": int(time.time()) + 3600}, "not count yet"),
        ({"nbf": None}, "not valid"),
        ({"aud": "api://another"}, "another application"),
        ({"aud": None}, "not valid"),
        ({"iss": "https://login.microsoftonline.com/66666666-2222-3333-4444-555555555555/v2.0"}, "another tenant"),
        ({"iss": None}, "not valid"),
        ({"key": FOREIGN}, "not valid"),
        ({"kid": None}, "RS256"),
        ({"kid": "two"}, "not the tenant's"),
        ({"key": "x" * 64, "alg": "HS256"}, "RS256"),
        ({"alg": "RS384"}, "RS256"),
        ({"alg": "none", "key": None}, "RS256"),
    ],
)
def test_what_does_not_count(authority: Authority, claims: dict[str, Any], words: str) -> None:
    token = authority.token(**claims)
    with pytest.raises(TokenRefused, match=words) as caught:
        holder(authority.tokens(), token)
    assert token not in str(caught.value)


def test_the_public_key_is_no_shared_secret(authority: Authority) -> None:
    pem = OURS.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = authority.token(key="x" * 64, alg="HS256").rsplit(".", 1)[0]
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed.encode(), pem)
    with pytest.raises(TokenRefused, match="RS256"):
        holder(authority.tokens(), f"{signed}.{jwt.utils.base64url_encode(mac).decode()}")


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "é.é.é", "." * 5, "x" * 20_000, "eyJhbGciOiJSUzI1NiJ9.e30."])
def test_what_is_no_token(authority: Authority, text: str) -> None:
    with pytest.raises(TokenRefused):
        holder(authority.tokens(), text)
    assert authority.asked == 0


def test_a_new_key_is_fetched_but_not_for_every_unknown_one(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = authority.tokens()
    holder(tokens, authority.token())
    authority.keys["two"] = LATER
    for _ in range(3):
        with pytest.raises(TokenRefused, match="not the tenant's"):
            holder(tokens, authority.token(key=LATER, kid="two"))
    assert authority.asked == 1
    monkeypatch.setattr(entra, "_NOT_AGAIN_FOR", -1.0)
    assert holder(tokens, authority.token(key=LATER, kid="two")).id == "robin"
    assert authority.asked == 2


def test_keys_outlive_an_outage_and_without_any_nobody_is_let_in(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, later = authority.tokens(), authority.tokens()
    holder(tokens, authority.token())
    authority.status = 500
    monkeypatch.setattr(entra, "_KEPT_FOR", -1.0)
    monkeypatch.setattr(entra, "_NOT_AGAIN_FOR", -1.0)
    assert holder(tokens, authority.token()).id == "robin"
    with pytest.raises(EntraUnreachable):
        holder(later, authority.token())
    authority.status = 200
    assert holder(later, authority.token()).id == "robin"


def test_the_doorkeeper_knows_the_holder_by_an_id(authority: Authority) -> None:
    settings = ServeSettings(entra_tenant=TENANT, entra_audiences=(AUDIENCE,), entra_authority=authority.url)
    doorkeeper = Doorkeeper(settings)
    admitted = asyncio.run(doorkeeper.admit(Headers({"Authorization": f"Bearer {authority.token()}"})))
    assert admitted == Principal("entra:robin", "entra:robin")
    # A token is no key: it does not count in a key's header.
    with pytest.raises(Problem) as caught:
        asyncio.run(doorkeeper.admit(Headers({"X-Api-Key": authority.token()})))
    assert caught.value.status_code == 401


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("museum.example", ("a",)), "a GUID"),
        ((TENANT, ()), "--entra-audience"),
        ((TENANT, ("a",), "http://login.example"), "https"),
        ((TENANT, ("a",), "login.example"), "https"),
    ],
)
def test_wrong_settings(given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        EntraTokens(*given)
