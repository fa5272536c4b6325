"""Headers that tell a browser what an answer may do: nothing, unless it says otherwise.

Enters: every answer. Leaves: the same, with the policies that it has not set itself. Whoever writes a page sets
`Content-Security-Policy` with `csp(…)` and names what the page is made of.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mezzetin.serving.core import Core

SELF = "'self'"
_OFF = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
_YEAR = 365 * 24 * 3600


def csp(
    *,
    scripts: Iterable[str] = (),
    styles: Iterable[str] = (),
    images: Iterable[str] = (),
    connect: Iterable[str] = (),
) -> str:
    """A Content-Security-Policy (W3C, level 3) that allows what is listed and nothing else.

    `scripts`, `styles`, `images` and `connect` (what scripts may ask) are sources: `SELF`, `by_hash(text)`,
    `by_nonce(nonce)`, `blob:`, `data:` or an origin. Nobody may frame the page, and forms go to this server.
    """
    parts = {
        "default-src": ["'none'"],
        "script-src": list(scripts),
        "style-src": list(styles),
        "img-src": list(images),
        "connect-src": list(connect),
        "base-uri": ["'none'"],
        "form-action": [SELF] if scripts or styles else ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in parts.items() if sources)


def by_hash(text: str) -> str:
    """The source of an inline script or style: what stands between its tags, to the byte."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def by_nonce(nonce: str) -> str:
    """The source of every tag with this nonce; make one an answer, `secrets.token_urlsafe(16)`."""
    return f"'nonce-{nonce}'"


_NOTHING = csp()
_ALWAYS = {
    "Content-Security-Policy": _NOTHING,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer a form of our own page would come from the origin "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": _OFF,
    "Cache-Control": "no-store",
}


def policies(scope: Scope) -> dict[str, str]:
    """The headers of an answer to this request; over TLS with HSTS (RFC 6797), for this host alone."""
    secure = scope.get("scheme") == "https"
    return {**_ALWAYS, "Strict-Transport-Security": f"max-age={_YEAR}"} if secure else dict(_ALWAYS)


class Policies:
    """ASGI middleware: adds `policies` where an answer has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def added(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in policies(scope).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, added)


def headers(app: ASGIApp, core: Core) -> ASGIApp:
    """Put the policies around an application."""
    return Policies(app)
