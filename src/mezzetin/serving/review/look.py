"""How the pages of review look: their templates, the files that they name, and their policy.

Enters: values. Leaves: HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from mezzetin.serving.core import core_of
from mezzetin.serving.csrf import csrf_token
from mezzetin.serving.headers import SELF, csp
from mezzetin.serving.look import Parts, environment
from mezzetin.serving.review import words
from mezzetin.serving.review.cards import picture_address
from mezzetin.serving.signin.who import who_of

PARTS = Parts(
    "/review",
    __package__,
    ("review.js", "deciding.js", "keys.js"),
    "review.css",
    ("mezzetin.serving.review/review.css",),
)
_POLICY = csp(scripts=[SELF], styles=[SELF], images=[SELF], connect=[SELF])


def shown(request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page: a template of this package with its values, and with those that every page has."""
    common = {
        "parts": PARTS.address,
        "token": csrf_token(request),
        "who": who_of(request),
        "here": request.url.path,
        "gallery": core_of(request).settings.gallery != "off",
    }
    html = _environment().get_template(template).render({**common, **values})
    return Response(html, status, {"Content-Security-Policy": _POLICY}, "text/html")


def fragment(request: Request, template: str, values: Mapping[str, Any]) -> str:
    """A piece of a page."""
    common = {"token": csrf_token(request), "who": who_of(request)}
    return _environment().get_template(template).render({**common, **values})


@cache
def _environment() -> Environment:
    made = environment("review")
    made.globals.update({"words": words, "address": picture_address})
    return made
