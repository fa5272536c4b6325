"""How the gallery looks: its templates, the files that they name, and their policy.

Enters: values. Leaves: HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from mezzetin.serving.core import core_of
from mezzetin.serving.csrf import csrf_token
from mezzetin.serving.gallery import words
from mezzetin.serving.gallery.sight import Sight
from mezzetin.serving.headers import SELF, csp
from mezzetin.serving.look import Parts, environment
from mezzetin.serving.signin.who import who_of
from mezzetin.serving.thumbnails.answering import picture_address

PREFIX = "/gallery"
PARTS = Parts(
    PREFIX,
    __package__,
    ("gallery.js",),
    "gallery.css",
    ("mezzetin.serving.review/review.css", "mezzetin.serving.gallery/gallery.css"),
)
#: A `data:` picture is one that somebody searched with, shown in the answer to it.
_POLICY = csp(scripts=[SELF], styles=[SELF], images=[SELF, "data:"])


def shown(request: Request, sight: Sight, template: str, values: Mapping[str, Any]) -> Response:
    """A page: a template of this package with its values, and with those that every page has."""
    settings = core_of(request).settings
    query = request.url.query
    common = {
        "parts": PARTS.address,
        "token": csrf_token(request),
        "who": who_of(request),
        "here": request.url.path,
        "sight": sight,
        "open_to_all": settings.gallery == "public" and not sight.inside,
        "address": f"{request.url.path}?{query}" if query else request.url.path,
        "base": (settings.public_url or str(request.base_url)).rstrip("/"),
    }
    html = _environment().get_template(template).render({**common, **values})
    return Response(html, 200, {"Content-Security-Policy": _POLICY}, "text/html")


@cache
def _environment() -> Environment:
    made = environment("gallery")
    made.globals.update({"words": words, "picture_at": partial(picture_address, PREFIX)})
    return made
