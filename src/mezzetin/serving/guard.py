"""The guard: whoever asks is known, or sits at this machine; before a byte of the body is read.

Enters: every request. Leaves: the same, with `principal` in its state, or refused: 401 without a key or token that
counts; 403 where a foreign site speaks through somebody's browser; 429 from whoever asks too often. `/livez` and
`/readyz` are for everybody.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mezzetin.serving.core import Core
from mezzetin.serving.credentials import Doorkeeper, Principal
from mezzetin.serving.csrf import HEADER, Csrf, set_cookie
from mezzetin.serving.exposure import is_open
from mezzetin.serving.origins import checked_origins, is_own_host, is_own_origin
from mezzetin.serving.problems import Problem, problem
from mezzetin.serving.rate import Rate, whole_seconds
from mezzetin.serving.settings import ServeSettings

_FOR_EVERYBODY = ("/livez", "/readyz")
_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")
_WITH_KEYS, _REFUSALS = 100.0, 10.0


class Guard:
    """ASGI middleware for one server's settings.

    Raises:
        InputError: keys, Entra's settings or an origin can't be used.
        MissingExtra: tokens are asked for and `mezzetin[azure]` is not installed.

    """

    def __init__(self, app: ASGIApp, core: Core) -> None:
        settings = core.settings
        self._app = app
        self._doorkeeper = None if is_open(settings) else Doorkeeper(settings)
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
        try:
            principal = await self._admit(scope)
        except Problem as refusal:
            answer = problem(scope["path"], refusal.status_code, refusal.code, str(refusal.detail), refusal.headers)
            await answer(scope, receive, send)
            return
        if principal is not None:
            state["principal"], state["principal_name"] = principal.id, principal.name
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
        if self._doorkeeper is None:
            self._check_place(headers)
        else:
            principal = await self._known(self._doorkeeper, scope, headers)
        if scope["method"] not in _CHANGES_NOTHING:
            self._check_page(scope, headers, principal)
        if self._rate is not None:
            who = _address(scope) if principal is None else principal.id
            _take(self._rate, who, "this key asks too often" if principal else "too many requests")
        return principal

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
        origin = headers.get("origin")
        if origin is not None and origin not in self._listed and not is_own_origin(origin, headers["host"]):
            raise Problem(403, "foreign_origin", "this site may not ask here: the operator can list it, --cors-origin")

    def _check_page(self, scope: Scope, headers: Headers, principal: Principal | None) -> None:
        """What a browser changes needs the token of a page of ours; who brings a key of their own needs none."""
        if principal is not None and not principal.ambient:
            return
        ambient = principal is not None
        origin = headers.get("origin")
        if origin is not None and not is_own_origin(origin, headers.get("host", "")):
            if ambient:
                raise Problem(403, "foreign_origin", "this site may not ask here with a key that the browser keeps")
            # `_check_place` has let it in: the operator lists it.
            return
        from_page = origin is not None or "cookie" in headers or ambient
        if from_page and not self._csrf.holds(scope, headers, _owner(principal)):
            raise Problem(403, "csrf", f"reload the page: its {HEADER} is missing or old")


def check_guard(settings: ServeSettings) -> None:
    """Make sure that a server of these settings can be guarded, before it starts; raises what `Guard` raises."""
    checked_origins(settings.cors_origins)
    if not is_open(settings):
        Doorkeeper(settings)


def guard(app: ASGIApp, core: Core) -> ASGIApp:
    """Put the guard before an application."""
    return Guard(app, core)


def _take(rate: Rate, who: str, message: str) -> None:
    wait = rate.wait(who)
    if wait:
        seconds = whole_seconds(wait)
        raise Problem(429, "too_many_requests", f"{message}: try again in {seconds} s", {"Retry-After": seconds})


def _owner(principal: Principal | None) -> str:
    return "" if principal is None else principal.id


def _address(scope: Scope) -> str:
    client: Any = scope.get("client")
    return str(client[0]) if client else ""


def _route(scope: Scope) -> str | None:
    """The template of the route that took a request; None where none did."""
    path = getattr(scope.get("route"), "path", None)
    return str(path) if path is not None else None
