"""Bodies: counted while they come in, before anybody parses them; and askers that go away.

Enters: every HTTP request. Leaves: the same, refused with 413 where its body is too large (announced or not, chunked
or not), with 408 where it takes too long to come, and with 503 where the bodies of all requests together are too
much to hold. Who hangs up while the answer is being made is noticed, and the work for it is dropped.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mezzetin.serving.problems import Problem, problem

_RETRY = {"Retry-After": "1"}


class Bodies:
    """ASGI middleware: at most `most` bytes a body and `together` bytes in hand, each body in within `seconds`."""

    def __init__(self, app: ASGIApp, *, most: int, together: int, seconds: float) -> None:
        self._app, self._most, self._together, self._seconds = app, most, together, seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and (refusal := self._refusal(int(announced), int(announced))):
            headers = {**(refusal.headers or {}), "Connection": "close"}
            answer = problem(scope["path"], refusal.status_code, refusal.code, refusal.detail, headers)
            await answer(scope, receive, send)
            return
        body = _Body(self, receive, time.monotonic() + self._seconds)
        try:
            await body.serve(self._app, scope, send)
        finally:
            self._held -= body.count

    def hold(self, length: int, count: int) -> None:
        """Count `length` more bytes, of a body that has `count` by now; raise Problem where that is too much."""
        self._held += length
        refusal = self._refusal(count, 0)
        if refusal is not None:
            raise refusal

    def _refusal(self, count: int, more: int) -> Problem | None:
        if count > self._most:
            return Problem(413, "body_too_large", f"the body is larger than {self._most:,} bytes: send fewer pictures")
        if self._held + more > self._together:
            return Problem(503, "overloaded", "the server is busy: try again in a moment", _RETRY)
        return None


class _Body:
    """The body of one request, as the application receives it."""

    def __init__(self, bodies: Bodies, receive: Receive, until: float) -> None:
        self._bodies, self._receive, self._until = bodies, receive, until
        self._complete, self._gone = asyncio.Event(), asyncio.Event()
        self.count = 0

    async def serve(self, app: ASGIApp, scope: Scope, send: Send) -> None:
        work = asyncio.ensure_future(app(scope, self.receive, send))
        watch = asyncio.ensure_future(self._watch(work))
        try:
            await asyncio.wait([work])
        finally:
            watch.cancel()
            work.cancel()
            with suppress(asyncio.CancelledError, ClientDisconnect):
                await work

    async def receive(self) -> Message:
        if self._complete.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "body_too_slow", "the body took too long to arrive: send it faster") from None
        if message["type"] == "http.request":
            length = len(message.get("body", b""))
            self.count += length
            self._bodies.hold(length, self.count)
            if not message.get("more_body", False):
                self._complete.set()
        return message

    async def _watch(self, work: asyncio.Future[None]) -> None:
        """Once the body is there, only one thing can come: that the asker has gone."""
        await self._complete.wait()
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self._gone.set()
        work.cancel()
