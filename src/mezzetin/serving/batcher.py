"""The micro-batcher: pictures that wait become one forward pass, in one model thread.

Enters: pixels, from the event loop. Leaves: a `Caption` each. While the model is busy pictures gather, and the next
pass takes all of them, up to a batch; an idle model waits two milliseconds at most, and only for pictures that are
known to come. Pictures whose asker has gone, or whose time is up, are left out before the pass. A pass that fails is
repeated picture by picture, so that none fails for its neighbour.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mezzetin.records import Caption, ItemError

Pixels = NDArray[np.uint8]
Run = Callable[[Sequence[Pixels]], list[Caption]]
FAILED = ItemError("model_failed", "the model failed on this picture: try another copy of it")
LINGER = 0.002
_log = logging.getLogger("mezzetin.serving")


@dataclass(slots=True)
class _Order:
    pixels: Pixels
    deadline: float
    future: asyncio.Future[Caption | ItemError]

    @property
    def wanted(self) -> bool:
        return not self.future.done() and time.monotonic() < self.deadline


class Batcher:
    """Runs `run` on up to `most` pictures at a time.

    `coming` says how many more pictures are on their way, for which an idle model waits `linger` seconds; `ran` is
    told of every pass: its size and its seconds.
    """

    def __init__(
        self,
        run: Run,
        *,
        most: int,
        coming: Callable[[], int] = lambda: 0,
        linger: float = LINGER,
        ran: Callable[[int, float], None] | None = None,
    ) -> None:
        self._run, self._most, self._coming, self._ran = run, most, coming, ran
        self._linger_s = linger
        self._waiting: deque[_Order] = deque()
        self._filled = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mezzetin-model")
        self._pump: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many pictures wait for the next pass."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._pump = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Finish the pass under way and end; pictures that still wait are left waiting, so stop asking first."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        self._thread.shutdown()

    async def caption(self, pixels: Pixels, deadline: float) -> Caption | ItemError:
        """Caption one picture; past the `deadline` (`time.monotonic()`) no pass begins for it and nobody answers."""
        future: asyncio.Future[Caption | ItemError] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Order(pixels, deadline, future))
        self._filled.set()
        return await future

    async def _work(self) -> None:
        while True:
            if not self._waiting:
                self._filled.clear()
                await self._filled.wait()
                await self._linger()
            orders = self._next()
            if orders:
                await self._pass(orders)

    async def _linger(self) -> None:
        """Wait a moment for the neighbours of the first picture, if there are any."""
        until = time.monotonic() + self._linger_s
        while self._coming() and len(self._waiting) < self._most and time.monotonic() < until:
            await asyncio.sleep(LINGER / 4)

    def _next(self) -> list[_Order]:
        orders: list[_Order] = []
        while self._waiting and len(orders) < self._most:
            order = self._waiting.popleft()
            if order.wanted:
                orders.append(order)
        return orders

    async def _pass(self, orders: list[_Order]) -> None:
        started = time.monotonic()
        captions = await self._attempt([order.pixels for order in orders])
        if self._ran is not None:
            self._ran(len(orders), time.monotonic() - started)
        if captions is None and len(orders) > 1:
            for order in orders:
                await self._pass([order])
            return
        results: Sequence[Caption | ItemError] = captions or [FAILED]
        for order, caption in zip(orders, results, strict=True):
            if not order.future.done():
                order.future.set_result(caption)

    async def _attempt(self, pixels: list[Pixels]) -> list[Caption] | None:
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._run, pixels)
        await asyncio.wait([work])
        failure = work.exception()
        if failure is None:
            return work.result()
        # ONNX Runtime raises exceptions of its own that share no base; whatever it was, the neighbours go on.
        _log.error("a forward pass of %d failed: %s", len(pixels), type(failure).__name__)
        return None
