"""An OpenID Connect provider: the authorisation code flow with PKCE (OpenID Connect Core 1.0, RFC 6749, RFC 7636).

Enters: a browser that wants to sign in, later the code that it comes back with. Leaves: the address to send it to,
later the claims of whoever signed in there. The provider's own addresses come from its discovery document. Its
signing keys are asked for again when a token names one that is not among them, so that it may change them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx2

from mezzetin.errors import InputError
from mezzetin.serving.signin.tokens import checked_claims, key_id, library, signing_keys

_KEPT_FOR = 24 * 3600.0
_TIMEOUT = 10.0
_LARGEST = 1 << 20
_LOCAL = ("127.0.0.1", "::1", "localhost")


class ProviderDown(Exception):
    """The provider does not answer, or not as one does."""


class ProviderRefused(Exception):
    """The provider, or what it said, lets nobody in; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a browser must bring back (`state`), the token must hold (`nonce`), and proves who began (`verifier`)."""

    state: str
    nonce: str
    verifier: str


def new_attempt() -> Attempt:
    """Three random values for one sign-in."""
    return Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))


class Provider:
    """One provider, for one registered client; one event loop. Without a `secret` the client is a public one.

    Raises:
        InputError: the issuer is no https address (http is for this machine alone).
        MissingExtra: `mezzetin[oidc]` is not installed.

    """

    def __init__(self, issuer: str, client_id: str, secret: str | None, scopes: tuple[str, ...]) -> None:
        library()
        if not _is_safe(issuer):
            raise InputError("--oidc-issuer takes the provider's https address, as its discovery document names it")
        self._issuer, self._client_id, self._secret = issuer, client_id, secret
        self._scopes = " ".join(dict.fromkeys(("openid", *scopes)))
        self._metadata: Mapping[str, Any] = {}
        self._keys: Mapping[str, Mapping[str, Any]] = {}
        self._fetched = float("-inf")
        self._asking = asyncio.Lock()

    @property
    def name(self) -> str:
        """The provider's host, for people."""
        return urlsplit(self._issuer).hostname or self._issuer

    async def address(self, attempt: Attempt, back: str) -> str:
        """Where to send a browser that wants to sign in; `back` is where it shall come back to.

        Raises:
            ProviderDown: the provider's addresses can't be had.

        """
        metadata = await self._discovered()
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back,
            "scope": self._scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        endpoint = metadata["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def claims(self, code: str, attempt: Attempt, back: str, issuer: str | None) -> Mapping[str, Any]:
        """Who came back with `code`; `issuer` is the parameter `iss` of RFC 9207, where it was sent.

        Raises:
            ProviderRefused: the code or the token does not count.
            ProviderDown: the provider does not answer.

        """
        metadata = await self._discovered()
        if issuer is not None and issuer != self._issuer:
            raise ProviderRefused("the answer came from another provider")
        answer = await self._exchange(metadata, code, attempt, back)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefused("the provider sent no token of identity")
        try:
            claims = checked_claims(token, await self._keys_for(token), self._issuer, self._client_id, attempt.nonce)
        except ValueError as error:
            raise ProviderRefused(str(error)) from None
        return {**await self._said_of(metadata, claims, answer.get("access_token")), **claims}

    async def _exchange(self, metadata: Mapping[str, Any], code: str, attempt: Attempt, back: str) -> Any:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": attempt.verifier,
        }
        headers = {}
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if self._secret is None or "client_secret_basic" not in methods:
            form["client_id"] = self._client_id
            form |= {} if self._secret is None else {"client_secret": self._secret}
        else:
            pair = f"{quote_plus(self._client_id)}:{quote_plus(self._secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        status, answer = await self._ask("POST", metadata["token_endpoint"], data=form, headers=headers)
        if status != 200:
            why = answer.get("error")
            if why in ("invalid_client", "unauthorized_client"):
                raise ProviderRefused("the provider does not know this server: its client id or secret is wrong")
            raise ProviderRefused("the provider did not take the code: sign in again")
        return answer

    async def _said_of(self, metadata: Mapping[str, Any], claims: Mapping[str, Any], token: object) -> Any:
        """What the provider says of a person besides their token: some put names and roles there alone."""
        endpoint = metadata.get("userinfo_endpoint")
        if not isinstance(endpoint, str) or not isinstance(token, str) or not _is_safe(endpoint):
            return {}
        try:
            status, said = await self._ask("GET", endpoint, headers={"Authorization": f"Bearer {token}"})
        except ProviderDown:
            return {}
        return said if status == 200 and said.get("sub") == claims["sub"] else {}

    async def _discovered(self) -> Mapping[str, Any]:
        async with self._asking:
            if self._metadata and time.monotonic() - self._fetched < _KEPT_FOR:
                return self._metadata
            address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            status, found = await self._ask("GET", address)
            needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if status != 200 or not all(isinstance(found.get(n), str) and _is_safe(found[n]) for n in needed):
                raise ProviderDown
            if found.get("issuer") != self._issuer:
                # Whoever answers here for somebody else must not be believed (OpenID Connect Discovery, 4.3).
                raise ProviderDown
            self._metadata, self._keys, self._fetched = found, {}, time.monotonic()
            return found

    async def _keys_for(self, token: str) -> Mapping[str, Mapping[str, Any]]:
        wanted = key_id(token)
        async with self._asking:
            if not self._keys or (wanted is not None and wanted not in self._keys):
                status, document = await self._ask("GET", self._metadata["jwks_uri"])
                if status != 200:
                    raise ProviderDown
                self._keys = signing_keys(document)
        return self._keys

    async def _ask(self, method: str, address: str, **content: Any) -> tuple[int, Mapping[str, Any]]:
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client:
                answer = await client.request(method, address, **content)
            found = json.loads(answer.content) if len(answer.content) <= _LARGEST else None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise ProviderDown from error
        if not isinstance(found, dict) or answer.status_code >= 500:
            raise ProviderDown
        return answer.status_code, found


def _is_safe(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL))
