"""Where a request says it comes from and goes to: the headers that a browser writes and a page can't forge.

A page of somebody else's site can send requests to a server on this machine, and with DNS rebinding (its own name made
to point to 127.0.0.1) even read the answers. Its browser then names that site in Host and Origin, and there such
requests end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from mezzetin.errors import InputError
from mezzetin.serving.core import Core
from mezzetin.serving.exposure import is_loopback

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)
_ORIGIN = re.compile(r"https?://[^/?#@\s]+", re.ASCII)
_ASKED_WITH = ("authorization", "content-type", "ocp-apim-subscription-key", "x-api-key", "x-request-id")
_TOLD = ("location", "retry-after", "x-request-id")


def is_own_host(host: str) -> bool:
    """Say whether a Host header names this machine; the port may be a tunnel's, so any is right."""
    parts = _HOST.fullmatch(host)
    return parts is not None and is_loopback(parts[1])


def is_own_origin(origin: str, host: str) -> bool:
    """Say whether an Origin header is the page of this very server, as its Host header names it.

    The schemes may differ: behind a proxy the server speaks another than the browser.
    """
    if not _ORIGIN.fullmatch(origin):
        return False
    scheme = origin.partition(":")[0]
    theirs, ours = _place(origin.partition("://")[2], scheme), _place(host, scheme)
    return theirs is not None and theirs == ours


def checked_origins(origins: Sequence[str]) -> list[str]:
    """The origins of `--cors-origin` as browsers write them.

    Raises:
        InputError: one is no origin, or stands for all of them.

    """
    for origin in origins:
        if not _ORIGIN.fullmatch(origin) or "*" in origin:
            raise InputError(f"--cors-origin takes one site each, such as https://intranet.example: {origin!r} is none")
    return [_as_sent(origin) for origin in origins]


def cors(app: ASGIApp, core: Core) -> ASGIApp:
    """Let the pages of listed sites read answers; without any, nothing of CORS is ever said.

    Credentials are not among it: such a page brings its key itself.
    """
    listed = checked_origins(core.settings.cors_origins)
    if not listed:
        return app
    return CORSMiddleware(
        app,
        allow_origins=listed,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=_ASKED_WITH,
        expose_headers=_TOLD,
    )


def _place(netloc: str, scheme: str) -> tuple[str, int] | None:
    parts = _HOST.fullmatch(netloc)
    return None if parts is None else (parts[1].lower(), int(parts[2] or _PORTS[scheme]))


def _as_sent(origin: str) -> str:
    parts = urlsplit(origin)
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}"
