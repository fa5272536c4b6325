"""Many texts at once: what a bulk action would do, doing it, and what runs did; and the history of all.

Enters: a browser of an admin, and of anybody for the history. Leaves: pages, and runs that can be undone.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from mezzetin.collection import bulk, history, queue, runs
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.rows import Actor
from mezzetin.serving.core import desk_of
from mezzetin.serving.problems import Problem
from mezzetin.serving.review.asked import asked, form_of, number
from mezzetin.serving.review.look import shown
from mezzetin.serving.signin.who import need

router = APIRouter(prefix="/review", include_in_schema=False)
_VERBS = ("approve", "reject", "delete")
_EXAMPLES = 9
_CHANGES = 50


@router.get("/bulk")
def preview(request: Request) -> Response:
    """What would be done, and to which texts: a count and examples."""
    need(request, "admin")
    desk = desk_of(request)
    wanted = asked(request.query_params)
    verb = request.query_params.get("verb")
    with desk.collection.reading() as reader:
        values = {
            "asked": wanted,
            "verb": verb,
            "verbs": _VERBS,
            "preview": bulk.preview(reader, wanted.filter, verb, _EXAMPLES) if verb else None,
            "languages": queue.languages(reader),
            "captioners": queue.captioners(reader),
            "sources": queue.sources(reader),
            "runs": [run for run in runs.latest(reader, limit=100) if run.kind in ("bulk", "band", "undo")][:10],
        }
    return shown(request, "bulk.html", values)


@router.post("/bulk")
async def begin(request: Request) -> Response:
    """Do what was looked at, and nothing that changed since."""
    actor = Actor.person(need(request, "admin").name)
    fields = await form_of(request)
    desk = desk_of(request)
    verb = fields.get("verb", "")
    if verb not in _VERBS:
        raise Problem(422, "bad_request", "choose what to do: approve, reject or delete")
    wanted, upto = asked(fields), number(fields, "upto")
    run = await run_in_threadpool(desk.bulks.begin, actor, wanted.filter, verb, upto=upto)
    return RedirectResponse(f"/review/runs/{run.id}", 303)


@router.get("/runs/{run_id}")
def run_page(request: Request, run_id: int) -> Response:
    """How far a run is, what it changed, and its undo."""
    need(request, "viewer")
    desk = desk_of(request)
    with desk.collection.reading() as reader:
        found = runs.get(reader, run_id)
        if found is None:
            raise Problem(404, "not_found", f"there is no run {run_id} in this collection")
        changes = []
        for change in history.of_run(reader, run_id):
            changes.append(change)
            if len(changes) == _CHANGES:
                break
    values = {"run": found, "changes": changes, "most": _CHANGES, "overtaken": None, "back": request.url.path}
    return shown(request, "run.html", values)


@router.post("/runs/{run_id}/undo")
async def undo_run(request: Request, run_id: int) -> Response:
    """Put back what a run changed: all of it, or, asked for, what nobody changed since."""
    actor = Actor.person(need(request, "admin").name)
    fields = await form_of(request)
    desk = desk_of(request)
    skip = fields.get("skip") == "1"
    try:
        undone = await run_in_threadpool(history.undo_run, desk.collection, actor, run_id, skip_changed=skip)
    except Conflict as conflict:
        found = await run_in_threadpool(runs.get, desk.collection, run_id)
        values: dict[str, object] = {
            "run": found,
            "changes": [],
            "most": _CHANGES,
            "overtaken": str(conflict).partition(":")[0],
        }
        return shown(request, "run.html", {**values, "back": f"/review/runs/{run_id}"}, 409)
    return RedirectResponse(f"/review/runs/{undone.run}", 303)


@router.get("/history")
def latest(request: Request) -> Response:
    """Who changed what, the latest first."""
    need(request, "viewer")
    desk = desk_of(request)
    before = request.query_params.get("before")
    begin_at = number({"before": before}, "before") if before else None
    with desk.collection.reading() as reader:
        changes = history.latest(reader, _CHANGES, begin_at)
    older = f"/review/history?before={changes[-1].id}" if len(changes) == _CHANGES else None
    values = {"changes": changes, "older": older, "linked": True, "back": str(request.url.path)}
    return shown(request, "history.html", values)
