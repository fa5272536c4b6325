"""Pictures -> rows: what captions a folder, a job, a collection or a partition, one thread a processor.

Enters: an iterator of (name, picture), where a picture is bytes, a local path or a place in a store. Leaves: (name,
Caption) in the same order, a picture that can't be read as a row with an error. Memory is bounded by the batches under
way, however long the iterator is.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

from mezzetin.captioner import BundleCaptioner, Picture, at_hand
from mezzetin.pixels import Page
from mezzetin.records import Caption, ItemError
from mezzetin.storage.paths import Place

BATCH = 8
"""Pictures that go through the model together; larger ones outgrow the processor's caches and are slower."""
Item = tuple[str, Picture]
T = TypeVar("T")
R = TypeVar("R")
_REQUESTS = 8
"""Remote pictures that are read at the same time, while others are captioned."""


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def caption_pictures(
    captioner: BundleCaptioner, items: Iterable[Item], *, batch: int = BATCH, workers: int | None = None
) -> Iterator[tuple[str, Caption]]:
    """Caption a stream of pictures; each of `workers` threads takes whole batches from decoding to words.

    A thread a processor, each with single-threaded sessions, keeps all of them busy: decoding, encoder and beam
    search of different batches overlap, and no thread waits for another inside a batch.
    """
    source = read_ahead(items)

    def described(chunk: list[Item]) -> list[Caption]:
        return captioner.caption([picture for _, picture in chunk])

    for (name, _), caption in in_batches(source, described, batch=batch, workers=workers or processors()):
        yield name, caption


def in_batches(
    items: Iterable[T], work: Callable[[list[T]], list[R]], *, batch: int = BATCH, workers: int = 1
) -> Iterator[tuple[T, R]]:
    """Give a stream in batches to `work` on threads: (item, its result) in order, `workers` + 1 batches under way."""
    source = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[list[T], Future[list[R]]]] = deque()
        try:
            while True:
                while len(waiting) <= workers and (chunk := list(islice(source, batch))):
                    waiting.append((chunk, pool.submit(work, chunk)))
                if not waiting:
                    return
                chunk, result = waiting.popleft()
                yield from zip(chunk, result.result(), strict=True)
        finally:
            for _, result in waiting:
                result.cancel()


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Read remote pictures a few at a time, ahead of their turn; local ones pass through, unread.

    Raises:
        EnvironmentProblem: a store refuses or does not answer.

    """
    waiting: deque[tuple[str, Picture | Future[bytes | Path | Page | ItemError]]] = deque()
    with ThreadPoolExecutor(_REQUESTS, thread_name_prefix="read") as pool:
        try:
            for name, picture in items:
                if isinstance(picture, Place) and not picture.is_local:
                    waiting.append((name, pool.submit(at_hand, picture)))
                else:
                    waiting.append((name, picture))
                # Local pictures wait only behind remote ones.
                while waiting and (len(waiting) > 2 * _REQUESTS or not isinstance(waiting[0][1], Future)):
                    yield _settled(waiting.popleft())
            while waiting:
                yield _settled(waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _settled(item: tuple[str, Picture | Future[bytes | Path | Page | ItemError]]) -> Item:
    name, picture = item
    return name, picture.result() if isinstance(picture, Future) else picture
