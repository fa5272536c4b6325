"""The journal: an id for every request, and one line of the log and one count for each when it is over.

Enters: every request, before anything else sees it. Leaves: its answer with `X-Request-Id`; a line that says who
asked for what, how it ended and what took how long; the same in the server's measurements. Neither holds a URL, a
caption or anything else out of a body.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mezzetin.serving.answers import Answer, Observer
from mezzetin.serving.core import Core
from mezzetin.serving.logs import FIELDS
from mezzetin.serving.measurements import Measurements

REQUEST_ID = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_STAGES = ("fetch", "decode", "caption", "external")
_NOBODY_WAITED = 499
_log = logging.getLogger("mezzetin.serving.requests")


@dataclass(slots=True)
class Entry:
    """What is noted of one request while it lasts; bytes are those of bodies, times in seconds."""

    started: float = field(default_factory=time.monotonic)
    status: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    complete: bool = False
    pictures: int = 0
    failed: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    over: bool = False


_ENTRY: ContextVar[Entry | None] = ContextVar("mezzetin_request", default=None)


class _Pictures(Observer):
    """Adds each picture to the entry of the request that it came with; a job's outlive theirs."""

    def answered(self, answer: Answer) -> None:
        """See Observer."""
        entry = _ENTRY.get()
        if entry is None or entry.over:
            return
        entry.pictures += 1
        entry.failed += answer.error is not None
        for stage in _STAGES:
            seconds = getattr(answer.timings, stage)
            if seconds is not None:
                entry.stages[stage] = entry.stages.get(stage, 0.0) + seconds


class Journal:
    """ASGI middleware; the outermost, or some answers would be missing."""

    def __init__(self, app: ASGIApp, core: Core) -> None:
        self._app = app
        self._measurements = Measurements(core)
        core.engine.observers += [self._measurements, _Pictures()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = _request_id(Headers(scope=scope))
        state["measurements"] = self._measurements
        entry = Entry()
        token = _ENTRY.set(entry)

        async def counted() -> Message:
            message = await receive()
            entry.bytes_in += len(message.get("body", b""))
            return message

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = state["request_id"]
            else:
                entry.bytes_out += len(message.get("body", b""))
                entry.complete = not message.get("more_body", False)
            await send(message)

        failed = True
        try:
            await self._app(scope, counted, noted)
            failed = False
        finally:
            _ENTRY.reset(token)
            self._close(scope, entry, failed=failed)

    def _close(self, scope: Scope, entry: Entry, *, failed: bool) -> None:
        """Note the end. Without an answer the asker has gone or, where it `failed`, somebody further out says 500."""
        entry.over = True
        seconds = time.monotonic() - entry.started
        state = scope["state"]
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = state.get("route") or "none"
        status = entry.status or (500 if failed else _NOBODY_WAITED)
        self._measurements.requested(method, route, status, seconds)
        fields: Mapping[str, Any] = {
            "request_id": state["request_id"],
            "principal": state.get("principal_name"),
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 4),
            "bytes_in": entry.bytes_in,
            "bytes_out": entry.bytes_out,
            **({} if entry.complete or entry.status is None else {"cut_off": True}),
            **({"pictures": entry.pictures, "failed": entry.failed} if entry.pictures else {}),
            **{f"{stage}_seconds": round(spent, 4) for stage, spent in entry.stages.items()},
        }
        level = logging.DEBUG if route in ("/livez", "/readyz", "/metrics") and status == 200 else logging.INFO
        _log.log(level, "request", extra={FIELDS: fields})


def journal(app: ASGIApp, core: Core) -> ASGIApp:
    """Put the journal around an application."""
    return Journal(app, core)


def _request_id(headers: Headers) -> str:
    """The asker's own where it is a plain word, so that the logs of both can be laid side by side."""
    given = headers.get(REQUEST_ID, "")
    return given if _SANE.fullmatch(given) else str(uuid.uuid4())
