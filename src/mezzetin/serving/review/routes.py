"""The pages of review: the queue, a picture, its small copies, decisions, and the check of a text being typed.

Enters: a browser, or a program that asks for JSON. Leaves: pages that work without a script; with one the same forms
are sent by it, and their answers are the card as it is now.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from mezzetin.alttext import lint
from mezzetin.collection import history, pictures, queue, texts
from mezzetin.collection.rows import KINDS, Actor
from mezzetin.errors import InputError
from mezzetin.serving.core import desk_of
from mezzetin.serving.problems import Problem
from mezzetin.serving.review import deciding
from mezzetin.serving.review.asked import Stale, asked, form_of, way_back, words_of
from mezzetin.serving.review.cards import cards, groups
from mezzetin.serving.review.deciding import Outcome
from mezzetin.serving.review.look import PARTS, fragment, shown
from mezzetin.serving.signin.who import need
from mezzetin.serving.thumbnails.answering import answer

router = APIRouter(prefix="/review", include_in_schema=False)
PAGE = 20


@router.get("")
def page(request: Request) -> Response:
    """The queue."""
    need(request, "viewer")
    desk = desk_of(request)
    wanted = asked(request.query_params)
    here = wanted.address("/review", after=request.query_params.get("after"))
    with desk.collection.reading() as reader:
        found = queue.page(
            reader, wanted.filter, after=request.query_params.get("after"), limit=PAGE, order=wanted.order
        )
        values = {
            "asked": wanted,
            "cards": cards(reader, desk.rules, found.items, here),
            "count": queue.count(reader, wanted.filter),
            "next": found.next and wanted.address("/review", after=found.next),
            "first": wanted.address("/review") if "after" in request.query_params else None,
            "statuses": queue.statuses(reader, kind=wanted.filter.kind or "alt"),
            "languages": queue.languages(reader),
            "captioners": queue.captioners(reader),
            "sources": queue.sources(reader),
            "done": _done(reader, request.query_params.get("done")),
            "back": here,
        }
    return shown(request, "queue.html", values)


@router.get("/pictures/{picture_id}")
def picture(request: Request, picture_id: int) -> Response:
    """One picture with everything that is said of it."""
    need(request, "viewer")
    desk = desk_of(request)
    with desk.collection.reading() as reader:
        found = pictures.get(reader, picture_id)
        if found is None:
            raise Problem(404, "not_found", f"there is no picture {picture_id} in this collection")
        values = {
            "picture": found,
            "groups": groups(desk.rules, found, texts.of_picture(reader, picture_id), request.url.path),
            "changes": list(history.of_picture(reader, picture_id))[::-1],
            "events": pictures.picture_history(reader, picture_id)[::-1],
            "languages": list(queue.languages(reader)) or ["en"],
            "kinds": KINDS,
            "done": _done(reader, request.query_params.get("done")),
            "back": request.url.path,
        }
    return shown(request, "picture.html", values)


@router.get("/pictures/{picture_id}/{size}.jpg")
async def copy(request: Request, picture_id: int, size: str) -> Response:
    """The small copy of a picture; where there is none a drawing says why."""
    need(request, "viewer")
    desk = desk_of(request)
    found = await run_in_threadpool(pictures.get, desk.collection, picture_id)
    return await answer(request, desk.thumbnails, found, size)


@router.post("/texts/{text_id}")
async def decide(request: Request, text_id: int) -> Response:
    """Edit, approve, reject or delete a text, or have it checked."""
    actor = Actor.person(need(request, "reviewer").name)
    try:
        fields = await form_of(request)
    except Stale as stale:
        return _kept(request, stale)
    desk = desk_of(request)
    outcome = await run_in_threadpool(deciding.decide, desk.collection, desk.rules, actor, text_id, fields)
    return answered(request, outcome, fields)


@router.post("/pictures/{picture_id}/texts")
async def write(request: Request, picture_id: int) -> Response:
    """Keep a text of a person's own."""
    actor = Actor.person(need(request, "reviewer").name)
    try:
        fields = await form_of(request)
    except Stale as stale:
        return _kept(request, stale)
    desk = desk_of(request)
    outcome = await run_in_threadpool(deciding.write, desk.collection, desk.rules, actor, picture_id, fields)
    return answered(request, outcome, fields)


@router.post("/changes/{change}/undo")
async def undo(request: Request, change: int) -> Response:
    """Take a change back."""
    actor = Actor.person(need(request, "reviewer").name)
    fields = await form_of(request)
    desk = desk_of(request)
    outcome = await run_in_threadpool(deciding.undo, desk.collection, desk.rules, actor, change)
    return answered(request, outcome, fields)


@router.post("/check")
async def check(request: Request) -> Response:
    """What is to be looked at in a text that is being typed, as JSON."""
    need(request, "viewer")
    fields = await form_of(request)
    desk = desk_of(request)
    found = await run_in_threadpool(
        partial(
            lint,
            words_of(fields) or "",
            rules=desk.rules,
            language=fields.get("lang", "en"),
            kind="description" if fields.get("kind") == "description" else "alt",
            title=fields.get("title"),
        )
    )
    return JSONResponse({"findings": [{"severity": one.severity, "message": one.message} for one in found]})


@router.get("/parts/{version}/{name}")
async def part(version: str, name: str) -> Response:
    """A file of the pages, as long as it is the one that they were made for."""
    return PARTS.answer(version, name)


def answered(request: Request, outcome: Outcome, fields: dict[str, str]) -> Response:
    """Tell how a decision went: to a script as JSON with the card; to a browser as the page it goes on to."""
    back = way_back(fields)
    if "application/json" in request.headers.get("accept", ""):
        alone = fields.get("alone") == "1"
        card = fragment(request, "one_card.html", {"card": outcome.card, "back": back, "alone": alone})
        told = {"code": outcome.code, "said": outcome.said, "change": outcome.change, "card": card}
        return JSONResponse(told, outcome.status)
    if outcome.status >= 400 or outcome.code == "checked":
        return shown(request, "trouble.html", {"card": outcome.card, "outcome": outcome, "back": back}, outcome.status)
    address, _, place = back.partition("#")
    if outcome.change is not None:
        joint = "&" if "?" in address else "?"
        address = f"{_without_done(address)}{joint}done={outcome.change}"
    following = fields.get("next", "")
    return RedirectResponse(f"{address}#{place or (following if following.isalnum() else '')}".rstrip("#"), 303)


def _kept(request: Request, stale: Stale) -> Response:
    """A page that gives back what was typed into a form that is too old to be taken."""
    if not stale.typed or "text/html" not in request.headers.get("accept", ""):
        raise stale
    return shown(request, "stale.html", {"typed": stale.typed}, stale.status_code)


def _without_done(address: str) -> str:
    path, _, query = address.partition("?")
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("done="))
    return f"{path}?{kept}" if kept else path


def _done(reader: Any, change: str | None) -> Any:
    """The change that a page tells of, from its address."""
    if change is None:
        return None
    if not change.isascii() or not change.isdigit() or len(change) > 18:
        raise InputError("the address names no change: open the queue again")
    row = reader.one("SELECT text_id FROM history WHERE id = ?", (int(change),))
    if row is None:
        return None
    return next((one for one in history.of_text(reader, row["text_id"]) if one.id == int(change)), None)
