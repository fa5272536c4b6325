"""Errors as HTTP answers: one line of JSON, never a trace, in the shape of the door that was asked.

A door with error bodies of its own (Azure's) adds `(prefix, render)` to `SHAPES`; whoever refuses a request, a
middleware or a route, calls `problem`, so that the body fits the door. In a route it is simplest to raise `Problem`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mezzetin.errors import InputError, MezzetinError, StoreRefused, StoreUnreachable
from mezzetin.serving.answers import Overloaded
from mezzetin.serving.azure_vision import shapes

Render = Callable[[int, str, str], Mapping[str, object]]
"""(status, code, message) -> the body's JSON object; headers are the caller's."""


class Problem(HTTPException):
    """A refusal with a stable `code` for programs and one line for people; raise it anywhere in a route."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.code = code


def _ours(status: int, code: str, message: str) -> Mapping[str, object]:
    return {"error": {"code": code, "message": message}}


#: The error bodies of doors, by the beginning of their paths; the longest that fits counts.
SHAPES: dict[str, Render] = {"/": _ours, **shapes.SHAPES}
#: Further headers for a door's errors, by the same beginnings: (status, code) -> headers.
HEADERS: dict[str, Callable[[int, str], Mapping[str, str]]] = {**shapes.HEADERS}

#: What our own exceptions become, the first kind that fits. A store is one that the request named.
_KINDS: dict[type[MezzetinError], tuple[int, str]] = {
    InputError: (400, "bad_request"),
    StoreRefused: (400, "store_refused"),
    StoreUnreachable: (502, "store_unreachable"),
    Overloaded: (503, "overloaded"),
    MezzetinError: (503, "unavailable"),
}


def problem(path: str, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that refuses a request for `path`."""
    path = "/" + path.lstrip("/")
    shape = max((prefix for prefix in SHAPES if path.startswith(prefix)), key=len)
    body = json.dumps(SHAPES[shape](status, code, " ".join(message.split())), ensure_ascii=False)
    more = HEADERS[shape](status, code) if shape in HEADERS else {}
    return Response(body, status, {**more, **(headers or {})}, "application/json")


def refusal(path: str, error: MezzetinError) -> Response:
    """The answer that one of our own exceptions becomes in a request for `path`."""
    status, code = next(found for kind, found in _KINDS.items() if isinstance(error, kind))
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Overloaded) else {}
    return problem(path, status, getattr(error, "code", code), str(error), headers)
