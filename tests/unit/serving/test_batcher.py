"""The micro-batcher: what waits becomes one pass, and nobody pays for a neighbour."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from threading import Event
from typing import Any

import numpy as np
import pytest

from mezzetin.records import Caption, ItemError, ModelInfo
from mezzetin.serving.batcher import FAILED, Batcher, Pixels

INFO = ModelInfo("stub", "1", "0", "none")
NEVER = float("inf")


def picture(number: int) -> Pixels:
    return np.full((2, 2, 3), number, np.uint8)


class Model:
    """Says the number that a picture shows; breaks on 13; waits at the gate."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.entered, self.gate = Event(), Event()
        self.gate.set()

    def run(self, pixels: Sequence[Pixels]) -> list[Caption]:
        numbers = [int(one[0, 0, 0]) for one in pixels]
        self.passes.append(numbers)
        self.entered.set()
        assert self.gate.wait(20)
        if 13 in numbers:
            raise ArithmeticError("unlucky")
        return [Caption(str(number), "en", INFO) for number in numbers]


def batched(work: Callable[[Model, Batcher], Coroutine[Any, Any, None]], *, most: int = 8, **options: Any) -> Model:
    """Run a test's coroutine with a batcher that works, and return the model."""
    model = Model()

    async def run() -> None:
        batcher = Batcher(model.run, most=most, **options)
        batcher.start()
        try:
            await asyncio.wait_for(work(model, batcher), 20)
        finally:
            model.gate.set()
            await batcher.stop()

    asyncio.run(run())
    return model


async def first_is_under_way(model: Model, batcher: Batcher) -> asyncio.Future[Caption | ItemError]:
    model.gate.clear()
    first = asyncio.ensure_future(batcher.caption(picture(0), NEVER))
    while not model.entered.is_set():
        await asyncio.sleep(0.001)
    return first


@pytest.mark.parametrize(("most", "passes"), [(8, [[0], [1, 2, 3, 4, 5]]), (2, [[0], [1, 2], [3, 4], [5]])])
def test_what_waits_while_the_model_is_busy_is_one_pass(most: int, passes: list[list[int]]) -> None:
    async def work(model: Model, batcher: Batcher) -> None:
        first = await first_is_under_way(model, batcher)
        others = [asyncio.ensure_future(batcher.caption(picture(number), NEVER)) for number in range(1, 6)]
        await asyncio.sleep(0)
        assert batcher.waiting == 5
        model.gate.set()
        captions = await asyncio.gather(first, *others)
        assert [getattr(caption, "text", None) for caption in captions] == ["0", "1", "2", "3", "4", "5"]

    assert batched(work, most=most).passes == passes


def test_a_pass_that_fails_is_repeated_picture_by_picture() -> None:
    async def work(model: Model, batcher: Batcher) -> None:
        first = await first_is_under_way(model, batcher)
        others = [asyncio.ensure_future(batcher.caption(picture(number), NEVER)) for number in (12, 13, 14)]
        await asyncio.sleep(0)
        model.gate.set()
        _, twelve, thirteen, fourteen = await asyncio.gather(first, *others)
        assert isinstance(twelve, Caption) and isinstance(fourteen, Caption)
        assert (twelve.text, thirteen, fourteen.text) == ("12", FAILED, "14")

    assert batched(work).passes == [[0], [12, 13, 14], [12], [13], [14]]


def test_who_is_out_of_time_or_gone_is_left_out_of_the_pass() -> None:
    async def work(model: Model, batcher: Batcher) -> None:
        first = await first_is_under_way(model, batcher)
        late = asyncio.ensure_future(batcher.caption(picture(1), time.monotonic() + 0.01))
        gone = asyncio.ensure_future(batcher.caption(picture(2), NEVER))
        good = asyncio.ensure_future(batcher.caption(picture(3), NEVER))
        await asyncio.sleep(0.02)
        gone.cancel()
        await asyncio.sleep(0)
        model.gate.set()
        await asyncio.gather(first, good)
        assert not late.done()
        late.cancel()

    assert batched(work).passes == [[0], [3]]


def test_an_idle_model_waits_a_moment_for_pictures_that_come() -> None:
    on_their_way = [1]

    async def work(model: Model, batcher: Batcher) -> None:
        first = asyncio.ensure_future(batcher.caption(picture(1), NEVER))
        await asyncio.sleep(0.05)
        assert model.passes == []
        second = asyncio.ensure_future(batcher.caption(picture(2), NEVER))
        await asyncio.sleep(0)
        on_their_way.clear()
        await asyncio.gather(first, second)

    assert batched(work, coming=lambda: len(on_their_way), linger=20.0).passes == [[1, 2]]


def test_an_idle_model_does_not_wait_for_nothing() -> None:
    async def work(model: Model, batcher: Batcher) -> None:
        await batcher.caption(picture(1), NEVER)

    assert batched(work, linger=60.0).passes == [[1]]
