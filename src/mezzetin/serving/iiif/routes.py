"""The IIIF doors: collections, manifests, annotation pages, pictures and Content Search.

Enters: a viewer or a harvester. Leaves: JSON-LD with what the gallery would show to the same asker; what everybody may
see any site may read (CORS).
"""

from __future__ import annotations

from itertools import takewhile

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mezzetin.collection.opening import Reader
from mezzetin.collection.rows import Picture
from mezzetin.pixels import read_header
from mezzetin.publication import iiif
from mezzetin.publication.iiif import PaintedImage
from mezzetin.publication.iiif.documents import PART, Json
from mezzetin.publication.rows import Published
from mezzetin.serving.iiif.searching import asked_of, search_all, search_one
from mezzetin.serving.iiif.showing import PREFIX, Showing
from mezzetin.serving.problems import Problem
from mezzetin.serving.thumbnails.answering import answer
from mezzetin.serving.thumbnails.keeping import SIZES, Copy, tag_of

router = APIRouter(prefix=PREFIX, include_in_schema=False)
_SIZE = "large"


@router.get("/collection.json")
def collection(request: Request) -> Response:
    """The collection over everything: a collection for every thousand numbers, or all manifests where they are few."""
    showing = Showing.of(request)
    with showing.desk.collection.reading() as reader:
        numbers = _parts(showing, reader)
        if len(numbers) == 1:
            items = _references(showing, reader, numbers[0])
        else:
            items = [iiif.part_reference(number, showing.title, showing.addresses) for number in numbers]
    return showing.answer(request, iiif.collection(showing.title, items, showing.addresses))


@router.get("/collection-{number}.json")
def part(request: Request, number: int) -> Response:
    """The manifests of a thousand numbers."""
    showing = Showing.of(request)
    if not 1 <= number <= 1 << 40:
        raise Problem(404, "not_found", "there is no such part of this collection")
    with showing.desk.collection.reading() as reader:
        items = _references(showing, reader, number)
    if not items:
        raise Problem(404, "not_found", "there is no such part of this collection")
    return showing.answer(request, iiif.part(number, showing.title, items, showing.addresses))


@router.get("/search")
async def search(request: Request) -> Response:
    """Content Search 2 over everything."""
    showing = Showing.of(request)
    asked = asked_of(request.query_params)
    finder = await showing.desk.finder()
    return showing.answer(request, await run_in_threadpool(search_all, showing, finder, asked))


@router.get("/{picture_id}/search")
def search_in(request: Request, picture_id: int) -> Response:
    """Content Search 2 over what is said of one picture."""
    showing = Showing.of(request)
    return showing.answer(request, search_one(showing, _number(picture_id), asked_of(request.query_params)))


@router.get("/{picture_id}/manifest.json")
async def manifest(request: Request, picture_id: int) -> Response:
    """The manifest of a picture."""
    showing = Showing.of(request)
    one = await run_in_threadpool(_one, showing, _number(picture_id))
    width, height = await _shape(showing, one.picture)
    tag = tag_of(one.picture, SIZES[_SIZE])[:12]
    image = PaintedImage(f"{showing.addresses.root}/{one.picture.id}/{_SIZE}.jpg?v={tag}", width, height)
    return showing.answer(request, iiif.manifest(one, image, showing.addresses))


@router.get("/{picture_id}/annotations.json")
def page(request: Request, picture_id: int) -> Response:
    """The texts of a picture."""
    showing = Showing.of(request)
    return showing.answer(request, iiif.annotation_page(_one(showing, _number(picture_id)), showing.addresses))


@router.get("/{picture_id}/" + _SIZE + ".jpg")
async def copy(request: Request, picture_id: int) -> Response:
    """The picture as viewers show it."""
    showing = Showing.of(request)
    one = await run_in_threadpool(_one, showing, _number(picture_id))
    made = await answer(request, showing.desk.thumbnails, one.picture, _SIZE, everybodys=showing.everybodys)
    return showing.opened(made)


def _number(picture_id: int) -> int:
    if not 0 < picture_id < 1 << 62:
        raise Problem(404, "not_found", "there is no such picture in this collection")
    return picture_id


def _one(showing: Showing, picture_id: int) -> Published:
    with showing.desk.collection.reading() as reader:
        return showing.one(reader, picture_id)


def _parts(showing: Showing, reader: Reader) -> list[int]:
    """The parts that hold a picture: one look a part, however many pictures there are."""
    found: list[int] = []
    after = 0
    while True:
        one = next(showing.after(reader, after), None)
        if one is None:
            return found
        found.append((one.picture.id - 1) // PART + 1)
        after = found[-1] * PART


def _references(showing: Showing, reader: Reader, number: int) -> list[Json]:
    inside = takewhile(lambda one: one.picture.id <= number * PART, showing.after(reader, (number - 1) * PART))
    return [iiif.reference(one.picture, showing.addresses) for one in inside]


async def _shape(showing: Showing, picture: Picture) -> tuple[int, int]:
    """Width and height of the copy that viewers show, in pixels.

    Raises:
        Problem: 404, nobody knows how large the picture is, and it can't be read.

    """
    if picture.width and picture.height:
        scale = min(1.0, SIZES[_SIZE] / max(picture.width, picture.height))
        return max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    made = await showing.desk.thumbnails.get(picture, _SIZE)
    if not isinstance(made, Copy):
        raise Problem(404, "not_found", f"the picture can't be shown: {made.message}")
    header = read_header(made.jpeg)
    return header.width, header.height
