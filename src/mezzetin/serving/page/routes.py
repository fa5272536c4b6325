"""The page at `/`: drop, paste, choose or link pictures, and read what each captioner says of them.

Enters: a browser. Leaves: one HTML page with its CSRF token, and the style and scripts that it names. They stand
below their own digest, so that a browser may keep them for good. The page asks `POST /score` for everything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from jinja2 import Environment, StrictUndefined
from starlette.responses import Response

from mezzetin.decoding.english import is_english
from mezzetin.pages import lang, visible
from mezzetin.serving.core import Core, core_of
from mezzetin.serving.csrf import csrf_token
from mezzetin.serving.headers import SELF, csp
from mezzetin.serving.problems import Problem

router = APIRouter(include_in_schema=False)
_FOREVER = "private, max-age=31536000, immutable"
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_POLICY = csp(scripts=[SELF], styles=[SELF], images=[SELF, "blob:"], connect=[SELF])
#: From here on the contact sheet warns as well.
_UNLIKE_FROM = 0.5
_OWN = ("page.js", "asking.js", "column.js", "key.js", "icon.svg")


@router.get("/")
async def page(request: Request) -> Response:
    """The page."""
    values = _values(core_of(request), csrf_token(request))
    return Response(_template().render(values), media_type="text/html", headers={"Content-Security-Policy": _POLICY})


@router.get("/page/{digest}/{name}")
async def part(digest: str, name: str) -> Response:
    """A file of the page, as long as it is the one that the page was made for."""
    parts = _parts()
    if digest != _digest() or name not in parts:
        raise Problem(404, "not_found", "there is no such part of the page: reload the page")
    kind = _KINDS[name.rpartition(".")[2]]
    return Response(parts[name], media_type=kind, headers={"Cache-Control": _FOREVER})


def _values(core: Core, token: str) -> dict[str, Any]:
    engine, settings = core.engine, core.settings
    return {
        "token": token,
        "parts": f"/page/{_digest()}",
        "model": engine.info,
        "external": engine.external,
        "english": is_english(engine.language),
        "largest": min(settings.picture_bytes, settings.body_bytes),
        "unlike_from": _UNLIKE_FROM,
    }


@cache
def _parts() -> Mapping[str, bytes]:
    """The files that the page names; its style begins with the one that all our pages share."""
    here = files(__package__)
    parts = {name: (here / name).read_bytes() for name in _OWN}
    shared = (files("mezzetin.pages") / "style.css").read_bytes()
    return {**parts, "page.css": shared + (here / "page.css").read_bytes()}


@cache
def _digest() -> str:
    together = hashlib.sha256()
    for name, content in sorted(_parts().items()):
        together.update(f"{name} {len(content)} ".encode() + content)
    return together.hexdigest()[:16]


@cache
def _template() -> Any:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=visible, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["lang"] = lang
    return environment.from_string((files(__package__) / "page.html").read_text(encoding="utf-8"))
