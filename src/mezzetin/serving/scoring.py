"""What the doors that take door 1's body share: what was asked for in, the answer of all its pictures out."""

from __future__ import annotations

from collections.abc import Sequence

from mezzetin.records import ItemError
from mezzetin.serving.answers import DEADLINE, Source
from mezzetin.serving.engine import Engine
from mezzetin.serving.problems import Problem
from mezzetin.serving.score_request import Wanted
from mezzetin.serving.wire import ScoreAnswer, item_out, model_out


async def score_pictures(
    engine: Engine, wanted: Wanted, names: Sequence[str], sources: Sequence[Source]
) -> ScoreAnswer:
    """Caption `sources`, whose names are in the same order, in the ways that the request wants.

    Raises:
        Overloaded: the queue is full; nothing was done.
        InputError: the model can't do what the request wants.
        Problem: 504, the time was up before any picture was done.

    """
    external = columns_of(engine, wanted)
    answers = await engine.caption(
        sources,
        deadline=wanted.deadline,
        neutral=wanted.neutral,
        external=external,
        names=names,
        attention=wanted.attention,
    )
    if all(_late(answer.error) for answer in answers):
        raise Problem(504, DEADLINE, "the time was up before any picture was done: send fewer, or try again later")
    items = [item_out(number, *pair) for number, pair in enumerate(zip(names, answers, strict=True))]
    failed = sum(answer.error is not None for answer in answers)
    return ScoreAnswer(results=items, failed=failed, model=model_out(engine.info))


def columns_of(engine: Engine, wanted: Wanted) -> Sequence[str]:
    """The external captioners to ask: those that the request names, or each that is switched on."""
    return engine.external if wanted.external is None else wanted.external


def _late(error: ItemError | None) -> bool:
    return error is not None and error.code == DEADLINE
