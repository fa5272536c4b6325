"""Threads that may hang: errands for the event loop, each pool with so many threads and no more.

Enters: a function that blocks. Leaves: what it returns, awaited. The threads end with the process whatever they are
doing, so a server that never answers us can't keep ours from stopping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """At most `most` daemon threads, started when they are needed; what waits for one is taken in order."""

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._errands: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = Lock()
        self._started = self._busy = 0

    @property
    def busy(self) -> int:
        """How many errands are under way or waiting, abandoned ones that still hold a thread included."""
        return self._busy

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread and raise what it raises; cancelled, work that has begun goes on unheard."""
        future: Future[T] = Future()

        def errand() -> None:
            if future.set_running_or_notify_cancel():
                _settle(future, work)
            with self._lock:
                self._busy -= 1

        with self._lock:
            self._busy += 1
            if self._started < min(self._most, self._busy):
                self._started += 1
                Thread(target=self._serve, name=f"mezzetin-{self._name}", daemon=True).start()
        self._errands.put(errand)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """End the threads that are idle, and the others after their errand."""
        for _ in range(self._started):
            self._errands.put(None)

    def _serve(self) -> None:
        while (errand := self._errands.get()) is not None:
            errand()


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    # Whatever it is belongs to who waits, as in concurrent.futures; nobody may be left waiting.
    try:
        result = work()
    except BaseException as error:
        with suppress(InvalidStateError):
            future.set_exception(error)
    else:
        with suppress(InvalidStateError):
            future.set_result(result)
