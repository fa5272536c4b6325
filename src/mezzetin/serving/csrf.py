"""Tokens against cross-site request forgery: what a browser changes here, a page of this server asked for.

Every page carries a token that belongs to the cookie which came with it (an HMAC of the cookie's value and of who
asks, under a key that lives as long as the process). A foreign site can make a browser send the cookie, at most, but
it can't read the page. The cookie is SameSite=Strict and not readable by scripts; the page sends the token as
`X-CSRF-Token`, and its form without a script as the field `csrf_token`. After a restart an old page is refused, and
told to reload.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import Message, Scope

HEADER, FIELD = "X-CSRF-Token", "csrf_token"
_COOKIE = "mezzetin-csrf"
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_STATE = "csrf"


def csrf_token(connection: HTTPConnection) -> str:
    """The token that the page which answers this request must carry; its requests send it as `X-CSRF-Token`."""
    return str(getattr(connection.state, _STATE))


def form_holds(connection: HTTPConnection, sent: str) -> bool:
    """Say whether a form's `csrf_token` belongs to its cookie; without the cookie none does."""
    return sent.isascii() and hmac.compare_digest(csrf_token(connection), sent)


class Csrf:
    """Makes the tokens of one server, and checks them."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def begin(self, scope: Scope, headers: Headers, principal: str) -> str:
        """Put a token where `csrf_token` finds it; return the cookie's value that it belongs to."""
        value = _cookie_of(scope, headers) or secrets.token_urlsafe(32)
        scope["state"][_STATE] = self._token(value, principal)
        return value

    def holds(self, scope: Scope, headers: Headers, principal: str) -> bool:
        """Say whether a request carries the token that belongs to its cookie."""
        value = _cookie_of(scope, headers)
        sent = headers.get(HEADER, "")
        return value is not None and sent.isascii() and hmac.compare_digest(self._token(value, principal), sent)

    def _token(self, value: str, principal: str) -> str:
        return hmac.new(self._key, f"{value}|{principal}".encode(), hashlib.sha256).hexdigest()


def set_cookie(message: Message, scope: Scope, value: str) -> None:
    """Add the cookie to an answer that is a page; any other needs none."""
    headers = MutableHeaders(scope=message)
    if headers.get("content-type", "").startswith("text/html"):
        secure = "; Secure" if scope["scheme"] == "https" else ""
        headers.append("Set-Cookie", f"{_name(scope)}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")


def _name(scope: Scope) -> str:
    """With TLS a browser sees to it that no other host of the domain can set this name."""
    return f"__Host-{_COOKIE}" if scope["scheme"] == "https" else _COOKIE


def _cookie_of(scope: Scope, headers: Headers) -> str | None:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(_name(scope))
    except CookieError:
        return None
    return morsel.value if morsel is not None and _VALUE.fullmatch(morsel.value) else None
