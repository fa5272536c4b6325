"""The gallery's pages: the collection and what a search found in it, a picture, what is like it, and small copies.

Enters: a browser, of somebody who has signed in or of anybody where the gallery is public. Leaves: pages that are
links, forms and text; a script adds dropping, pasting and reading aloud.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from mezzetin.collection import pictures
from mezzetin.collection.rows import Picture
from mezzetin.serving.core import core_of, desk_of
from mezzetin.serving.desk import Desk
from mezzetin.serving.gallery import browsing
from mezzetin.serving.gallery.asked import Wanted, is_untidy, wanted_of
from mezzetin.serving.gallery.bringing import brought, taken
from mezzetin.serving.gallery.entering import sight_of
from mezzetin.serving.gallery.finding import Findings, Ways, found_by_picture, found_by_words, found_like
from mezzetin.serving.gallery.look import PARTS, shown
from mezzetin.serving.gallery.sight import Sight
from mezzetin.serving.gallery.tiles import Tile, best, texts_of, tiles
from mezzetin.serving.problems import Problem
from mezzetin.serving.signin.who import who_of
from mezzetin.serving.thumbnails.answering import answer

router = APIRouter(prefix="/gallery", include_in_schema=False)
PAGE = 36
_BESIDE = 6


@router.get("")
async def page(request: Request) -> Response:
    """The collection, or what was looked for in it."""
    if is_untidy(request.query_params):
        tidy = {name: value for name, value in request.query_params.items() if value.strip()}
        return RedirectResponse(wanted_of(tidy).address(), 303)
    wanted = wanted_of(request.query_params)
    sight, desk = sight_of(request, wanted), desk_of(request)
    ways = await Ways.of(desk, wait=bool(wanted.q))
    if wanted.q and ways.finder is not None:
        finding = await run_in_threadpool(found_by_words, desk, ways.finder, sight, wanted, PAGE)
        values = await run_in_threadpool(_found, desk, sight, wanted, finding)
    else:
        values = await run_in_threadpool(_turned, desk, sight, wanted)
    facets = await run_in_threadpool(desk.tally.facets, sight)
    return shown(request, sight, "gallery.html", {**values, "facets": facets, **ways.values})


@router.get("/pictures/{picture_id}")
async def picture(request: Request, picture_id: int) -> Response:
    """One picture: what it shows, in everybody's words, and its record."""
    wanted = wanted_of(request.query_params)
    sight, desk = sight_of(request, wanted), desk_of(request)
    ways = await Ways.of(desk, wait=False)
    values = await run_in_threadpool(_one, desk, ways, sight, wanted, picture_id)
    everybodys = core_of(request).settings.gallery == "public" and not sight.inside
    return shown(request, sight, "picture.html", {**values, "shareable": everybodys, **ways.values})


@router.get("/like/{picture_id}")
async def like(request: Request, picture_id: int) -> Response:
    """What is like a picture of the collection."""
    wanted = wanted_of(request.query_params)
    sight, desk = sight_of(request, wanted), desk_of(request)
    ways = await Ways.of(desk, wait=True)
    if not ways.alike or ways.finder is None:
        raise Problem(404, "not_found", "this gallery can't compare pictures: see /gallery for all of them")
    origin = await run_in_threadpool(_seen, desk, sight, picture_id)
    finding = await run_in_threadpool(found_like, desk, ways.finder, sight, wanted, picture_id, PAGE)
    values = await run_in_threadpool(_found, desk, sight, wanted, finding, f"/gallery/like/{picture_id}")
    (tile,) = await run_in_threadpool(tiles, desk.collection, sight, [origin], wanted=wanted)
    return shown(request, sight, "alike.html", {**values, "origin": tile, **ways.values})


@router.get("/by-picture")
async def nothing_brought(request: Request) -> Response:
    """Whoever comes here by an address brings no picture."""
    sight_of(request, wanted_of({}))
    return RedirectResponse("/gallery", 303)


@router.post("/by-picture")
async def by_picture(request: Request) -> Response:
    """What is like a picture that somebody brings; one of the collection has a page that can be shared."""
    content, fields = await brought(request)
    wanted = wanted_of(fields)
    sight, desk = sight_of(request, wanted), desk_of(request)
    ways = await Ways.of(desk, wait=True)
    if not ways.alike or ways.finder is None:
        raise Problem(404, "not_found", "this gallery can't compare pictures: see /gallery for all of them")
    known = await run_in_threadpool(_known, desk, sight, content)
    if known is not None:
        return RedirectResponse(wanted.address(f"/gallery/like/{known}"), 303)
    small, address = await taken(desk, content)
    finding = await run_in_threadpool(found_by_picture, desk, ways.finder, sight, wanted, small, PAGE)
    values = await run_in_threadpool(_found, desk, sight, wanted, finding, None)
    return shown(request, sight, "alike.html", {**values, "origin": None, "brought": address, **ways.values})


