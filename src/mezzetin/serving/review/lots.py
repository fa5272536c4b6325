"""Approval by sample: a band is chosen, some of its texts are drawn by lot and judged, and the page says what follows.

Enters: an admin who draws and approves, reviewers who judge. Leaves: verdicts, and a run that gives the band a status
of its own: nobody has read it, and nothing here says so.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from mezzetin.collection import pictures, queue, sampling, texts
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.opening import Reader
from mezzetin.collection.rows import Actor
from mezzetin.errors import InputError
from mezzetin.serving.core import desk_of
from mezzetin.serving.problems import Problem
from mezzetin.serving.review.asked import Asked, asked, form_of, number
from mezzetin.serving.review.look import shown
from mezzetin.serving.signin.who import need

router = APIRouter(prefix="/review/samples", include_in_schema=False)
_WIDTHS = (0.05, 0.1, 0.2)
_MOST = 5000


@router.get("")
def page(request: Request) -> Response:
    """The samples, and how many to draw from a band."""
    need(request, "viewer")
    desk = desk_of(request)
    wanted = _band(request.query_params)
    with desk.collection.reading() as reader:
        band = queue.count(reader, wanted.filter) if wanted.fields else 0
        values = {
            "asked": wanted,
            "band": band if wanted.fields else None,
            "sizes": [(width / 2, sampling.size_for(width, band, share=0.9)) for width in _WIDTHS] if band else [],
            "found": [(sample, sampling.estimate(reader, sample.id)) for sample in sampling.samples(reader)],
            "languages": queue.languages(reader),
            "captioners": queue.captioners(reader),
            "sources": queue.sources(reader),
        }
    return shown(request, "samples.html", values)


@router.post("")
async def draw(request: Request) -> Response:
    """Draw a sample."""
    actor = Actor.person(need(request, "admin").name)
    fields = await form_of(request)
    desk = desk_of(request)
    size = number(fields, "size")
    if size > _MOST:
        raise InputError(f"{size:,} texts are more than anybody judges: draw {_MOST:,} at most")
    sample = await run_in_threadpool(sampling.draw, desk.collection, actor, _band(fields).filter, size)
    return RedirectResponse(f"/review/samples/{sample.id}", 303)


@router.get("/{sample_id}")
def one(request: Request, sample_id: int) -> Response:
    """A sample: what it says so far, and the next text to judge."""
    need(request, "viewer")
    desk = desk_of(request)
    with desk.collection.reading() as reader:
        values = _shown(reader, sample_id, request.query_params.get("judged"))
    return shown(request, "sample.html", {**values, "trouble": None})


@router.post("/{sample_id}/verdicts")
async def judge(request: Request, sample_id: int) -> Response:
    """Say of a drawn text whether it is acceptable."""
    actor = Actor.person(need(request, "reviewer").name)
    fields = await form_of(request)
    desk = desk_of(request)
    text, version = number(fields, "text"), number(fields, "version")
    verdict = cast('Literal["acceptable", "not"]', fields.get("verdict", ""))
    try:
        await run_in_threadpool(sampling.judge, desk.collection, actor, sample_id, text, verdict, version=version)
    except Conflict as conflict:
        with desk.collection.reading() as reader:
            values = _shown(reader, sample_id, None)
        return shown(request, "sample.html", {**values, "trouble": str(conflict)}, 409)
    return RedirectResponse(f"/review/samples/{sample_id}?judged={text}#judging", 303)


@router.post("/{sample_id}/take-back")
async def take_back(request: Request, sample_id: int) -> Response:
    """Take one's own verdict back."""
    actor = Actor.person(need(request, "reviewer").name)
    fields = await form_of(request)
    desk = desk_of(request)
    await run_in_threadpool(sampling.take_back, desk.collection, actor, sample_id, number(fields, "text"))
    return RedirectResponse(f"/review/samples/{sample_id}#judging", 303)


@router.post("/{sample_id}/approve")
async def approve(request: Request, sample_id: int) -> Response:
    """Approve the band by its sample."""
    actor = Actor.person(need(request, "admin").name)
    fields = await form_of(request)
    desk = desk_of(request)
    least = number(fields, "least") / 100 if fields.get("least") else None
    await run_in_threadpool(desk.bulks.approve_band, actor, sample_id, least)
    return RedirectResponse(f"/review/samples/{sample_id}", 303)


@router.post("/{sample_id}/drop")
async def drop(request: Request, sample_id: int) -> Response:
    """Give a sample up."""
    actor = Actor.person(need(request, "admin").name)
    await form_of(request)
    await run_in_threadpool(sampling.drop, desk_of(request).collection, actor, sample_id)
    return RedirectResponse("/review/samples", 303)


def _band(values: Any) -> Asked:
    """A band is of texts that nobody has read, whatever the address says."""
    return asked({**values, "status": "machine"} if "from" in values or "to" in values else {})


def _shown(reader: Reader, sample_id: int, judged: str | None) -> dict[str, Any]:
    sample = sampling.get(reader, sample_id)
    if sample is None:
        raise Problem(404, "not_found", f"there is no sample {sample_id} in this collection")
    following = sampling.to_judge(reader, sample_id) if sample.state == "open" else None
    return {
        "sample": sample,
        "estimate": sampling.estimate(reader, sample_id),
        "following": following,
        "text": texts.get(reader, following.text_id) if following else None,
        "picture": pictures.get(reader, following.picture_id) if following else None,
        "judged": int(judged) if judged and judged.isascii() and judged.isdigit() and len(judged) < 18 else None,
        "said": [lot for lot in sampling.drawn(reader, sample_id) if lot.verdict is not None],
    }
