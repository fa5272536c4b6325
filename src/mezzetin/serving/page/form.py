"""The page's form without a script: pictures and links in, what to show of each out.

Enters: a posted form with its CSRF token. Leaves: a `Shown` for each file and each link, in order, errors included.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from mezzetin.decoding.english import is_english
from mezzetin.records import Caption, ItemError
from mezzetin.serving.answers import Answer, Source
from mezzetin.serving.attention import Look
from mezzetin.serving.core import core_of
from mezzetin.serving.csrf import FIELD, form_holds
from mezzetin.serving.engine import Engine
from mezzetin.serving.problems import Problem
from mezzetin.serving.score_request import FORM
from mezzetin.storage.address import without_secrets

_FIELD_BYTES = 256 << 10
#: What browsers show; of larger pictures the answer would become too long.
_SHOWN_AS = {"jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}
_SHOWN_BYTES, _SHOWN_TOGETHER = 4 << 20, 16 << 20
_SURE = ((0.8, "Sure"), (0.6, "Fairly sure"), (0.4, "Not very sure"), (0.0, "A guess"))
_NO_LINK = ItemError("bad_url", "this is no link: give it whole, https://example.org/picture.jpg")
_FOLDER = ItemError("folder", "a folder needs JavaScript in the browser: link its pictures, or use mezzetin caption")


@dataclass(frozen=True, slots=True)
class Column:
    """What one captioner says, and in words how sure it is."""

    who: str
    caption: Caption
    sure: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A card: a picture's name, its address (`data:`) or None, its columns, or why it has none."""

    name: str
    picture: str | None
    columns: Sequence[Column]
    looks: Sequence[Look]
    error: ItemError | None


async def captioned(request: Request) -> list[Shown]:
    """Caption what the form holds.

    Raises:
        Problem: 403, its token is missing or old; 413, 415 or 422, it holds too much, is no form, or holds nothing.
        Overloaded: the queue is full; nothing was done.

    """
    core = core_of(request)
    most, engine = core.settings.most_pictures, core.engine
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, "unsupported_media_type", f"the page's form is {FORM}: programs ask POST /score")
    async with request.form(max_files=most + 1, max_fields=64, max_part_size=_FIELD_BYTES) as form:
        if not form_holds(request, str(form.get(FIELD, ""))):
            raise Problem(403, "csrf", f"the form's {FIELD} is missing or old: load the page again")
        names, sources = await _pictures(form)
        external = [name for name in engine.external if name in form.getlist("external")]
        neutral = "gender_neutral" in form and is_english(engine.language)
    if not sources:
        raise Problem(422, "bad_request", "the form holds no picture and no link: choose one")
    if len(sources) > most:
        raise Problem(413, "too_many_pictures", f"one page takes {most} pictures at most: send fewer")
    answers = await engine.caption(sources, neutral=neutral, external=external, names=names, attention=True)
    return _shown(engine, names, sources, answers)


async def _pictures(form: FormData) -> tuple[list[str], list[Source]]:
    # A field of files that was left empty is sent as one without a name.
    files = [file for file in form.getlist("images") if isinstance(file, UploadFile) and file.filename]
    links = str(form.get("links", "")).split()
    names = [file.filename or "" for file in files] + [without_secrets(link) for link in links]
    contents: list[Source] = [await file.read() for file in files]
    return names, contents + [_linked(link) for link in links]


def _linked(link: str) -> str | ItemError:
    try:
        parts = urlsplit(link)
    except ValueError:
        return _NO_LINK
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return _NO_LINK
    query = parse_qs(parts.query)
    if "sig" in query and (query.get("sr", [""])[0] in ("c", "d") or "ss" in query) and "." not in parts.path[-5:]:
        return _FOLDER
    return link


def _shown(engine: Engine, names: Sequence[str], sources: Sequence[Source], answers: Sequence[Answer]) -> list[Shown]:
    cards, left = [], _SHOWN_TOGETHER
    for name, source, answer in zip(names, sources, answers, strict=True):
        picture = None
        if isinstance(source, bytes) and answer.format in _SHOWN_AS and len(source) <= min(_SHOWN_BYTES, left):
            left -= len(source)
            picture = f"data:{_SHOWN_AS[answer.format]};base64,{base64.b64encode(source).decode()}"
        said: Mapping[str, Caption] = {engine.info.name: answer.caption, **answer.external}
        columns = [] if answer.error else [Column(who, one, _sure(one.confidence)) for who, one in said.items()]
        looks = answer.attention.words if answer.attention else ()
        cards.append(Shown(name, picture, columns, looks, answer.error))
    return cards


def _sure(confidence: float | None) -> str:
    if confidence is None:
        return "How sure it is, it does not say"
    return f"{next(word for least, word in _SURE if confidence >= least)}: {confidence * 100:.0f} %"
