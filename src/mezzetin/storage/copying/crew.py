"""The crew: threads that do errands, a bounded number of them and of bytes at a time.

Enters: errands as a stream, and what is to be done with each. Leaves: each errand with its outcome, or the error that
it ended in, as they are ready. The stream is read no further ahead than the threads need.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue, SimpleQueue
from typing import Generic, TypeVar

E = TypeVar("E")
R = TypeVar("R")
_TICK_S = 0.5
_PATIENCE_S = 3.0


class Budget:
    """So many bytes may be under way at a time; a file that is larger than all of them goes alone."""

    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit
        self._changed = threading.Condition()

    @contextmanager
    def spending(self, amount: int) -> Iterator[None]:
        """Hold `amount` bytes; wait until they are left."""
        amount = min(amount, self._limit)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()


class Crew(Generic[E, R]):
    """Threads that do one thing with errands.

    `expected` are the errors that concern one errand; any other ends the whole. `stopped` is set when it ends, well or
    not, before its last thread has.
    """

    def __init__(
        self, work: Callable[[E], R], *, size: int, expected: tuple[type[Exception], ...], stopped: threading.Event
    ) -> None:
        self._work, self._expected, self._stopped = work, expected, stopped
        self._waiting: Queue[E] = Queue(size)
        self._ready: SimpleQueue[tuple[E, R | BaseException]] = SimpleQueue()
        # Daemons: an interrupted process must not wait for the request that one of them is waiting for.
        self._threads = [
            threading.Thread(target=self._serve, name=f"mezzetin-{number}", daemon=True) for number in range(size)
        ]

    def run(self, errands: Iterable[E]) -> Iterator[tuple[E, R | Exception] | None]:
        """Do the errands; yield each with its outcome in any order, and now and then None for those who show progress.

        Raises:
            what ended an errand and was not expected, or what `errands` raises.

        """
        for thread in self._threads:
            thread.start()
        try:
            under_way = 0
            for errand in errands:
                while not self._offered(errand):
                    yield None
                under_way += 1
                while under_way and (done := self._done(wait=False)) is not None:
                    under_way -= 1
                    yield done
            while under_way:
                done = self._done(wait=True)
                under_way -= done is not None
                yield done
        finally:
            self._stopped.set()
            deadline = time.monotonic() + _PATIENCE_S
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _offered(self, errand: E) -> bool:
        try:
            self._waiting.put(errand, timeout=_TICK_S)
        except Full:
            return False
        return True

    def _done(self, *, wait: bool) -> tuple[E, R | Exception] | None:
        try:
            errand, result = self._ready.get(block=wait, timeout=_TICK_S)
        except Empty:
            return None
        if isinstance(result, BaseException) and not isinstance(result, self._expected):
            raise result
        return errand, result

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                errand = self._waiting.get(timeout=_TICK_S / 5)
            except Empty:
                continue
            try:
                result: R | BaseException = self._work(errand)
            # Any at all: what is not expected is raised again by the thread that waits.
            except BaseException as error:
                result = error
            self._ready.put((errand, result))
