"""Health: whether the process lives, and whether the model answers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from mezzetin.serving.core import core_of
from mezzetin.serving.problems import Problem
from mezzetin.serving.wire import ModelOut, ProblemOut, model_out

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class Ready(BaseModel):
    """The model answers."""

    status: str = "ready"
    model: ModelOut


@router.get("/livez", summary="Ask whether the server lives")
async def livez() -> Alive:
    """Whether the process answers; it says nothing of the model."""
    return Alive()


@router.get(
    "/readyz",
    summary="Ask whether the model answers",
    responses={503: {"model": ProblemOut, "description": "The model does not answer."}},
)
async def readyz(request: Request) -> Ready:
    """Whether the model answers: it has captioned a picture in the last ten seconds, or captions a tiny one now."""
    engine = core_of(request).engine
    if not await engine.ready():
        raise Problem(503, "not_ready", "the model does not answer: see the server's log", {"Retry-After": "1"})
    return Ready(model=model_out(engine.info))
