"""Requests of door 1 taken apart: JSON, an uploaded form, or a lone picture, into names and sources."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from mezzetin.errors import InputError
from mezzetin.serving.answers import Source
from mezzetin.serving.problems import Problem
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.sources import name_of
from mezzetin.serving.wire import ScoreRequest, parse_score

JSON, FORM = "application/json", "multipart/form-data"
#: Of a body that is one picture.
PICTURE = ("application/octet-stream", "image/*")
_FIELD_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for: `names` and `sources` in order, or the folder of `sas_uri`.

    `external` None means each captioner that is switched on; `deadline` is on `time.monotonic()`.
    """

    names: Sequence[str] = ()
    sources: Sequence[Source] = ()
    sas_uri: str | None = None
    neutral: bool = False
    external: Sequence[str] | None = None
    deadline: float = 0.0
    as_job: bool = False
    attention: bool = False


async def read_score(request: Request, settings: ServeSettings) -> Wanted:
    """Read a request for captions.

    Raises:
        Problem: its body is of another kind, or not of its form.

    """
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind == FORM:
        return await _form(request, settings)
    body = await request.body()
    if kind == PICTURE[0] or kind.startswith("image/"):
        return Wanted(["0"], [body], deadline=deadline_of(settings, None))
    if kind != JSON and not kind.endswith("+json"):
        raise Problem(415, "unsupported_media_type", f"{kind} is not read: send {JSON}, {FORM} or a picture")
    try:
        return wanted_of(parse_score(body), settings)
    except InputError as error:
        raise Problem(422, "bad_request", str(error)) from error


def wanted_of(given: ScoreRequest, settings: ServeSettings) -> Wanted:
    """What a request's JSON asks for; also for a door that has parsed it (`score.py`)."""
    wanted = Wanted(
        sas_uri=given.sas_uri,
        neutral=given.gender_neutral,
        external=given.external,
        deadline=deadline_of(settings, given.timeout),
        as_job=given.as_job,
        attention=given.attention,
    )
    if given.images is not None:
        names = [str(number) if image.id is None else image.id for number, image in enumerate(given.images)]
        return replace(wanted, names=names, sources=[image.content() for image in given.images])
    urls = given.urls or []
    return replace(wanted, names=[name_of(url) for url in urls], sources=urls)


def deadline_of(settings: ServeSettings, seconds: float | None) -> float:
    """When a request's time is up: its own wish, and no later than the operator's."""
    return time.monotonic() + min(settings.deadline, seconds or settings.deadline)


async def _form(request: Request, settings: ServeSettings) -> Wanted:
    most = settings.most_pictures
    async with request.form(max_files=most, max_fields=16, max_part_size=_FIELD_BYTES) as form:
        files = [(key, value) for key, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise Problem(422, "bad_request", "the form holds no file: add pictures as files")
        names = [file.filename or key for key, file in files]
        sources: list[Source] = [await file.read() for _, file in files]
        external = [str(name) for name in form.getlist("external") if name] if "external" in form else None
        return Wanted(
            names,
            sources,
            neutral=_flag(form, "gender_neutral"),
            external=external,
            deadline=deadline_of(settings, None),
            attention=_flag(form, "attention"),
        )


def _flag(form: FormData, name: str) -> bool:
    value = str(form.get(name, "false")).lower()
    if value not in ("true", "1", "on", "false", "0", "off", ""):
        raise Problem(422, "bad_request", f"{name} is neither true nor false")
    return value in ("true", "1", "on")
