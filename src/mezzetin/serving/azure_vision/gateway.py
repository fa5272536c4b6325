"""What Azure's gateway does before its API is asked: slashes too many, and an id for every request.

Enters: every HTTP request. Leaves: those of Azure's APIs with one slash in front (SDKs send two where the endpoint
ends in one), and their answers with the request's id.
"""

from __future__ import annotations

import uuid

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mezzetin.serving.azure_vision.shapes import V4, V32
from mezzetin.serving.core import Core

_ID_HEADERS = ("apim-request-id", "x-ms-request-id")


class Gateway:
    """ASGI middleware; the id is the server's own (`request_id` of the request's state) where it has given one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        path = "/" + scope["path"].lstrip("/") if scope["type"] == "http" else ""
        if not path.startswith((V4, V32)):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state.setdefault("request_id", str(uuid.uuid4()))

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for header in _ID_HEADERS:
                    headers[header] = state["request_id"]
            await send(message)

        await self._app({**scope, "path": path}, receive, named)


def gateway(app: ASGIApp, core: Core) -> ASGIApp:
    """Put the gateway before an application."""
    return Gateway(app)
