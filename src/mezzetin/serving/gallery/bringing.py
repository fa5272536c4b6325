"""A picture that somebody brings to search with: a form in, its small copy out; it is kept nowhere.

The bytes are a stranger's: nothing but the process that draws small copies decodes them.
"""

from __future__ import annotations

from starlette.datastructures import UploadFile
from starlette.requests import Request

from mezzetin.pages import data_uri
from mezzetin.records import ItemError
from mezzetin.serving.core import core_of, desk_of
from mezzetin.serving.csrf import FIELD, HEADER, form_holds
from mezzetin.serving.desk import Desk
from mezzetin.serving.problems import Problem
from mezzetin.serving.rate import whole_seconds
from mezzetin.serving.score_request import FORM
from mezzetin.serving.signin.who import who_of

_FIELD_BYTES = 64 << 10


async def brought(request: Request) -> tuple[bytes, dict[str, str]]:
    """The picture of a form, and its other fields.

    Raises:
        Problem: 403, the form's token is missing or old; 413, 415 or 422, it holds too much, is no form, or holds no
            picture; 429, a stranger asks too often.

    """
    core = core_of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, "unsupported_media_type", f"the page's form is {FORM}: send the picture from the page")
    async with request.form(max_files=1, max_fields=16, max_part_size=_FIELD_BYTES) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        # With the header the guard has looked already.
        if HEADER not in request.headers and not form_holds(request, fields.get(FIELD, "")):
            raise Problem(403, "csrf", f"the form's {FIELD} is missing or old: load the page again")
        _take_turns(request)
        file = form.get("picture")
        content = await file.read() if isinstance(file, UploadFile) else b""
    if not content:
        raise Problem(422, "bad_request", "the form holds no picture: choose one")
    if len(content) > core.settings.picture_bytes:
        most = core.settings.picture_bytes >> 20
        raise Problem(413, "too_large", f"the picture is larger than {most} MB: choose a smaller one")
    return content, fields


def _take_turns(request: Request) -> None:
    """Let a stranger bring a picture only now and then: each costs more than a page."""
    if who_of(request) is not None:
        return
    wait = desk_of(request).strangers.wait(request.client.host if request.client else "")
    if wait:
        seconds = whole_seconds(wait)
        words = f"too many pictures to search with: try again in {seconds} s"
        raise Problem(429, "too_many_requests", words, {"Retry-After": seconds})


async def taken(desk: Desk, content: bytes) -> tuple[bytes, str]:
    """The small copy of a picture that was brought, and the address that shows it.

    Raises:
        Problem: 422, it can't be decoded.

    """
    small = await desk.thumbnails.shrunk(content)
    if isinstance(small, ItemError):
        raise Problem(422, small.code, f"{small.message}: choose another picture")
    return small, data_uri(small)
