"""Forgetting a picture: an admin asks, sees what would be gone for good, ticks that it is meant, and it is gone.

Enters: a browser. Leaves: pages; nothing of the picture in the collection, its journal or its small copies.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mezzetin.collection import pictures, texts
from mezzetin.collection.forgetting import forget_picture
from mezzetin.collection.rows import Actor, Picture
from mezzetin.serving.core import desk_of
from mezzetin.serving.desk import Desk
from mezzetin.serving.problems import Problem
from mezzetin.serving.review.asked import form_of
from mezzetin.serving.review.look import shown
from mezzetin.serving.signin.who import need

router = APIRouter(prefix="/review", include_in_schema=False)
_MOST_PAGES = 100


@router.get("/pictures/{picture_id}/forget")
def ask(request: Request, picture_id: int) -> Response:
    """What would be gone."""
    need(request, "admin")
    return _asked(request, desk_of(request), picture_id)


@router.post("/pictures/{picture_id}/forget")
async def forget(request: Request, picture_id: int) -> Response:
    """Forget it, where the form says that this is meant."""
    actor = Actor.person(need(request, "admin").name)
    fields = await form_of(request)
    desk = desk_of(request)
    if fields.get("sure") != "1":
        return await run_in_threadpool(_asked, request, desk, picture_id, unsure=True)
    done = await run_in_threadpool(forget_picture, desk.collection, actor, picture_id)
    return shown(request, "forgotten.html", {"picture_id": picture_id, "done": done})


def _asked(request: Request, desk: Desk, picture_id: int, *, unsure: bool = False) -> Response:
    with desk.collection.reading() as reader:
        found = pictures.get(reader, picture_id)
        if found is None:
            raise Problem(404, "not_found", f"there is no picture {picture_id} in this collection")
        rows = reader.rows(
            "SELECT id FROM pictures WHERE uri = ? OR (sha256 = ? AND sha256 <> '') ORDER BY id LIMIT ?",
            (found.uri, found.sha256, _MOST_PAGES + 1),
        )
        going = [one for row in rows if (one := pictures.get(reader, row[0])) is not None]
        said = texts.of_picture(reader, picture_id)
    values = {"picture": found, "texts": said, "others": _others(found, going), "unsure": unsure}
    return shown(request, "forget.html", values, 422 if unsure else 200)


def _others(found: Picture, going: list[Picture]) -> list[Picture]:
    """What goes with it: other pages of its file, and other places of the same bytes."""
    return [one for one in going if one.id != found.id]
