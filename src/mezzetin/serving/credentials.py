"""Who asks: the headers of a request in, a `Principal` out.

Taken, in this order: `X-Api-Key`; `Ocp-Apim-Subscription-Key`, as Azure's clients send it; `Authorization: Bearer`
with a key or, where it is switched on, a token of Entra; `Authorization: Basic` with a key as the password, which is
how a browser asks its user. A key in a URL is not taken: URLs are kept in too many places.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from starlette.datastructures import Headers

from mezzetin.errors import InputError
from mezzetin.serving.entra import EntraTokens, EntraUnreachable, TokenRefused
from mezzetin.serving.keys import Keyring
from mezzetin.serving.last_used import LastUsed
from mezzetin.serving.problems import Problem
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin.roles import Role
from mezzetin.serving.signin.who import How

_KEY_HEADERS = ("x-api-key", "ocp-apim-subscription-key")
_BEARER = 'Bearer realm="mezzetin"'
_BASIC = 'Basic realm="Mezzetin: any name, your API key as the password", charset="UTF-8"'
_MISSING = "send an API key as X-Api-Key, or a bearer token as Authorization"
_WRONG = "this key does not count: it is unknown or was revoked"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an `id` that owns jobs, a `name` for logs, and what they may do, and how they came in.

    `ambient`: the browser sent the key or the session, not the page.
    """

    id: str
    name: str
    ambient: bool = False
    role: Role = "viewer"
    how: How = "key"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request shows: a `key`, a `bearer` (either) or a `basic` password; None in all where it shows nothing."""

    value: str
    kind: str


def credential_of(headers: Headers) -> Credential | None:
    """What a request shows, the first that is there; None for nothing that could be anything."""
    for name in _KEY_HEADERS:
        if value := headers.get(name, "").strip():
            return Credential(value, "key")
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return Credential(value, "bearer")
    if scheme.lower() == "basic" and value:
        try:
            password = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return None
        return Credential(password, "basic") if password else None
    return None


class Doorkeeper:
    """Knows keys and tokens.

    Raises:
        InputError: the file of keys is not there or holds none that counts, or Entra's settings are wrong.
        MissingExtra: tokens are asked for and `mezzetin[azure]` is not installed.

    """

    def __init__(self, settings: ServeSettings) -> None:
        self._keys: Keyring | None = None
        self._tokens: EntraTokens | None = None
        if settings.keys_file is not None:
            self._keys = Keyring(settings.keys_file)
            if not self._keys.names:
                why = self._keys.problem or f"{settings.keys_file} holds no key that counts"
                raise InputError(f"{why}: make one with `mezzetin keys add NAME --keys {settings.keys_file}`")
            self._used = LastUsed(settings.keys_file)
        if settings.entra_tenant is not None:
            tenant, audiences = settings.entra_tenant, settings.entra_audiences
            self._tokens = EntraTokens(tenant, audiences, settings.entra_authority)

    async def admit(self, headers: Headers) -> Principal:
        """Say who asks.

        Raises:
            Problem: 401, nobody who may; 503, Entra does not answer.

        """
        shown = credential_of(headers)
        if shown is None:
            raise refused(headers, _MISSING)
        found = self._keys.find(shown.value) if self._keys is not None else None
        if found is not None:
            self._used.note(found.id)
            return Principal(found.id, found.name, ambient=shown.kind == "basic", role=found.role)
        if self._tokens is None or shown.kind != "bearer":
            raise refused(headers, _WRONG)
        return await self._holder(self._tokens, shown.value, headers)

    async def _holder(self, tokens: EntraTokens, token: str, headers: Headers) -> Principal:
        try:
            holder = await tokens.holder(token)
        except TokenRefused as error:
            raise refused(headers, str(error), 'Bearer realm="mezzetin", error="invalid_token"') from None
        except EntraUnreachable:
            message = "Entra does not answer, so that no token can be checked: try again in a minute"
            raise Problem(503, "entra_unreachable", message, {"Retry-After": "60"}) from None
        name = f"entra:{holder.id}"
        return Principal(name, name)


def refused(headers: Headers, message: str, challenge: str = _BEARER) -> Problem:
    """The 401; a browser that wants a page is told to ask its user for a key, a program is not."""
    wants_page = "text/html" in headers.get("accept", "")
    return Problem(401, "unauthorized", message, {"WWW-Authenticate": _BASIC if wants_page else challenge})
