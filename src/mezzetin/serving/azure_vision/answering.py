"""One picture asked and answered: what both of Azure's APIs do once the request has been understood."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from mezzetin.decoding.english import is_english
from mezzetin.serving.answers import Answer
from mezzetin.serving.azure_vision.errors import Rules, check_answer
from mezzetin.serving.azure_vision.phrasing import Phrase, phrases_of, version_of
from mezzetin.serving.azure_vision.request import read_picture
from mezzetin.serving.azure_vision.tags import Tag, tags_of
from mezzetin.serving.core import core_of
from mezzetin.serving.problems import Problem


@dataclass(frozen=True, slots=True)
class Described:
    """A picture in Azure's terms; `width` and `height` are in pixels as it is shown, `format` is Azure's name."""

    phrases: list[Phrase]
    tags: list[Tag]
    width: int
    height: int
    format: str
    model_version: str


async def describe_picture(request: Request, rules: Rules, *, neutral: bool = False) -> Described:
    """Read the picture of a request and caption it.

    Raises:
        Problem: it can't be.
        Overloaded: there is no room.

    """
    engine = core_of(request).engine
    if neutral and not is_english(engine.language):
        message = f"gender-neutral captions are English only, and this model writes {engine.language!r}"
        raise Problem(400, "NotSupportedLanguage", message)
    picture = await read_picture(request, rules)
    (answer,) = await engine.caption([picture], neutral=neutral, limits=rules.limits)
    check_answer(answer, rules, by_url=isinstance(picture, str))
    return _described(answer)


def _described(answer: Answer) -> Described:
    phrases = phrases_of(answer.caption)
    return Described(
        phrases,
        tags_of(phrases, answer.caption.language),
        answer.width or 0,
        answer.height or 0,
        (answer.format or "").capitalize(),
        version_of(answer.caption.model),
    )
