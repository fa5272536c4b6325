"""Our caption and beside it those of others, for a stream of pictures.

Enters: (name, picture) pairs. Leaves: (name, our caption, the others' by name) in the same order. While a service is
waited for, the next pictures are captioned here; memory is bounded by the batches under way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Protocol

from mezzetin.external.outgoing import Picture
from mezzetin.external.service import External
from mezzetin.records import Caption

_BATCH = 8
_AHEAD = 3
Row = tuple[str, Caption, dict[str, Caption]]


class _Own(Protocol):
    def caption(self, images: Sequence[Any]) -> list[Caption]: ...


def caption_beside(
    captioner: _Own,
    others: Mapping[str, External],
    items: Iterable[tuple[str, Picture]],
    *,
    restricted: Callable[[str], bool] = lambda name: False,
) -> Iterator[Row]:
    """Caption a stream of pictures here and by every other captioner; `restricted` says by name what must not leave."""
    source = iter(items)
    waiting: deque[tuple[list[str], list[Caption], dict[str, Future[list[Caption]]]]] = deque()
    pool = ThreadPoolExecutor(max(1, len(others) * _AHEAD), thread_name_prefix="beside")
    try:
        while chunk := list(islice(source, _BATCH)):
            names, pictures = [name for name, _ in chunk], [picture for _, picture in chunk]
            marks = [restricted(name) for name in names]
            asked = {name: pool.submit(other.caption, pictures, restricted=marks) for name, other in others.items()}
            waiting.append((names, captioner.caption(pictures), asked))
            if len(waiting) >= _AHEAD:
                yield from _rows(*waiting.popleft())
        while waiting:
            yield from _rows(*waiting.popleft())
    finally:
        # Whoever stops early does not wait for a service that may be silent.
        pool.shutdown(wait=False, cancel_futures=True)


def _rows(names: list[str], ours: list[Caption], asked: dict[str, Future[list[Caption]]]) -> Iterator[Row]:
    theirs = {name: result.result() for name, result in asked.items()}
    for place, name in enumerate(names):
        yield name, ours[place], {who: captions[place] for who, captions in theirs.items()}