@router.get("/pictures/{picture_id}/{size}.jpg")
async def copy(request: Request, picture_id: int, size: str) -> Response:
    """The small copy of a picture that may be seen."""
    wanted = wanted_of(request.query_params)
    sight, desk = sight_of(request, wanted), desk_of(request)
    found = await run_in_threadpool(_seen, desk, sight, picture_id)
    outside = core_of(request).settings.gallery == "public" and who_of(request) is None
    return await answer(request, desk.thumbnails, found, size, everybodys=outside)


@router.get("/parts/{version}/{name}")
async def part(version: str, name: str) -> Response:
    """A file of the pages, as long as it is the one that they were made for."""
    return PARTS.answer(version, name)


def _turned(desk: Desk, sight: Sight, wanted: Wanted) -> dict[str, Any]:
    """A page of the collection in its order."""
    limits = desk.tally.limits(wanted)
    with desk.collection.reading() as reader:
        found = browsing.page(reader, sight, wanted, limits, PAGE)
        shown_here = tiles(reader, sight, found.pictures, wanted=wanted)
    number = desk.tally.count(sight, wanted)
    ids = [one.id for one in found.pictures]
    return {
        "asked": wanted,
        "tiles": shown_here,
        "told": f"{number:,} {'picture' if number == 1 else 'pictures'}",
        "notes": (),
        "previous": wanted.address(before=ids[0]) if found.previous and ids else None,
        "next": wanted.address(after=ids[-1]) if found.next and ids else None,
    }


def _found(
    desk: Desk, sight: Sight, wanted: Wanted, finding: Findings, path: str | None = "/gallery"
) -> dict[str, Any]:
    """A page of what a search found."""
    with desk.collection.reading() as reader:
        shown_here = tiles(reader, sight, finding.pictures, wanted=wanted, why=finding.why)
    here = wanted.page
    return {
        "asked": wanted,
        "tiles": shown_here,
        "told": _told(len(shown_here), here, more=finding.more),
        "notes": finding.notes if sight.inside else (),
        "previous": wanted.address(path, page=here - 1 if here > 2 else None) if path and here > 1 else None,
        "next": wanted.address(path, page=here + 1) if path and finding.more else None,
    }


def _told(number: int, here: int, *, more: bool) -> str:
    """How many were found: a search says what it shows and whether there is more."""
    if here == 1 and not more:
        return f"{number} {'picture' if number == 1 else 'pictures'}"
    first = (here - 1) * PAGE + 1
    return f"Pictures {first} to {first + number - 1}{', and more' if more else ''}" if number else "No more pictures"


def _one(desk: Desk, ways: Ways, sight: Sight, wanted: Wanted, picture_id: int) -> dict[str, Any]:
    found = _seen(desk, sight, picture_id)
    alike: list[Tile] = []
    if ways.alike and ways.finder is not None:
        finding = found_like(desk, ways.finder, sight, wanted, picture_id, _BESIDE)
        alike = tiles(desk.collection, sight, finding.pictures, wanted=wanted)
    said = texts_of(desk.collection, sight, [picture_id])[picture_id]
    return {
        "asked": wanted,
        "tile": Tile(found, best(said, wanted)),
        "texts": said,
        "tiles": alike,
        "back": wanted.address(),
    }


def _seen(desk: Desk, sight: Sight, picture_id: int) -> Picture:
    """A picture that may be seen; whether there is another one is not told.

    Raises:
        Problem: 404.

    """
    with desk.collection.reading() as reader:
        found = pictures.get(reader, picture_id)
        if found is None or not sight.sees(reader, found):
            raise Problem(404, "not_found", f"there is no picture {picture_id} in this gallery")
    return found


def _known(desk: Desk, sight: Sight, content: bytes) -> int | None:
    """The picture of the collection that has these bytes, if it may be seen."""
    with desk.collection.reading() as reader:
        same = browsing.same(reader, content)
        return next((one.id for one in same if sight.sees(reader, one)), None)
