"""Requests of Azure's APIs taken apart: the picture, or its URL, and the query.

Enters: a request whose body is JSON with a URL, the picture's bytes, or a form with one file. Leaves: bytes or a URL,
and checked values. A body is read to its end also where it is too large, since a client that is still sending would
not read the answer; what is more than the API takes is dropped at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from starlette.datastructures import QueryParams, UploadFile
from starlette.requests import Request

from mezzetin.serving.azure_vision.errors import Rules, check_bytes
from mezzetin.serving.problems import Problem

JSON, BYTES, FORM = "application/json", "application/octet-stream", "multipart/form-data"
_URL_BYTES = 64 << 10
_MODEL_VERSION = re.compile(r"(latest|\d{4}-\d{2}-\d{2})(-preview)?")


async def read_picture(request: Request, rules: Rules) -> bytes | str:
    """The picture's bytes, or the URL where it is.

    Raises:
        Problem: the body is of another kind, not of its form, empty, or too large.

    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == JSON:
        return _url(await _read(request, _URL_BYTES))
    if kind == BYTES:
        content = await _read(request, rules.limits.most_bytes)
    elif kind == FORM:
        content = await _file(request, rules.limits.most_bytes)
    else:
        named = repr(kind) if kind else "a body without a Content-Type"
        raise Problem(*rules.wrong_media, f"{named} is not read: send {JSON}, {BYTES} or {FORM}")
    check_bytes(len(content), rules)
    return content


async def _read(request: Request, most: int) -> bytes:
    """The body, or so much of it that it can be seen to be too large."""
    content = bytearray()
    async for piece in request.stream():
        if len(content) <= most:
            content += piece
    return bytes(content)


async def _file(request: Request, most: int) -> bytes:
    async with request.form(max_files=1, max_fields=16) as form:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise Problem(400, "BadArgument", "the form holds no file: add the picture as a file with a name")
        return await files[0].read(most + 1)


def _url(body: bytes) -> str:
    wanted = 'send an object such as {"url": "https://…"}'
    if len(body) > _URL_BYTES:
        raise Problem(400, "InvalidImageUrl", f"the JSON is longer than a URL can be: {wanted}")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "BadArgument", f"the body is no JSON: {wanted}") from error
    url = given.get("url") if isinstance(given, dict) else None
    if not isinstance(url, str) or not url.strip():
        raise Problem(400, "InvalidImageUrl", f"the JSON names no URL: {wanted}")
    return url.strip()


class Query:
    """A request's query; names are told apart by their letters and not by their case, as Azure does."""

    def __init__(self, params: QueryParams) -> None:
        self._values: dict[str, str] = {}
        for name, value in params.multi_items():
            known = self._values.get(name.lower())
            self._values[name.lower()] = value if known is None else f"{known},{value}"

    def text(self, name: str) -> str | None:
        """The value of a parameter; None where it is left out or empty."""
        return self._values.get(name.lower(), "").strip() or None

    def listed(self, name: str) -> list[str]:
        """The parts of a list with commas."""
        value = self.text(name)
        return [] if value is None else [part.strip() for part in value.split(",")]

    def chosen(self, name: str, choices: Mapping[str, str], code: str) -> list[str]:
        """The parts of a list, each of which must be among the `choices` (lower case -> its proper spelling).

        Raises:
            Problem: `code`, for a part that is none of them.

        """
        parts = self.listed(name)
        for part in parts:
            if part.lower() not in choices:
                known = ", ".join(choices.values())
                raise Problem(400, code, f"{name} holds {_shown(part)}: this server knows {known}")
        return [choices[part.lower()] for part in parts]

    def flag(self, name: str) -> bool:
        """Whether a parameter is true; left out it is false.

        Raises:
            Problem: it is neither.

        """
        value = (self.text(name) or "false").lower()
        if value not in ("true", "false"):
            raise Problem(400, "BadArgument", f"{name} is neither true nor false: it is {_shown(value)}")
        return value == "true"

    def count(self, name: str, default: int) -> int:
        """A whole number of at least 1.

        Raises:
            Problem: it is none.

        """
        value = self.text(name)
        if value is None:
            return default
        if not re.fullmatch(r"0*[1-9][0-9]{0,8}", value, re.ASCII):
            raise Problem(400, "BadArgument", f"{name} is {_shown(value)}: give a whole number from 1 on")
        return int(value)

    def check_language(self, language: str) -> None:
        """Refuse a wish for a language that the model, which writes `language`, does not speak.

        Raises:
            Problem: it is another.

        """
        value = self.text("language")
        if value is not None and _primary(value) != _primary(language):
            raise Problem(
                400,
                "NotSupportedLanguage",
                f"this model writes {language!r}, not {_shown(value)}: ask for {language!r}, or leave language out",
            )

    def check_model_version(self) -> None:
        """Refuse what is no version of a model; which one it is plays no part, for there is one model here.

        Raises:
            Problem: it is none.

        """
        value = self.text("model-version")
        if value is not None and not _MODEL_VERSION.fullmatch(value):
            raise Problem(400, "BadArgument", f"model-version is {_shown(value)}: give 'latest', or leave it out")


def _primary(language: str) -> str:
    return language.lower().replace("_", "-").split("-")[0]


def _shown(value: str) -> str:
    """What somebody sent, made short and harmless."""
    return ascii(value if len(value) <= 40 else value[:40] + "…")
