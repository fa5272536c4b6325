"""The door for people: cookies and passwords in, a `Who` or a refusal out.

Enters: the settings of a server that people sign in to. A session's cookie is closed to scripts and `SameSite=Lax`:
with `Strict` a browser would not send it on its way back from the provider.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from dataclasses import asdict
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from mezzetin.errors import InputError
from mezzetin.serving.exposure import asks_people
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin import accounts, sessions
from mezzetin.serving.signin.database import make_database
from mezzetin.serving.signin.delays import Delays
from mezzetin.serving.signin.passwords import nobodys_hash
from mezzetin.serving.signin.provider import Attempt, Provider
from mezzetin.serving.signin.who import Who

SECRET = "MEZZETIN_OIDC_SECRET"  # noqa: S105 - the name of a variable
SESSION, ATTEMPT = "mezzetin-session", "mezzetin-sign-in"
STATE = "door"
_ATTEMPT_LASTS = 600
_LONGEST_COOKIE = 3000
#: Each takes 64 MiB while it is being compared.
_TOGETHER = 2


class TooOften(Exception):
    """A password must wait for `seconds` before it is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Door:
    """Signing in at one server.

    Raises:
        InputError: the provider's address or the file of its secret can't be used.
        EnvironmentProblem: the file of accounts can't be used.
        MissingExtra: a provider is named and `mezzetin[oidc]` is not installed.

    """

    def __init__(self, settings: ServeSettings) -> None:
        if settings.accounts_file is None:
            raise InputError("who has signed in is kept in a file: name --collection, or --accounts FILE")
        self.settings = settings
        self.file: Path = settings.accounts_file
        make_database(self.file)
        self.provider: Provider | None = None
        if settings.oidc_issuer is not None and settings.oidc_client_id is not None:
            named = (settings.oidc_issuer, settings.oidc_client_id)
            self.provider = Provider(*named, _secret(settings), settings.oidc_scopes)
        # Made now, so that not even the first unknown name takes longer than a known one.
        nobodys_hash()
        self._delays = Delays()
        self._turn = asyncio.Semaphore(_TOGETHER)

    async def has_accounts(self) -> bool:
        """Whether there are local accounts to sign in with."""
        return bool(await asyncio.to_thread(accounts.list_accounts, self.file))

    async def known(self, scope: Scope, headers: Headers) -> Who | None:
        """Whose session a request belongs to; None for a stranger's."""
        token = self.cookie(scope, headers, SESSION)
        return None if token is None else await asyncio.to_thread(sessions.find, self.file, token)

    async def by_password(self, name: str, password: str, address: str) -> Who | None:
        """Who has this name and password; None for nobody, whatever is wrong.

        Raises:
            TooOften: too many were wrong: nothing was looked at.

        """
        wait = self._delays.wait(name, address)
        if wait:
            raise TooOften(wait)
        # Counted before it is looked at, or many at once would all be.
        self._delays.failed(name, address)
        async with self._turn:
            found = await asyncio.to_thread(accounts.sign_in, name, password, self.file)
        if found is None:
            return None
        self._delays.succeeded(name, address)
        return Who(found.name, found.role, "account", f"account:{found.name}")

    async def with_name_of_its_own(self, who: Who) -> Who:
        """Who came from a provider, under a name that no local account has: histories tell people by names."""
        taken = await asyncio.to_thread(accounts.list_accounts, self.file)
        if self.provider is None or who.name.casefold() not in {account.name.casefold() for account in taken}:
            return who
        return Who(f"{who.name} ({self.provider.name})", who.role, who.how, who.id)

    async def begin(self, request: Request, response: Response, who: Who) -> None:
        """Begin a session, in the place of the one that the browser had."""
        old = self.cookie(request.scope, request.headers, SESSION)
        token = await asyncio.to_thread(sessions.begin, self.file, who, instead_of=old)
        self._set(request, response, SESSION, token, int(sessions.LONGEST))

    async def end(self, request: Request, response: Response) -> None:
        """End the session that the browser has."""
        token = self.cookie(request.scope, request.headers, SESSION)
        if token is not None:
            await asyncio.to_thread(sessions.end, self.file, token)
        self._set(request, response, SESSION, "", 0)

    def remember(self, request: Request, response: Response, attempt: Attempt, target: str) -> None:
        """Leave what a browser must come back with from the provider in the browser itself."""
        content = {**asdict(attempt), "next": target, "until": int(time.time()) + _ATTEMPT_LASTS}
        value = base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
        self._set(request, response, ATTEMPT, value, _ATTEMPT_LASTS)

    def remembered(self, request: Request) -> tuple[Attempt, str] | None:
        """What `remember` left, and where to go on to; None where nothing is, or it is too old."""
        value = self.cookie(request.scope, request.headers, ATTEMPT)
        try:
            found: Any = json.loads(base64.urlsafe_b64decode(value or ""))
            attempt = Attempt(str(found["state"]), str(found["nonce"]), str(found["verifier"]))
            return (attempt, str(found["next"])) if found["until"] > time.time() else None
        except (ValueError, KeyError, TypeError):
            return None

    def forget(self, request: Request, response: Response) -> None:
        """Take away what `remember` left: it counts once."""
        self._set(request, response, ATTEMPT, "", 0)

    def cookie(self, scope: Scope, headers: Headers, name: str) -> str | None:
        """The value of one of our cookies."""
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._name(scope, name))
        except CookieError:
            return None
        return morsel.value if morsel is not None and 0 < len(morsel.value) <= _LONGEST_COOKIE else None

    def back(self, request: Request) -> str:
        """Where the provider sends browsers back to; it must be registered there, letter by letter."""
        own = self.settings.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
        return f"{own.rstrip('/')}/sign-in/oidc/return"

    def _set(self, request: Request, response: Response, name: str, value: str, lasts: int) -> None:
        full, secure = self._name(request.scope, name), self._is_secure(request.scope)
        response.set_cookie(full, value, max_age=lasts, path="/", secure=secure, httponly=True, samesite="lax")

    def _name(self, scope: Scope, name: str) -> str:
        """With TLS a browser sees to it that no other host of the domain can set this name."""
        return f"__Host-{name}" if self._is_secure(scope) else name

    def _is_secure(self, scope: Scope) -> bool:
        return scope["scheme"] == "https" or (self.settings.public_url or "").startswith("https://")


def door_of(settings: ServeSettings) -> Door | None:
    """The door of a server that people sign in to; None for any other."""
    return Door(settings) if asks_people(settings) else None


def _secret(settings: ServeSettings) -> str | None:
    """The client's secret: out of its file, or the environment; None for a public client."""
    file = settings.oidc_secret_file
    if file is None:
        return os.environ.get(SECRET) or None
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{file} can't be read: name the file that holds the client's secret") from None
    if not text:
        raise InputError(f"{file} is empty: put the client's secret there")
    return text
