"""Small copies as answers: a picture in, a JPEG out that a browser keeps for a while, or a drawing that says why not.

Enters: a picture that its asker may see. Leaves: an answer with its tag; where the browser has that copy already, 304
without a look at the picture.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Template
from starlette.requests import Request
from starlette.responses import Response

from mezzetin.collection.rows import Picture
from mezzetin.serving.look import environment
from mezzetin.serving.problems import Problem
from mezzetin.serving.thumbnails.keeping import SIZES, Copy, Thumbnails, tag_of

# A picture that is forgotten or closed must not be kept elsewhere for long.
_KEPT = 3600


def picture_address(prefix: str, picture: Picture, size: str) -> str:
    """Where the small copy of a picture is, below the pages of `prefix`; it changes when the picture does."""
    return f"{prefix}/pictures/{picture.id}/{size}.jpg?v={tag_of(picture, SIZES[size])[:12]}"


async def answer(
    request: Request, thumbnails: Thumbnails, picture: Picture | None, size: str, *, everybodys: bool = False
) -> Response:
    """The small copy of a picture in one of `SIZES`; `everybodys`: caches on the way may keep it, too.

    Raises:
        Problem: 404, there is no such picture or size.

    """
    if picture is None or size not in SIZES:
        raise Problem(404, "not_found", "there is no such picture in this collection")
    tag = tag_of(picture, SIZES[size])
    current = request.query_params.get("v") == tag[:12]
    whose = "public" if everybodys else "private"
    headers = {"ETag": f'"{tag}"', "Cache-Control": f"{whose}, max-age={_KEPT}" if current else f"{whose}, no-cache"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(None, 304, headers)
    made = await thumbnails.get(picture, size)
    if not isinstance(made, Copy):
        return Response(_absent().render(error=made), 404, media_type="image/svg+xml")
    return Response(made.jpeg, headers=headers, media_type="image/jpeg")


@cache
def _absent() -> Template:
    return environment("thumbnails").get_template("absent.svg")
