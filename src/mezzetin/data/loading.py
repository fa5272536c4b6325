"""Loading: many pictures at once, in order, in bounded memory.

Enters: a source's entries. Leaves: each with its picture. A few are loaded by threads of this process; many by a
process a processor, because decoding by threads waits for Python's lock. A picture whose decoding kills a process is
found by trying the pictures that were under way one by one; the second time it counts as undecodable.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

from mezzetin.data.content import is_remote
from mezzetin.data.gather import Gathered
from mezzetin.data.loader import THREADS
from mezzetin.data.picture import NO_CAPTIONS, Picture, load_picture
from mezzetin.data.workers import Died, Worker

T = TypeVar("T")
#: From how many pictures on processes are worth their start.
MANY = 256
_RECORDS_OF_MANY = 4 * MANY
_CHUNK = 32
_CHUNKS_AHEAD = 3
_AHEAD = 2 * THREADS
_TRIES = 2
_KILLER = Picture("undecodable", "decoding it ended the process, twice: fetch or export it again")


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Loading:
    """Loads pictures; as a context it ends its processes."""

    def __init__(self, processes: int | None = None) -> None:
        self._processes = processors() if processes is None else processes
        #: Those that run, the spare one aside.
        self.workers: list[Worker] = []
        self._spare: Worker | None = None
        self._waiting: deque[tuple[list[Gathered], int]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        workers, self.workers = self.workers, []
        spare, self._spare = self._spare, None
        for worker in (*workers, *([spare] if spare else [])):
            worker.close()

    def expecting(self, records: Iterable[T]) -> Iterator[T]:
        """Pass records on, and start the processes when there are many, so that they are ready for the pictures."""
        for number, record in enumerate(records):
            if number == _RECORDS_OF_MANY:
                self._start()
            yield record

    def pictures(self, entries: Iterable[Gathered], count: int) -> Iterator[tuple[Gathered, Picture]]:
        """Yield each of about `count` entries with its picture, in order.

        Raises:
            EnvironmentProblem: a store refuses or does not answer, or a process can't be started.

        """
        if count <= MANY or self._processes < 2:
            return _by_threads(entries)
        self._start()
        return self._by_processes(entries)

    def _start(self) -> None:
        if self._processes >= 2 and not self.workers:
            for _ in range(self._processes):
                self.workers.append(Worker())

    def _by_processes(self, entries: Iterable[Gathered]) -> Iterator[tuple[Gathered, Picture]]:
        source = iter(entries)
        while True:
            while len(self._waiting) < _CHUNKS_AHEAD * self._processes and (chunk := list(islice(source, _CHUNK))):
                slot = min(range(self._processes), key=lambda number: self.workers[number].asked)
                self._waiting.append((chunk, slot))
                self.workers[slot].ask(_asked(chunk))
            if not self._waiting:
                return
            yield from self._chunk(*self._waiting.popleft())

    def _chunk(self, chunk: list[Gathered], slot: int) -> Iterator[tuple[Gathered, Picture]]:
        for number, entry in enumerate(chunk):
            try:
                picture = _without_loading(entry) or self.workers[slot].take()
            except Died:
                self._replace(slot)
                for suspect in chunk[number:]:
                    yield suspect, self._alone(suspect)
                return
            yield entry, picture

    def _replace(self, slot: int) -> None:
        """Start another process in place of a dead one, and ask it for what that one still owes."""
        self.workers[slot].close()
        self.workers[slot] = Worker()
        for chunk, owner in self._waiting:
            if owner == slot:
                self.workers[slot].ask(_asked(chunk))

    def _alone(self, entry: Gathered) -> Picture:
        known = _without_loading(entry)
        if known is not None:
            return known
        for _ in range(_TRIES):
            self._spare = self._spare or Worker()
            self._spare.ask(_asked([entry]))
            try:
                return self._spare.take()
            except Died:
                self._spare.close()
                self._spare = None
        return _KILLER


def _asked(chunk: list[Gathered]) -> list[str]:
    return [entry.place for entry in chunk if entry.captions and entry.place]


def _without_loading(entry: Gathered) -> Picture | None:
    """What is known of a picture without looking at it."""
    if not entry.captions:
        return NO_CAPTIONS
    return None if entry.place else load_picture(None)


def _by_threads(entries: Iterable[Gathered]) -> Iterator[tuple[Gathered, Picture]]:
    waiting: deque[tuple[Gathered, Future[Picture]]] = deque()
    near = ThreadPoolExecutor(min(4, processors()), thread_name_prefix="ingest")
    far = ThreadPoolExecutor(THREADS, thread_name_prefix="ingest-remote")
    try:
        for entry in entries:
            image = entry.image
            waiting.append((entry, (far if image is not None and is_remote(image) else near).submit(_load, entry)))
            if len(waiting) > _AHEAD:
                first, coming = waiting.popleft()
                yield first, coming.result()
        for last, coming in waiting:
            yield last, coming.result()
    finally:
        near.shutdown(cancel_futures=True)
        far.shutdown(cancel_futures=True)


def _load(entry: Gathered) -> Picture:
    return _without_loading(entry) or load_picture(entry.image)
