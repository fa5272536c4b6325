"""Door 1: `POST /score`, pictures in, captions out; and the jobs that long requests become."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response, StreamingResponse

from mezzetin.serving.answers import Source
from mezzetin.serving.core import Core, core_of, principal_of
from mezzetin.serving.job_store import Job
from mezzetin.serving.problems import Problem
from mezzetin.serving.score_request import FORM, JSON, PICTURE, Wanted, read_score
from mezzetin.serving.scoring import columns_of, score_pictures
from mezzetin.serving.sources import name_of
from mezzetin.serving.wire import JobOut, ProblemOut, ScoreAnswer, error_out
from mezzetin.storage.paths import Place

router = APIRouter(tags=["captions"])
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["5f0d3c9e8b7a4d6c9e8b7a4d6c5f0d3c"])]
LINES = "application/jsonl"
_CHUNK = 1 << 20
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {"schema": {"$ref": "#/components/schemas/ScoreRequest"}},
        FORM: {
            "schema": {
                "type": "object",
                "required": ["images"],
                "properties": {
                    "images": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
                    "gender_neutral": {"type": "boolean"},
                    "external": {"type": "array", "items": {"type": "string"}},
                    "attention": {"type": "boolean"},
                },
            }
        },
        **dict.fromkeys(PICTURE, _BINARY),
    },
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemOut, "description": words}
    for status, words in (
        (400, "The request can't be carried out as it is."),
        (408, "The body took too long to arrive."),
        (413, "The body is too large, or holds too many pictures."),
        (415, "The body is of a kind that is not read."),
        (422, "The body is not of its form."),
        (502, "The store does not answer."),
        (503, "The server is busy; Retry-After says for how long."),
        (504, "The time was up before any picture was done."),
    )
}
_NO_JOB: dict[int | str, dict[str, Any]] = {
    404: {"model": ProblemOut, "description": "There is no such job."},
    422: {"model": ProblemOut, "description": "This is no job's id."},
}


@router.post(
    "/score",
    summary="Caption pictures",
    response_model=ScoreAnswer,
    responses={202: {"model": JobOut, "description": "The request became a job."}, **_ERRORS},
    openapi_extra={"requestBody": _BODY},
)
async def score(request: Request) -> Response:
    """Caption pictures: URLs, a folder by its SAS URI, base64, uploaded files, or one picture as the body.

    Each picture has its result in its place, also where it has an error. What is longer than the server answers at
    once becomes a job (202): ask for it at its Location.
    """
    core = core_of(request)
    wanted = await read_score(request, core.settings)
    if wanted.sas_uri is not None:
        return await _folder(request, core, wanted)
    by_address = [source for source in wanted.sources if isinstance(source, str)]
    if by_address and (wanted.as_job or len(by_address) > core.settings.most_pictures):
        return _begun(core.jobs.submit(urls=by_address, owner=principal_of(request), **_ways(core, wanted)))
    if wanted.as_job:
        raise Problem(422, "bad_request", "as_job is for urls and sas_uri: leave it out")
    if len(wanted.sources) > core.settings.most_pictures:
        raise Problem(413, "too_many_pictures", f"send {core.settings.most_pictures} pictures at most, or their folder")
    return await _answered(core, wanted, wanted.names, wanted.sources)


@router.get("/jobs/{job_id}", summary="Ask for a job", responses=_NO_JOB)
async def job(request: Request, job_id: JobId) -> JobOut:
    """How far a job is."""
    return _job_out(_found(request, job_id))


@router.get(
    "/jobs/{job_id}/results",
    summary="Fetch a job's results",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {LINES: {"schema": {"$ref": "#/components/schemas/ItemOut"}}},
            "description": "A JSON object a line, in order.",
        },
        **_NO_JOB,
    },
)
async def results(request: Request, job_id: JobId) -> StreamingResponse:
    """The results of a job as far as it is, one JSON object a line, in order; each is as in the answer of `/score`."""
    core, found = core_of(request), _found(request, job_id)
    return StreamingResponse(_lines(core, found), media_type=LINES)


@router.delete(
    "/jobs/{job_id}", summary="End or forget a job", status_code=204, response_class=Response, responses=_NO_JOB
)
async def remove(request: Request, job_id: JobId) -> None:
    """End a job if it still runs, and forget its results."""
    await core_of(request).jobs.remove(_found(request, job_id).id)


async def _folder(request: Request, core: Core, wanted: Wanted) -> Response:
    places: Sequence[Place] = ()
    if not wanted.as_job:
        places = await core.engine.folder(wanted.sas_uri or "", core.settings.most_pictures + 1)
    if wanted.as_job or len(places) > core.settings.most_pictures:
        # Refuses here and now what is no SAS URI at all.
        Place.of_stranger(wanted.sas_uri or "")
        owner = principal_of(request)
        return _begun(core.jobs.submit(sas_uri=wanted.sas_uri, owner=owner, **_ways(core, wanted)))
    return await _answered(core, wanted, [name_of(place) for place in places], places)


async def _answered(core: Core, wanted: Wanted, names: Sequence[str], sources: Sequence[Source]) -> Response:
    body = await score_pictures(core.engine, wanted, names, sources)
    return Response(body.model_dump_json(), media_type=JSON)


def _ways(core: Core, wanted: Wanted) -> dict[str, Any]:
    return {"neutral": wanted.neutral, "external": columns_of(core.engine, wanted)}


def _begun(begun: Job) -> Response:
    out = _job_out(begun)
    headers = {"Location": out.url, "Retry-After": "1"}
    return Response(out.model_dump_json(), 202, headers, JSON)


def _found(request: Request, job_id: str) -> Job:
    found = core_of(request).jobs.get(job_id, principal_of(request))
    if found is None:
        raise Problem(404, "no_such_job", "there is no such job: it may have been removed")
    return found


def _job_out(found: Job) -> JobOut:
    url = f"/jobs/{found.id}"
    return JobOut(
        id=found.id,
        state=found.state,
        created=found.created,
        done=found.done,
        failed=found.failed,
        total=found.total,
        error=error_out(found.error),
        url=url,
        results=f"{url}/results",
    )


async def _lines(core: Core, found: Job) -> AsyncIterator[bytes]:
    """What the file holds now, piece by piece: only whole lines have been written to it."""
    path = core.jobs.results(found.id)
    if not path.is_file():
        return
    with path.open("rb") as stream:
        left = path.stat().st_size
        while left and (piece := stream.read(min(left, _CHUNK))):
            left -= len(piece)
            yield piece
