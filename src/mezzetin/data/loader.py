"""The process that loads pictures for `ingest`: sources in by stdin, pictures out by stdout.

Enters: messages, each four bytes of length and a JSON list of sources as text (`readers.source.to_text`). Leaves:
messages in the order of the sources: a JSON object, then the images' bytes one behind the other. The first message
is empty and says that the process has started. It ends when stdin does, so it never outlives who asked.

What comes from a network is read by several threads, what is on a disk by one.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any

from mezzetin.data.content import is_remote
from mezzetin.data.picture import Picture, load_picture
from mezzetin.data.readers.source import from_text
from mezzetin.errors import DatasetError, EnvironmentProblem, InputError, MezzetinError, StoreRefused, StoreUnreachable

LENGTH = struct.Struct("<I")
THREADS = 8
_AHEAD = 2 * THREADS
_MOST_HELD = 8 << 20
_BATCH, _BATCH_BYTES = 16, 4 << 20
_KINDS: tuple[type[MezzetinError], ...] = (StoreRefused, StoreUnreachable, DatasetError, InputError, EnvironmentProblem)
PROBLEMS = {kind.__name__: kind for kind in _KINDS}


def main() -> None:
    """Serve until stdin ends."""
    # A terminal's Ctrl-C reaches every process of the group; the one that asked decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the messages.
    os.dup2(2, 1)
    sources: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(sys.stdin.buffer, sources), daemon=True).start()
    send(out, [], None)
    _Service(sources, out).run()


def _listen(stream: IO[bytes], sources: SimpleQueue[str]) -> None:
    while len(head := stream.read(LENGTH.size)) == LENGTH.size:
        for source in json.loads(stream.read(*LENGTH.unpack(head))):
            sources.put(source)
    os._exit(0)


class _Service:
    """Loads what is asked for, a few pictures ahead of the one that is sent next."""

    def __init__(self, sources: SimpleQueue[str], out: IO[bytes]) -> None:
        self._sources, self._out = sources, out
        self._pool = ThreadPoolExecutor(THREADS)
        #: Pictures that are there, and those that threads are still busy with.
        self._coming: deque[Picture | Future[Picture]] = deque()

    def run(self) -> None:
        """Serve until a store refuses or does not answer."""
        batch: list[Picture] = []
        held = 0
        while True:
            try:
                self._take(wait=not self._coming and not batch)
                if self._coming:
                    first = self._coming.popleft()
                    picture = first if isinstance(first, Picture) else first.result()
                    batch.append(picture)
                    held += _size(picture)
            except MezzetinError as error:
                send(self._out, batch, error)
                return
            if not self._coming or len(batch) >= _BATCH or held >= _BATCH_BYTES:
                send(self._out, batch, None)
                batch, held = [], 0

    def _take(self, *, wait: bool) -> None:
        """Begin with as many remote pictures as may be under way, or load one; with `wait`, wait for it."""
        while wait or (len(self._coming) < _AHEAD and self._held() < _MOST_HELD):
            try:
                source = from_text(self._sources.get(block=wait))
            except Empty:
                return
            wait = False
            if not is_remote(source):
                self._coming.append(load_picture(source))
                return
            self._coming.append(self._pool.submit(load_picture, source))

    def _held(self) -> int:
        there = (one if isinstance(one, Picture) else _result(one) for one in self._coming)
        return sum(map(_size, filter(None, there)))


def _result(coming: Future[Picture]) -> Picture | None:
    return coming.result() if coming.done() and coming.exception() is None else None


def _size(picture: Picture) -> int:
    return len(picture.image or b"")


def send(out: IO[bytes], pictures: list[Picture], problem: MezzetinError | None) -> None:
    """Write one message."""
    told = None
    if problem is not None:
        kind = next(kind for kind in (*_KINDS, MezzetinError) if isinstance(problem, kind))
        told = [kind.__name__, str(problem)]
    head = json.dumps({"problem": told, "pictures": [_facts(picture) for picture in pictures]}).encode()
    out.write(LENGTH.pack(len(head)) + head)
    for picture in pictures:
        out.write(picture.image or b"")
    out.flush()


def _facts(picture: Picture) -> list[Any]:
    size = None if picture.image is None else len(picture.image)
    told = (picture.format, picture.width, picture.height, picture.sha256, picture.reduced, picture.likeness)
    return [size, picture.status, picture.error, *told]


def receive(stream: IO[bytes]) -> tuple[list[Picture], MezzetinError | None] | None:
    """Read one message; None where the stream ends, in a message or before it."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    text = stream.read(*LENGTH.unpack(head))
    if len(text) < LENGTH.unpack(head)[0]:
        return None
    message = json.loads(text)
    total = sum(size or 0 for size, *_ in message["pictures"])
    # All at once: a thread that reads piece by piece waits for its turn at every piece.
    images = memoryview(stream.read(total))
    if len(images) < total:
        return None
    pictures, begin = [], 0
    for size, status, error, *told in message["pictures"]:
        image = None if size is None else bytes(images[begin : begin + size])
        begin += size or 0
        pictures.append(Picture(status, error, image, *told))
    if message["problem"] is None:
        return pictures, None
    kind, text = message["problem"]
    return pictures, PROBLEMS.get(kind, EnvironmentProblem)(text)


if __name__ == "__main__":
    main()
