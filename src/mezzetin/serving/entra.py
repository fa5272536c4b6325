"""Bearer tokens of Microsoft Entra: a JWT (RFC 7519) in, who holds it out.

The signing keys come from the tenant's JWKS document (RFC 7517), are kept for a day, and are asked for again when a
token names a key that is not among them, at most once a minute. When Entra does not answer, the keys that are there
go on counting. Of signatures RS256 alone is taken: which algorithm counts is not the token's to say.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from mezzetin.errors import InputError, MissingExtra

AUTHORITY = "https://login.microsoftonline.com"
_V1_ISSUER = "https://sts.windows.net/{}/"
_TENANT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KEPT_FOR, _NOT_AGAIN_FOR = 24 * 3600.0, 60.0
_TIMEOUT = 10.0
_LARGEST = 1 << 20
_LONGEST_TOKEN = 16 << 10
_LEEWAY = 60
_PURPOSE = "signing in with tokens of Entra"
_REQUIRED = ["exp", "nbf", "iss", "aud", "sub"]


class TokenRefused(Exception):
    """A token does not count; the text says why, without anything that the token says."""


class EntraUnreachable(Exception):
    """There are no signing keys to check a token with."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a token: the object's id, which is unique in its tenant, and the program that asked for it."""

    id: str
    program: str


class EntraTokens:
    """Checks tokens of one tenant that were made for one of `audiences`; one event loop.

    `authority` is Entra's address in the tenant's cloud.

    Raises:
        InputError: the tenant is no id, there is no audience, or the authority is no https address.
        MissingExtra: `mezzetin[azure]` is not installed.

    """

    def __init__(self, tenant: str, audiences: tuple[str, ...], authority: str = AUTHORITY) -> None:
        if not _TENANT.fullmatch(tenant):
            raise InputError("--entra-tenant takes the tenant's id (a GUID, on the tenant's overview page), not a name")
        if not audiences:
            raise InputError(
                "--entra-tenant needs --entra-audience: the client id or URI of the app that tokens are for"
            )
        self._tenant, self._audiences = tenant.lower(), list(audiences)
        self._authority = _checked(authority)
        self._issuers = [f"{self._authority}/{self._tenant}/v2.0", _V1_ISSUER.format(self._tenant)]
        self._jwt = _library()
        self._keys: Mapping[str, Any] = {}
        self._asked = self._fetched = float("-inf")
        self._asking = asyncio.Lock()

    async def holder(self, token: str) -> Holder:
        """Say who holds a token.

        Raises:
            TokenRefused: it is none of this tenant's for this audience, or not now.
            EntraUnreachable: it can't be checked.

        """
        key = await self._key(self._key_id(token))
        wrong = self._jwt.exceptions
        try:
            claims = self._jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audiences,
                issuer=self._issuers,
                leeway=_LEEWAY,
                options={"require": _REQUIRED},
            )
        except wrong.ExpiredSignatureError:
            raise TokenRefused("the token has expired: get a new one") from None
        except wrong.ImmatureSignatureError:
            raise TokenRefused("the token does not count yet: check the clocks") from None
        except wrong.InvalidAudienceError:
            raise TokenRefused(
                "the token is for another application: ask for one with this server's audience"
            ) from None
        except wrong.InvalidIssuerError:
            raise TokenRefused("the token comes from another tenant") from None
        except wrong.PyJWTError:
            raise TokenRefused("the token is not valid: get a new one") from None
        return Holder(str(claims.get("oid") or claims["sub"]), str(claims.get("azp") or claims.get("appid") or ""))

    def _key_id(self, token: str) -> str:
        if len(token) > _LONGEST_TOKEN:
            raise TokenRefused("the token is too long")
        try:
            header = self._jwt.get_unverified_header(token)
        except self._jwt.exceptions.PyJWTError:
            raise TokenRefused("this is neither a key nor a token") from None
        if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
            raise TokenRefused("the token is not signed as Entra signs (RS256, with a key id)")
        return str(header["kid"])

    async def _key(self, key_id: str) -> Any:
        async with self._asking:
            now = time.monotonic()
            stale = now - self._fetched > _KEPT_FOR or key_id not in self._keys
            if stale and now - self._asked > _NOT_AGAIN_FOR:
                self._asked = now
                await self._refresh()
        if not self._keys:
            raise EntraUnreachable
        if key_id not in self._keys:
            raise TokenRefused("the token is signed with a key that is not the tenant's")
        return self._keys[key_id]

    async def _refresh(self) -> None:
        url = f"{self._authority}/{self._tenant}/discovery/v2.0/keys"
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client:
                answer = await client.get(url)
            if answer.status_code != 200 or len(answer.content) > _LARGEST:
                return
            keys = _signing_keys(self._jwt, json.loads(answer.content))
        except (httpx2.HTTPError, ValueError, self._jwt.exceptions.PyJWTError):
            return
        if keys:
            self._keys, self._fetched = keys, time.monotonic()


def _signing_keys(jwt: Any, document: Any) -> dict[str, Any]:
    """The RSA keys of a JWKS document by their ids; what it holds besides does not sign tokens."""
    listed = document.get("keys") if isinstance(document, dict) else None
    wanted = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") == "RSA" and key.get("use", "sig") == "sig" and key.get("kid")
    ]
    return {str(key["kid"]): jwt.PyJWK(key, algorithm="RS256").key for key in wanted}


def _checked(authority: str) -> str:
    parts = urlsplit(authority)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.query or parts.fragment:
        raise InputError("--entra-authority takes Entra's https address, such as https://login.microsoftonline.us")
    return authority.rstrip("/")


def _library() -> Any:
    try:
        import jwt
    except ImportError as error:
        raise MissingExtra("azure", _PURPOSE) from error
    if not jwt.algorithms.has_crypto:
        raise MissingExtra("azure", _PURPOSE)
    return jwt
