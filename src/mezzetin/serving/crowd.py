"""The crowd at the door: while the server is full, a posted body is let pass unparsed and its asker told to come back.

Enters: requests with their bodies being counted already. Leaves: those that there is room for. The body is taken to
its end, because a client that is still sending would not read the answer.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from mezzetin.serving.engine import Engine
from mezzetin.serving.problems import Problem, problem


class Crowd:
    """ASGI middleware: answers 503 with Retry-After to every POST while `engine` is full."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self._app, self._engine = app, engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] != "POST" or not self._engine.full:
            await self._app(scope, receive, send)
            return
        refusal = self._engine.refuse()
        headers = {"Retry-After": str(refusal.retry_after)}
        answer = problem(scope["path"], 503, "overloaded", str(refusal), headers)
        try:
            while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                continue
        except Problem as error:
            # The body is too much as well.
            answer = problem(scope["path"], error.status_code, error.code, error.detail, error.headers)
        await answer(scope, receive, send)
