"""Loading on executors: pictures as a dataset has them, in a process that may die of one.

Enters: pictures, as bytes or as where they are. Leaves: what `ingest` finds of each, in order. A process that dies is
found out as on one machine: the second time its picture counts as undecodable.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from mezzetin.data.picture import Picture
from mezzetin.data.readers.source import to_text
from mezzetin.data.workers import Died, Worker
from mezzetin.records import ItemError
from mezzetin.spark.hiding import found
from mezzetin.spark.isolation import Item
from mezzetin.storage.paths import Place

ADDED = [
    pa.field("image", pa.binary()),
    pa.field("format", pa.string()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("sha256", pa.string()),
    pa.field("status", pa.string()),
    pa.field("error", pa.string()),
]
_AHEAD = 32
_KILLER = Picture("undecodable", "decoding it ended the process, twice: fetch or export it again")
_workers: dict[int, Worker] = {}


def load(sources: Sequence[str]) -> Iterator[Picture]:
    """Load pictures whose sources are told as text, in order, by one process that this worker keeps.

    Raises:
        EnvironmentProblem: a store refuses or does not answer, or the process can't be started.

    """
    for begin in range(0, len(sources), _AHEAD):
        asked = sources[begin : begin + _AHEAD]
        worker = _worker()
        worker.ask(list(asked))
        done = 0
        try:
            for _ in asked:
                picture = worker.take()
                done += 1
                yield picture
        except Died:
            _drop()
            yield from (_alone(source) for source in asked[done:])
        finally:
            if done < len(asked):
                # What it still owes is nobody's any more.
                _drop()


def loaded(items: Sequence[Item | ItemError]) -> list[Any]:
    """The columns of `ADDED` for some pictures."""
    with tempfile.TemporaryDirectory(prefix="mezzetin-") as folder:
        sources = [_text(item, Path(folder) / str(number)) for number, item in enumerate(items)]
        pictures = load([source for source in sources if source is not None])
        kept = [Picture(item.code, item.message) if isinstance(item, ItemError) else next(pictures) for item in items]
    return [pa.array([getattr(picture, field.name) for picture in kept], field.type) for field in ADDED]


def _text(item: Item | ItemError, path: Path) -> str | None:
    """Where a picture is; bytes are put into a file, which is how the process takes them."""
    if isinstance(item, ItemError):
        return None
    if item.where is not None:
        return to_text(found(item.where, item.secrets))
    path.write_bytes(item.data)
    return to_text(Place.of(path))


def _alone(source: str) -> Picture:
    worker = _worker()
    worker.ask([source])
    try:
        return worker.take()
    except Died:
        _drop()
        return _KILLER


def _worker() -> Worker:
    # A worker that was forked has no process of its own yet.
    if os.getpid() not in _workers:
        _workers[os.getpid()] = Worker()
    return _workers[os.getpid()]


def _drop() -> None:
    worker = _workers.pop(os.getpid(), None)
    if worker is not None:
        worker.close()
