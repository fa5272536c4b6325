"""Decoders: processes that turn encoded pictures into pixels and may die of it.

Enters: encoded bytes, from the event loop. Leaves: `Decoded`, or an `ItemError` for what can't be decoded. A thread a
process hands it pictures, one ahead of the one it is busy with, and waits for the answers. A picture that takes
longer than the limit ends its process, by kill -9, and is an error. A process that dies of itself or by somebody's
hand is started again and so is its picture, once: the second time it counts as the picture's fault. Pictures that
waited behind it go to whoever is free first.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread

import numpy as np
from numpy.typing import NDArray

from mezzetin.errors import EnvironmentProblem
from mezzetin.pixels import Preprocessing
from mezzetin.records import ItemError
from mezzetin.serving.decode_worker import Died, Facts, Late, Worker

_BLAME, _MOST_BLAME = 5, 10
_AHEAD = 2
_WAIT_BEFORE_RESTART = 1.0
_WAIT_AFTER_NOTHING = 0.2
_TOO_SLOW = ItemError("image_timeout", "decoding it takes too long: send a smaller copy, or another format")
_DEADLY = ItemError("image_crashed", "decoding it ended the decoder, twice: export it again, or send a smaller copy")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as the encoder wants it (uint8 `[H, W, 3]`), and what its file says: size as shown, sha256 (hex)."""

    pixels: NDArray[np.uint8]
    format: str
    width: int
    height: int
    sha256: str


@dataclass(slots=True)
class _Order:
    picture: bytes
    future: asyncio.Future[Decoded | ItemError]
    blame: int = 0


class Decoders:
    """`count` processes; `decode` from the event loop that `start` was called on.

    A picture of more than `max_pixels` is refused, one that takes more than `limit` seconds or makes its process need
    more than `memory` bytes is an error. `ended` is told, on the event loop, why a process ended: "time" or "died".
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        *,
        count: int,
        limit: float,
        memory: int,
        max_pixels: int,
        ended: Callable[[str], None] | None = None,
    ) -> None:
        self._shape = (preprocessing.height, preprocessing.width, 3)
        self._options = {"preprocessing": preprocessing.to_json(), "max_pixels": max_pixels, "memory": memory}
        self._count, self._limit, self._ended = count, limit, ended
        self._waiting: deque[_Order] = deque()
        self._changed = Condition()
        self._idle = self._busy = 0
        self._closed = False
        self._workers: dict[int, Worker] = {}
        self._threads: list[Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [worker.pid for worker in list(self._workers.values())]

    @property
    def load(self) -> int:
        """How many pictures wait or are being decoded."""
        return len(self._waiting) + self._busy

    def start(self) -> None:
        """Start the processes; pictures may be sent at once.

        Raises:
            EnvironmentProblem: the first one can't be started.

        """
        self._loop = asyncio.get_running_loop()
        self._workers = {slot: Worker(self._options) for slot in range(self._count)}
        for slot in range(self._count):
            thread = Thread(target=self._serve, args=(slot,), name=f"mezzetin-decode-{slot}", daemon=True)
            self._threads.append(thread)
            thread.start()

    async def decode(self, picture: bytes) -> Decoded | ItemError:
        """Decode a picture; cancelled, it is skipped if it still waits."""
        future: asyncio.Future[Decoded | ItemError] = asyncio.get_running_loop().create_future()
        with self._changed:
            self._waiting.append(_Order(picture, future))
            self._changed.notify()
        return await future

    def close(self) -> None:
        """End the processes; who still waits is left waiting, so stop asking first."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for worker in list(self._workers.values()):
            worker.kill()
        for thread in self._threads:
            thread.join()
        for worker in self._workers.values():
            worker.close()

    def _serve(self, slot: int) -> None:
        """Hand one process its pictures, and start it again when it has ended."""
        under_way: deque[_Order] = deque()
        while not self._closed:
            try:
                self._work(self._workers[slot], under_way)
                return
            except Late:
                self._answer(under_way.popleft(), _TOO_SLOW)
                why = "time"
            except Died as end:
                why = "died"
                self._blame(under_way, begun=end.begun)
            self._give_back(under_way)
            self._workers[slot].close()
            if not self._closed:
                self._tell(why)
                self._restart(slot)

    def _blame(self, under_way: deque[_Order], *, begun: bool) -> None:
        """Hold a process's death against the picture in its hands, less so where it had not begun to look at it."""
        if not begun:
            # The next process may be as short-lived.
            time.sleep(_WAIT_AFTER_NOTHING)
        if under_way:
            under_way[0].blame += _BLAME if begun else 1
            if under_way[0].blame >= _MOST_BLAME:
                self._answer(under_way.popleft(), _DEADLY)

    def _work(self, worker: Worker, under_way: deque[_Order]) -> None:
        """Serve until the pool is closed. Raises Late or Died, with the picture that was under way first in line."""
        while self._take(worker, under_way):
            facts, pixels = worker.answer(self._limit)
            order = under_way.popleft()
            with self._changed:
                self._busy -= 1
            self._settle(order, self._decoded(facts, pixels))

    def _take(self, worker: Worker, under_way: deque[_Order]) -> bool:
        """Send pictures until the process is ahead; wait for one where it has none. False once the pool is closed."""
        while len(under_way) < _AHEAD:
            with self._changed:
                self._idle += 1
                while not (self._waiting or under_way or self._closed):
                    self._changed.wait()
                self._idle -= 1
                if self._closed:
                    return False
                # A second picture is not kept from a process that has none.
                if len(self._waiting) <= (self._idle if under_way else 0):
                    return True
                order = self._waiting.popleft()
                if order.future.done():
                    continue
                self._busy += 1
            under_way.append(order)
            worker.ask(order.picture, self._limit)
        return True

    def _give_back(self, under_way: deque[_Order]) -> None:
        with self._changed:
            self._busy -= len(under_way)
            self._waiting.extendleft(reversed(under_way))
            self._changed.notify_all()
        under_way.clear()

    def _restart(self, slot: int) -> None:
        while not self._closed:
            try:
                self._workers[slot] = Worker(self._options)
            except EnvironmentProblem:
                # Memory or processes are short; whoever waits has a deadline.
                time.sleep(_WAIT_BEFORE_RESTART)
            else:
                return

    def _decoded(self, facts: Facts, pixels: bytes) -> Decoded | ItemError:
        if "code" in facts:
            return ItemError(facts["code"], facts["message"])
        return Decoded(np.frombuffer(pixels, np.uint8).reshape(self._shape), **facts)

    def _answer(self, order: _Order, error: ItemError) -> None:
        with self._changed:
            self._busy -= 1
        self._settle(order, error)

    def _settle(self, order: _Order, result: Decoded | ItemError) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_set, order.future, result)

    def _tell(self, why: str) -> None:
        if self._ended is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ended, why)


def _set(future: asyncio.Future[Decoded | ItemError], result: Decoded | ItemError) -> None:
    if not future.done():
        future.set_result(result)
