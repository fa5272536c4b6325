"""The API's own description, `GET /openapi.json`: what FastAPI knows of the routes, and what only the layers know.

Enters: the application. Leaves: an OpenAPI 3.1 document that also says how a request shows its key, what the guard may
answer, and what the groups of operations are for.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from mezzetin.serving.wire import ScoreRequest

#: Models that routes read by themselves, so that FastAPI does not know of them.
_MODELS: tuple[type[BaseModel], ...] = (ScoreRequest,)
_ABOUT = """\
Pictures in, captions out. A server on loopback asks nobody for a key; any other one wants a key with every request, in
one of the headers below, or a bearer token. Every error is JSON with a stable `code` for programs and one line for
people; a picture that has no caption is an error in its own place and fails nothing beside it."""
_TAGS = {
    "captions": "Captions of pictures, many a request, and the jobs that long requests become.",
    "health": "Whether the server lives and answers, and what it does.",
    "Azure Image Analysis 4.0": "Azure's API as its SDKs speak it, answered by this server's model.",
    "Azure Computer Vision 3.2": "Azure's older API as its SDKs speak it, answered by this server's model.",
}
_SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "A key of this server."},
    "azure_key": {
        "type": "apiKey",
        "in": "header",
        "name": "Ocp-Apim-Subscription-Key",
        "description": "The same key, where Azure's clients put theirs.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "Any user; the key is the password."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key, or a token of Entra."},
}
_GUARDED = {
    "401": "The server wants a key, and the request shows none that counts.",
    "403": "A foreign site, or a page without its token, may not ask.",
    "429": "This key asks too often; Retry-After says for how long to wait.",
}
_FOR_EVERYBODY = ("/livez", "/readyz")


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _described(app)
    return app.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=_ABOUT, routes=app.routes
    )
    schema["tags"] = [{"name": name, "description": words} for name, words in _TAGS.items()]
    # The empty one: a server on loopback asks for nothing.
    schema["security"] = [{}, *({name: []} for name in _SCHEMES)]
    schema["components"]["securitySchemes"] = _SCHEMES
    schemas = schema["components"]["schemas"]
    for model in _MODELS:
        described = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(described.pop("$defs", {}))
        schemas[model.__name__] = described
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            if path in _FOR_EVERYBODY:
                operation["security"] = []
            else:
                operation["responses"] = _guarded(operation["responses"])
    return schema


def _guarded(responses: dict[str, Any]) -> dict[str, Any]:
    """What an operation answers, and what may be answered before it is reached, in the door's own shape."""
    errors = [answer for status, answer in responses.items() if status >= "400" and "content" in answer]
    content = errors[0]["content"] if errors else _PROBLEM
    refusals = {status: {"description": words, "content": content} for status, words in _GUARDED.items()}
    return dict(sorted({**refusals, **responses}.items()))


_PROBLEM = {"application/json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
