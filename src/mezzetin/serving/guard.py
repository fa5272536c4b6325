"""The guard: whoever asks is known, or sits at this machine; before a byte of the body is read.

Enters: every request. Leaves: the same, with `principal` in its state, or refused: 401 without a key or token that
counts (303 to the sign-in page for a person, where people sign in); 403 where a foreign site speaks through somebody's
browser; 429 from whoever asks too often. `/livez` and `/readyz` are for everybody; the page is too where keys alone
count, so that it can ask for one: whoever shows none gets it without data.
Each request that is let in carries in its state who asks (`mezzetin.serving.signin.who`).
"""

from __future__ import annotations

import getpass
import logging
import re
from functools import cache
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mezzetin.errors import MezzetinError
from mezzetin.serving.core import Core
from mezzetin.serving.credentials import Doorkeeper, Principal, credential_of
from mezzetin.serving.csrf import HEADER, Csrf, set_cookie
from mezzetin.serving.exposure import is_open
from mezzetin.serving.origins import checked_origins, is_own_host, is_own_origin
from mezzetin.serving.problems import Problem, problem
from mezzetin.serving.rate import Rate, whole_seconds
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin.door import STATE as DOOR
from mezzetin.serving.signin.door import Door, door_of
from mezzetin.serving.signin.who import SIGN_IN, Who, stranger
from mezzetin.serving.signin.who import STATE as WHO

_FOR_EVERYBODY = ("/livez", "/readyz")
_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")
#: The page, and the style and scripts that it names: bytes of the package, the same for everybody.
_PAGE = "/"
#: The forms of these pages carry their token in the body, too.
_FORMS_BELOW = ("/review/", "/gallery/")
#: What everybody may see where the gallery is public.
_SHOWN = ("/gallery", "/iiif")
#: Who is not in yet must be able to come in.
_WAYS_IN = (SIGN_IN, f"{SIGN_IN}/oidc", f"{SIGN_IN}/oidc/return")
_FORMS = (_PAGE, SIGN_IN, "/sign-out")
_PARTS = re.compile(r"/page/[0-9a-f]{16}/[a-z]+\.[a-z]+", re.ASCII)
_WITH_KEYS, _REFUSALS = 100.0, 10.0
#: The gateway has let them in, and has not told us who they are.
_BEHIND_GATEWAY = Who("somebody behind the gateway", "viewer", "gateway", "gateway")
_log = logging.getLogger("mezzetin.serving")


