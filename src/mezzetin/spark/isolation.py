"""Captioning out of harm's way: a process of its own for a Python worker of Spark, as that worker sees it.

Enters: pictures, as bytes or as where they are. Leaves: a row each, in order. A picture that ends the process, or on
which it hangs, is found by asking for those that were under way one by one; the second time it is an error row, so
that Spark has nothing to retry. Batches are bounded by pictures and by bytes.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

from mezzetin.captioner import BundleCaptioner
from mezzetin.data.loader import PROBLEMS
from mezzetin.data.workers import Died
from mezzetin.errors import EnvironmentProblem
from mezzetin.records import ItemError
from mezzetin.spark import child
from mezzetin.spark.saying import error_row
from mezzetin.worker import BATCH

BATCH_BYTES = 32 << 20
PATIENCE_S = 300.0
_AHEAD = 2
_KILLER = ItemError("undecodable", "describing it ended the process, twice: fetch or export it again")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """A picture to describe: its bytes, or where it is (`hiding.told`) with the signatures that it may need."""

    data: bytes = b""
    where: Sequence[Any] | None = None
    secrets: Sequence[str] = ()

    def message(self) -> list[Any]:
        """As the process takes it, with its own signature alone."""
        if self.where is None:
            return [None, len(self.data)]
        number = self.where[-1]
        secret = ["", self.secrets[number]] if number else [""]
        return [[[*self.where[:-1], 1 if number else 0], secret], 0]


def settings_of(captioner: BundleCaptioner, min_confidence: float | None = None) -> dict[str, Any]:
    """What a process needs to caption as `captioner` does; `bundle` is where that lies here."""
    return {
        "bundle": str(captioner.bundle.folder),
        "options": asdict(captioner.options),
        "alternatives": captioner.alternatives,
        "max_pixels": captioner.max_pixels,
        "min_confidence": min_confidence,
    }


class Describer:
    """A captioning process that is started again when it dies; used by one thread."""

    def __init__(self, settings: dict[str, Any], patience: float = PATIENCE_S) -> None:
        self._settings, self._patience = settings, patience
        self._process: _Process | None = None
        self._said: dict[str, Any] = {}

    @property
    def pid(self) -> int | None:
        """The process, once there is one."""
        return None if self._process is None else self._process.pid

    def rows(self, items: Iterable[Item]) -> Generator[Row, None, None]:
        """Yield a row a picture, in order; a few batches are under way at a time.

        Raises:
            EnvironmentProblem: a store refuses or does not answer, or the process can't be started.
            BundleError: the bundle can't be used.

        """
        source = batches(items)
        waiting: deque[list[Item]] = deque()
        try:
            while True:
                while len(waiting) < _AHEAD and (batch := next(source, None)):
                    waiting.append(batch)
                    self._ask(batch)
                if not waiting:
                    return
                rows = self._next(waiting)
                waiting.popleft()
                yield from rows
        finally:
            # Whoever stops early must not leave answers for whoever asks next.
            if waiting:
                self.close()

    def _next(self, waiting: deque[list[Item]]) -> list[Row]:
        try:
            return self._take()
        except Died:
            self.close()
            rows = [self._alone(item) for item in waiting[0]]
            for batch in list(waiting)[1:]:
                self._ask(batch)
            return rows

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def _alone(self, item: Item) -> Row:
        self._ask([item])
        try:
            return self._take()[0]
        except Died:
            self.close()
            return error_row(_KILLER, self._said.get("model"), self._said.get("language")) | {"page": 0, "pages": 1}

    def _ask(self, batch: list[Item]) -> None:
        if self._process is None:
            self._process = _Process(self._settings)
            self._said = self._answer()
        self._process.send(batch)

    def _take(self) -> list[Row]:
        rows: list[Row] = self._answer()["rows"]
        return rows

    def _answer(self) -> dict[str, Any]:
        process = self._process
        if process is None:
            raise Died
        try:
            message = process.answers.get(timeout=self._patience)
        except Empty:
            raise Died from None
        if message is None:
            if not process.started:
                raise EnvironmentProblem(f"the process that captions does not start: check that {sys.executable} runs")
            raise Died
        process.started = True
        if "problem" in message:
            self.close()
            kind, text = message["problem"]
            raise PROBLEMS.get(kind, EnvironmentProblem)(text)
        return message


class _Process:
    """One process and the thread that reads its answers."""

    def __init__(self, settings: dict[str, Any]) -> None:
        command = [sys.executable, "-P", "-m", child.__name__, json.dumps(settings)]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, by the running interpreter
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
        )
        self.started = False
        self.answers: Queue[dict[str, Any] | None] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, batch: list[Item]) -> None:
        stream = self._process.stdin
        assert stream is not None  # noqa: S101 - it was asked for
        head = json.dumps([item.message() for item in batch]).encode()
        try:
            stream.write(child.LENGTH.pack(len(head)) + head)
            for item in batch:
                stream.write(item.data)
            stream.flush()
        except OSError:
            # It died: the answer that does not come says so.
            return

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    # What was not written yet has no reader any more.
                    continue

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - it was asked for
        while len(head := stream.read(child.LENGTH.size)) == child.LENGTH.size:
            (length,) = child.LENGTH.unpack(head)
            text = stream.read(length)
            if len(text) < length:
                break
            self.answers.put(json.loads(text))
        self.answers.put(None)


def batches(items: Iterable[Item], most: int = BATCH, most_bytes: int = BATCH_BYTES) -> Iterator[list[Item]]:
    """Group pictures: so many, or so many bytes of them, one at least."""
    batch: list[Item] = []
    held = 0
    for item in items:
        if batch and (len(batch) >= most or held + len(item.data) > most_bytes):
            yield batch
            batch, held = [], 0
        batch.append(item)
        held += len(item.data)
    if batch:
        yield batch


def _environment() -> dict[str, str]:
    """Ours, with this very package first on the path, and one thread for every library."""
    here = str(Path(child.__file__).parents[2])
    path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "VIPS_CONCURRENCY": "1"}


_kept: dict[str, Describer] = {}


def kept_describer(settings: dict[str, Any], patience: float = PATIENCE_S) -> Describer:
    """This worker's process for these settings, started once however many partitions it takes."""
    # A worker that was forked from one with a process has none of its own yet.
    key = f"{os.getpid()} {json.dumps(settings, sort_keys=True)} {patience}"
    if key not in _kept:
        drop_describers()
        _kept[key] = Describer(settings, patience)
    return _kept[key]


@atexit.register
def drop_describers() -> None:
    """End this worker's processes."""
    for key in list(_kept):
        describer = _kept.pop(key)
        if key.startswith(f"{os.getpid()} "):
            describer.close()
