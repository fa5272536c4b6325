"""The page at `/`: drop, paste, choose or link pictures, and read what each captioner says of them.

Enters: a browser. Leaves: one HTML page with its CSRF token, and the style and scripts that it names. Its script asks
`POST /score` for everything else; without a script the form is posted to `/` and answered by the page with its results.
Who has shown no key where one is asked for gets a page without data, which asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from mezzetin.decoding.english import is_english
from mezzetin.serving.core import core_of
from mezzetin.serving.csrf import csrf_token
from mezzetin.serving.page.form import Shown, captioned
from mezzetin.serving.page.look import digest, parts, shown
from mezzetin.serving.problems import Problem
from mezzetin.serving.signin.who import who_of

router = APIRouter(include_in_schema=False)
_FOREVER = "private, max-age=31536000, immutable"
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
#: From here on the contact sheet warns as well.
_UNLIKE_FROM = 0.5


@router.get("/")
async def page(request: Request) -> Response:
    """The page."""
    return shown("page.html", _values(request, ()))


@router.post("/")
async def results(request: Request) -> Response:
    """The page with the results of its form, for a browser that runs no scripts."""
    return shown("page.html", _values(request, await captioned(request)))


@router.get("/page/{version}/{name}")
async def part(version: str, name: str) -> Response:
    """A file of the page, as long as it is the one that the page was made for."""
    found = parts()
    if version != digest() or name not in found:
        raise Problem(404, "not_found", "there is no such part of the page: reload the page")
    kind = _KINDS[name.rpartition(".")[2]]
    return Response(found[name], media_type=kind, headers={"Cache-Control": _FOREVER})


def _values(request: Request, results: Sequence[Shown]) -> dict[str, Any]:
    core = core_of(request)
    engine, settings = core.engine, core.settings
    who = who_of(request)
    locked = who is None
    return {
        "token": csrf_token(request),
        "locked": locked,
        "person": who.name if who is not None and who.how in ("account", "oidc") else None,
        "by_key": settings.keys_file is not None,
        "by_token": settings.entra_tenant is not None,
        "tenant": settings.entra_tenant,
        "audience": next(iter(settings.entra_audiences), None),
        "model": None if locked else engine.info,
        "external": [] if locked else engine.external,
        "english": not locked and is_english(engine.language),
        "attention": not locked and engine.captioner.attends,
        "largest": min(settings.picture_bytes, settings.body_bytes),
        "unlike_from": _UNLIKE_FROM,
        "results": results,
    }