class Guard:
    """ASGI middleware for one server's settings.

    Raises:
        InputError: keys, Entra's settings, the provider's or an origin can't be used.
        EnvironmentProblem: the file of accounts can't be used.
        MissingExtra: tokens or a provider are asked for and `mezzetin[azure]` or `mezzetin[oidc]` is not installed.

    """

    def __init__(self, app: ASGIApp, core: Core) -> None:
        settings = core.settings
        self._app = app
        self._behind_gateway = settings.behind_gateway
        self._doorkeeper = None if is_open(settings) else Doorkeeper(settings)
        self._door = door_of(settings)
        self._shows_all = settings.collection is not None and settings.gallery == "public"
        self._listed = checked_origins(settings.cors_origins)
        self._csrf = Csrf()
        a_second = settings.rate or (None if self._doorkeeper is None else _WITH_KEYS)
        self._rate = None if a_second is None else Rate(a_second)
        self._refusals = Rate(_REFUSALS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "websocket":
            # No door speaks it, and nothing here would guard it.
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state[DOOR] = self._door
        try:
            principal = await self._admit(scope)
        except Problem as refusal:
            answer = problem(scope["path"], refusal.status_code, refusal.code, str(refusal.detail), refusal.headers)
            await answer(scope, receive, send)
            return
        if principal is not None:
            state["principal"], state["principal_name"] = principal.id, principal.name
        state[WHO] = self._who(principal)
        cookie = self._csrf.begin(scope, Headers(scope=scope), _owner(principal))

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_cookie(message, scope, cookie)
            await send(message)

        try:
            await self._app(scope, receive, marked)
        finally:
            # A layer further out may hold another copy of the scope, which the router has not written to.
            state["route"] = _route(scope)

    async def _admit(self, scope: Scope) -> Principal | None:
        if scope["path"] in _FOR_EVERYBODY:
            return None
        headers = Headers(scope=scope)
        principal = None
        part = scope["method"] in ("GET", "HEAD") and _PARTS.fullmatch(scope["path"]) is not None
        if self._behind_gateway:
            self._check_site(headers)
        elif self._doorkeeper is None:
            self._check_place(headers)
        elif not part:
            principal = await self._asked(self._doorkeeper, scope, headers)
        if scope["method"] not in _CHANGES_NOTHING:
            self._check_page(scope, headers, principal)
        if self._rate is not None and not part:
            who = _address(scope) if principal is None else principal.id
            _take(self._rate, who, "this key asks too often" if principal else "too many requests")
        return principal

    async def _asked(self, doorkeeper: Doorkeeper, scope: Scope, headers: Headers) -> Principal | None:
        """Who asks, by a key, a token or a session; None for a stranger where strangers may be."""
        if credential_of(headers) is None:
            if self._door is not None:
                return await _signed_in(self._door, scope, headers, shown=self._is_shown(scope))
            if self._is_shown(scope):
                return None
            if scope["method"] in ("GET", "HEAD") and scope["path"] == _PAGE:
                return None
        return await self._known(doorkeeper, scope, headers)

    def _who(self, principal: Principal | None) -> Who | None:
        if principal is not None:
            return Who(principal.name, principal.role, principal.how, principal.id)
        if self._behind_gateway:
            return _BEHIND_GATEWAY
        return _at_this_machine() if self._doorkeeper is None else None

    def _is_shown(self, scope: Scope) -> bool:
        path = scope["path"]
        return self._shows_all and any(path == below or path.startswith(f"{below}/") for below in _SHOWN)

    async def _known(self, doorkeeper: Doorkeeper, scope: Scope, headers: Headers) -> Principal:
        try:
            return await doorkeeper.admit(headers)
        except Problem:
            # Who tries keys out is slowed down; who has one never is.
            _take(self._refusals, _address(scope), "too many requests without a key that counts")
            raise

    def _check_place(self, headers: Headers) -> None:
        """Without keys this machine alone is served, and no site that a browser here has open."""
        if not is_own_host(headers.get("host", "")):
            raise Problem(403, "foreign_host", "without keys this server answers to localhost and 127.0.0.1 only")
        self._check_site(headers)

    def _check_site(self, headers: Headers) -> None:
        """What a browser was told to send by a site that the operator does not list ends here."""
        origin = headers.get("origin")
        own = origin is None or is_own_origin(origin, headers.get("host", ""))
        if not own and origin not in self._listed:
            raise Problem(403, "foreign_origin", "this site may not ask here: the operator can list it, --cors-origin")

    def _check_page(self, scope: Scope, headers: Headers, principal: Principal | None) -> None:
        """What a browser changes needs the token of a page of ours; who brings a key of their own needs none."""
        if principal is not None and not principal.ambient:
            return
        ambient = principal is not None
        origin = headers.get("origin")
        if origin is not None and not is_own_origin(origin, headers.get("host", "")):
            if ambient or self._doorkeeper is not None:
                raise Problem(403, "foreign_origin", "this site may not ask here with a key that the browser keeps")
            # `_check_place` has let it in: the operator lists it.
            return
        from_page = origin is not None or "cookie" in headers or ambient
        # The page's form, sent without a script, has the token in its body: its route looks there.
        in_body = _has_forms(scope["path"]) and scope["method"] == "POST" and HEADER not in headers
        if from_page and not in_body and not self._csrf.holds(scope, headers, _owner(principal)):
            raise Problem(403, "csrf", f"reload the page: its {HEADER} is missing or old")


def check_guard(settings: ServeSettings) -> None:
    """Make sure that a server of these settings can be guarded, before it starts; raises what `Guard` raises."""
    checked_origins(settings.cors_origins)
    if not is_open(settings):
        Doorkeeper(settings)
        door_of(settings)


def guard(app: ASGIApp, core: Core) -> ASGIApp:
    """Put the guard before an application."""
    return Guard(app, core)


def _take(rate: Rate, who: str, message: str) -> None:
    wait = rate.wait(who)
    if wait:
        seconds = whole_seconds(wait)
        raise Problem(429, "too_many_requests", f"{message}: try again in {seconds} s", {"Retry-After": seconds})


async def _signed_in(door: Door, scope: Scope, headers: Headers, *, shown: bool) -> Principal | None:
    try:
        who = await door.known(scope, headers)
    except MezzetinError as error:
        _log.error("nobody can be signed in: %s", error)
        raise Problem(503, "accounts_unavailable", "the accounts can't be read: the server's log says why") from None
    if who is not None:
        return Principal(who.id, who.name, ambient=True, role=who.role, how=who.how)
    if shown or scope["path"] in _WAYS_IN:
        return None
    raise stranger(scope)


@cache
def _at_this_machine() -> Who:
    """Where nobody is asked, whoever sits here may do everything."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        # A container's user may have no name.
        name = "somebody here"
    return Who(name, "admin", "loopback", "loopback")


def _has_forms(path: str) -> bool:
    return path in _FORMS or path.startswith(_FORMS_BELOW)


def _owner(principal: Principal | None) -> str:
    return "" if principal is None else principal.id


def _address(scope: Scope) -> str:
    client: Any = scope.get("client")
    return str(client[0]) if client else ""


def _route(scope: Scope) -> str | None:
    """The template of the route that took a request; None where none did."""
    path = getattr(scope.get("route"), "path", None)
    return str(path) if path is not None else None
