"""Azure's two APIs in our OpenAPI description: the parameters and bodies that their routes read themselves."""

from __future__ import annotations

from typing import Any

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["url"],
                "properties": {"url": {"type": "string", "examples": ["https://upload.wikimedia.org/dog.jpg"]}},
            }
        },
        "application/octet-stream": _BINARY,
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["image"], "properties": {"image": _BINARY["schema"]}}
        },
    },
}
_MODEL_VERSION = {"type": "string", "default": "latest", "pattern": r"^(latest|\d{4}-\d{2}-\d{2})(-preview)?$"}
_LANGUAGE = {"type": "string", "description": "The language that the model writes; another one is an error."}


def _parameter(name: str, schema: dict[str, Any], *, required: bool = False, example: Any = None) -> dict[str, Any]:
    listed = {"style": "form", "explode": False} if schema["type"] == "array" else {}
    shown = {} if example is None else {"example": example}
    return {"name": name, "in": "query", "required": required, "schema": schema, **listed, **shown}


def _choices(*names: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": list(names)}, "minItems": 1}


def _operation(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": list(parameters), "requestBody": _BODY}


V4_OPERATION = _operation(
    _parameter("api-version", {"type": "string", "enum": ["2023-10-01", "2024-02-01"]}, required=True),
    _parameter(
        "features",
        _choices("caption", "denseCaptions", "tags"),
        required=True,
        example=["caption", "tags"],
    ),
    _parameter("language", _LANGUAGE),
    _parameter("gender-neutral-caption", {"type": "boolean", "default": False}),
    _parameter("model-version", _MODEL_VERSION),
    _parameter(
        "smartcrops-aspect-ratios",
        {"type": "array", "items": {"type": "number", "minimum": 0.75, "maximum": 1.8}},
    ),
)
_EXCLUDE = _parameter("descriptionExclude", _choices("Celebrities", "Landmarks"))
_V32_REST = (_parameter("language", _LANGUAGE), _EXCLUDE, _parameter("model-version", _MODEL_VERSION))
DESCRIBE_OPERATION = _operation(
    _parameter("maxCandidates", {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": 1}), *_V32_REST
)
ANALYZE_V32_OPERATION = _operation(
    _parameter("visualFeatures", _choices("Description", "Tags"), required=True, example=["Description", "Tags"]),
    *_V32_REST,
)

_STRING = {"type": "string"}
_INNER = {"type": "object", "required": ["code", "message"], "properties": {"code": _STRING, "message": _STRING}}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": _STRING, "message": _STRING, "innererror": _INNER},
        }
    },
}
_WORDS = {
    400: "The request, its picture or its URL is wrong.",
    408: "The body took too long to arrive.",
    413: "The body is too large for the server.",
    500: "The model found no words.",
    503: "The server is busy; Retry-After says for how long.",
    504: "The time was up.",
}


def _errors(words: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    return {
        status: {
            "description": said,
            "content": {"application/json": {"schema": _ERROR}},
            "headers": {"x-ms-error-code": {"schema": _STRING}},
        }
        for status, said in sorted(words.items())
    }


V4_ERRORS = _errors(_WORDS | {404: "There is no such api-version or model."})
V32_ERRORS = _errors(_WORDS | {415: "The body is of a kind that is not read."})
