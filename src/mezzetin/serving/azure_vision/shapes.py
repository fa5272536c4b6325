"""The error bodies of Azure's two image APIs, from what a refusal says of itself.

Enters: a status, a code and a message; the code is Azure's own, or one of the server's that is then told by the
status. Leaves: the body and the headers. The codes are those of Azure's published descriptions of the two APIs; what
its gateway refuses before either of them sees it bears the status as its code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

V4, V32 = "/computervision/", "/vision/"

#: What a code that is more particular than "the request is wrong" stands inside of, by API.
_V4_OUTER = {
    "BadArgument": "InvalidRequest",
    "InvalidImageFormat": "InvalidRequest",
    "InvalidImageSize": "InvalidRequest",
    "InvalidImageUrl": "InvalidRequest",
    "NotSupportedImage": "InvalidRequest",
    "NotSupportedLanguage": "InvalidRequest",
    "NotSupportedVisualFeature": "InvalidRequest",
    "FailedToProcess": "InternalServerError",
    "Timeout": "InternalServerError",
}
_V32_OUTER = _V4_OUTER | {
    "BadArgument": "InvalidArgument",
    "InvalidDetails": "InvalidArgument",
    "InvalidImageUrl": "InvalidArgument",
    "NotSupportedLanguage": "InvalidArgument",
    "UnsupportedMediaType": "InvalidRequest",
}
_WHOLE = ("InvalidRequest", "InvalidArgument", "InternalServerError", "ServiceUnavailable")
_GATEWAY = (401, 403, 404, 405, 429)
_BY_STATUS = {
    400: "BadArgument",
    408: "InvalidRequest",
    422: "BadArgument",
    500: "InternalServerError",
    502: "ServiceUnavailable",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_V4_BY_STATUS = _BY_STATUS | {413: "InvalidRequest", 415: "InvalidRequest"}
_V32_BY_STATUS = _BY_STATUS | {413: "InvalidImageSize", 415: "UnsupportedMediaType"}


def v4_body(status: int, code: str, message: str) -> Mapping[str, object]:
    """The body of an error of Image Analysis 4.0."""
    outer, inner = _v4(status, code)
    error: dict[str, object] = {"code": outer, "message": message}
    if inner is not None:
        error["innererror"] = {"code": inner, "message": message}
    return {"error": error}


def v32_body(status: int, code: str, message: str) -> Mapping[str, object]:
    """The body of an error of Computer Vision 3.2."""
    outer, inner = _v32(status, code)
    error: dict[str, object] = {"code": outer}
    if inner is not None:
        error["innererror"] = {"code": inner, "message": message}
    return {"error": {**error, "message": message}}


def v4_headers(status: int, code: str) -> Mapping[str, str]:
    """What an error of 4.0 says in its headers."""
    return {"x-ms-error-code": _v4(status, code)[0]}


def v32_headers(status: int, code: str) -> Mapping[str, str]:
    """What an error of 3.2 says in its headers."""
    return {"x-ms-error-code": _v32(status, code)[0]}


def _v4(status: int, code: str) -> tuple[str, str | None]:
    return _codes(status, code, _V4_OUTER, _V4_BY_STATUS)


def _v32(status: int, code: str) -> tuple[str, str | None]:
    return _codes(status, code, _V32_OUTER, _V32_BY_STATUS)


def _codes(status: int, code: str, outer: Mapping[str, str], by_status: Mapping[int, str]) -> tuple[str, str | None]:
    """The outer code, and the inner one where there is one."""
    if status in _GATEWAY:
        return str(status), None
    if code not in outer and code not in _WHOLE:
        code = by_status.get(status, "InternalServerError" if status >= 500 else "InvalidRequest")
    return (outer[code], code) if code in outer else (code, None)


SHAPES: dict[str, Callable[[int, str, str], Mapping[str, object]]] = {V4: v4_body, V32: v32_body}
HEADERS: dict[str, Callable[[int, str], Mapping[str, str]]] = {V4: v4_headers, V32: v32_headers}
