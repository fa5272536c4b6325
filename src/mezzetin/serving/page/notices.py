"""Refusals in plain words, for who opened the page or sent its form: what happened, and what to do.

Enters: answers to a browser that wants a page. Leaves: the same; where one is an error in JSON, a page that says it,
with the same status and headers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mezzetin.serving.core import Core
from mezzetin.serving.page.look import shown

_PATHS = ("/", "/sign-in")
_PAGES_BELOW = ("/review", "/gallery")
_KEPT = ("www-authenticate", "retry-after", "connection")
#: (title, what to do) by code, otherwise by status.
_WORDS: Mapping[str | int, tuple[str, str]] = {
    "csrf": ("This page is too old", "Load the page again and send the pictures once more."),
    "foreign_host": ("Not under this name", "Open the page at http://localhost or http://127.0.0.1 on the same port."),
    "foreign_origin": ("Not from that site", "Open this server's own page and send the pictures from there."),
    401: ("This server asks for a key", "Ask whoever runs it for an API key. Then sign in with any name and that key."),
    403: ("This is not allowed here", "Ask whoever runs this server."),
    413: ("That is too much at once", "Send fewer pictures, or smaller ones."),
    429: ("Too many requests", "Wait for that long, then send the form again."),
    503: ("The server is busy", "Wait a moment, then send the form again."),
}
_OTHERWISE = ("That did not work", "Go back to the page and try again.")


class Notices:
    """ASGI middleware: says errors of the page's own paths as pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or not _is_page(scope["path"]) or not _wants_page(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def replaced(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_error(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await _notice(start, body)(scope, receive, send)

        await self._app(scope, receive, replaced)


def notices(app: ASGIApp, core: Core) -> ASGIApp:
    """Put the notices around an application."""
    return Notices(app)


def _is_page(path: str) -> bool:
    return path in _PATHS or any(path == below or path.startswith(f"{below}/") for below in _PAGES_BELOW)


def _wants_page(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")


def _is_error(message: Message) -> bool:
    kind = Headers(raw=message["headers"]).get("content-type", "")
    return message["status"] >= 400 and kind.startswith("application/json")


def _notice(start: Message, body: bytes) -> Response:
    error, status = json.loads(body)["error"], start["status"]
    title, advice = _WORDS.get(error["code"]) or _WORDS.get(status, _OTHERWISE)
    page = shown("notice.html", {"title": title, "message": error["message"], "advice": advice}, status)
    headers = Headers(raw=start["headers"])
    page.headers.update({name: headers[name] for name in _KEPT if name in headers})
    return page
