"""Tokens of identity, the claims in them, ways back, and delays: what counts and what does not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin.claims import role_from, who_from
from mezzetin.serving.signin.delays import Delays
from mezzetin.serving.signin.tokens import checked_claims, signing_keys
from mezzetin.serving.signin.who import own_path

ISSUER, CLIENT, NONCE = "https://id.example", "mezzetin", "n" * 43
KEY, FOREIGN = (rsa.generate_private_key(65537, 2048) for _ in range(2))
CURVE = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str, **more: str) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


KEYS = signing_keys(
    {
        "keys": [
            jwk(KEY, "a"),
            jwk(CURVE, "b", use="sig"),
            jwk(FOREIGN, "c", use="enc"),
            {"kty": "oct", "k": "eA", "kid": "d"},
            None,
        ]
    }
)


def token(key: Any = KEY, kid: str | None = "a", algorithm: str = "RS256", **claims: Any) -> str:
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300, "nonce": NONCE}
    content = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(content, key, algorithm, headers={} if kid is None else {"kid": kid})


def check(text: str, keys: Any = KEYS) -> dict[str, Any]:
    return checked_claims(text, keys, ISSUER, CLIENT, NONCE)


def test_tokens_of_the_provider_count() -> None:
    assert set(KEYS) == {"a", "b"}
    assert check(token())["sub"] == "1"
    assert check(token(CURVE, "b", "ES256", aud=[CLIENT]))["sub"] == "1"
    assert check(token(algorithm="PS256", aud=[CLIENT, "other"], azp=CLIENT))["sub"] == "1"
    assert check(token(kid=None), {"a": KEYS["a"]})["sub"] == "1"
    # Clocks may be a minute apart.
    assert check(token(exp=int(time.time()) - 50, iat=int(time.time()) + 50))["sub"] == "1"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: token(FOREIGN), "not one for this server"),
        (lambda: token(FOREIGN, "c"), "not signed with one of its keys"),
        (lambda: token(kid=None), "not signed with one of its keys"),
        (lambda: token(kid="z"), "not signed with one of its keys"),
        (lambda: token(kid="b"), "not one for this server"),
        (lambda: token(iss="https://evil.example"), "not one for this server"),
        (lambda: token(aud="other"), "not one for this server"),
        (lambda: token(aud=[CLIENT, "other"]), "not one for this server"),
        (lambda: token(azp="other"), "not one for this server"),
        (lambda: token(exp=int(time.time()) - 120), "too old"),
        (lambda: token(iat=int(time.time()) + 600), "future"),
        (lambda: token(exp=None), "not one for this server"),
        (lambda: token(sub=None), "not one for this server"),
        (lambda: token(nonce="other"), "another attempt"),
        (lambda: token(nonce=None), "another attempt"),
        (lambda: token("x" * 32, "a", "HS256"), "not signed with one of its keys"),
        (lambda: token(sub="x" * 70_000), "too long"),
        (lambda: "", "not one for this server"),
        (lambda: "a.b.c", "not one for this server"),
    ],
)
def test_other_tokens_do_not(made: Callable[[], str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(made())


def test_a_token_without_a_signature_does_not_count() -> None:
    def part(content: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    claims = jwt.decode(token(), options={"verify_signature": False})
    for algorithm in ("none", "None", "NONE", "HS256", None):
        with pytest.raises(ValueError, match="not signed"):
            check(f"{part({'alg': algorithm, 'kid': 'a'})}.{part(claims)}.")


SETTINGS = {"oidc_issuer": ISSUER, "oidc_client_id": CLIENT}


@pytest.mark.parametrize(
    ("claims", "settings", "role"),
    [
        ({}, {}, "viewer"),
        ({}, {"oidc_default_role": "none"}, None),
        ({"roles": ["reviewer"]}, {}, "reviewer"),
        ({"roles": ["viewer", "admin", 7]}, {}, "admin"),
        ({"roles": "admin"}, {"oidc_roles": ("App.Admin=reviewer",)}, "viewer"),
        ({"roles": ["App=1"]}, {"oidc_roles": ("App=1=reviewer",)}, "reviewer"),
        ({"groups": ["g"]}, {"oidc_role_claim": "groups", "oidc_roles": ("g=admin",)}, "admin"),
        ({"realm": {"roles": ["reviewer"]}}, {"oidc_role_claim": "realm.roles"}, "reviewer"),
        ({"roles": {"admin": True}}, {}, "viewer"),
    ],
)
def test_roles(claims: dict[str, Any], settings: dict[str, Any], role: str | None) -> None:
    assert role_from(claims, ServeSettings(**SETTINGS, **settings)) == role


def test_names_are_for_people_and_ids_stay() -> None:
    settings = ServeSettings(**SETTINGS)
    shown = [
        {"preferred_username": "anna", "email": "a@b"},
        {"email": "a@b"},
        {},
        {"preferred_username": "a\x00\u202eb"},
    ]
    found = [who_from({"sub": "s", **claims}, settings) for claims in shown]
    assert [who.name for who in found if who] == ["anna", "a@b", "s", "ab"]
    assert len({who.id for who in found if who}) == 1
    other = who_from({"sub": "t", "preferred_username": "anna"}, settings)
    assert other and found[0] and other.id != found[0].id


@pytest.mark.parametrize("role", ["a", "a=king", "=admin"])
def test_a_mapping_to_no_role_is_refused(role: str) -> None:
    with pytest.raises(ValueError, match="role"):
        ServeSettings(**SETTINGS, oidc_roles=(role,))


@pytest.mark.parametrize(
    "target",
    [
        *(
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil",
            "/a\r\nb",
            "javascript:alert(1)",
            "",
        ),
        *(None, "/sign-in", "/sign-in/oidc", "/é", "/a/../b", "evil", "/" + "x" * 3000),
    ],
)
def test_nothing_leads_elsewhere(target: str | None) -> None:
    assert own_path(target) == "/"


@given(st.text(alphabet="/\\.:@?#%ab \t\n\x00é", max_size=12))
def test_a_way_on_is_a_path_of_this_server(target: str) -> None:
    found = own_path(target)
    assert found in ("/", target) and found.startswith("/") and not found.startswith(("//", "/\\"))


def test_failures_make_wait_and_longer_each_time() -> None:
    delays = Delays()
    waits = []
    for _ in range(18):
        waits.append(delays.wait("anna", "1.2.3.4", now=0.0))
        delays.failed("Anna", "1.2.3.4", now=0.0)
    assert waits[:5] == [0.0] * 5 and waits[5:9] == [1.0, 2.0, 4.0, 8.0] and max(waits) == 900.0
    # The owner of the account, elsewhere, is not held up by it; nor is another name there.
    assert delays.wait("anna", "5.6.7.8", now=0.0) == 0.0 == delays.wait("bert", "1.2.3.4", now=0.0)
    delays.succeeded("anna", "1.2.3.4")
    assert delays.wait("anna", "1.2.3.4", now=0.0) == 0.0


def test_many_names_from_one_address_and_one_name_from_many_are_slowed() -> None:
    delays = Delays()
    for number in range(25):
        delays.failed(f"name {number}", "1.2.3.4", now=0.0)
    assert delays.wait("fresh", "1.2.3.4", now=0.0) > 0
    for number in range(55):
        delays.failed("anna", f"10.0.0.{number}", now=0.0)
    assert delays.wait("anna", "9.9.9.9", now=0.0) > 0 and delays.wait("anna", "9.9.9.9", now=25 * 3600.0) == 0.0
