"""Processes that load pictures, as `ingest` sees them: sources in, pictures out in order.

Enters: sources as text. Leaves: pictures. A process that dies is noticed with the picture that is asked for next;
`Died` says so. Processes are started by command, not by `multiprocessing`, which would run the caller's script again.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO

from mezzetin.data import loader
from mezzetin.data.picture import Picture
from mezzetin.errors import EnvironmentProblem, MezzetinError

_BATCHES_HELD = 4
_PIPE_BYTES = 1 << 20
Message = tuple[list[Picture], MezzetinError | None] | None


class Died(Exception):
    """The process ended by itself."""


class Worker:
    """One process; `ask` for pictures, `take` them in the same order, `close` it.

    Raises:
        EnvironmentProblem: it can't be started.

    """

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", loader.__name__]
        try:
            # Nothing of the caller's: its script, its working folder's modules, its signals.
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by the running interpreter
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        except OSError as error:
            raise EnvironmentProblem(f"{_NOT_STARTED} ({error.strerror})") from error
        _widen(self._process.stdout)
        self._messages: Queue[Message] = Queue(_BATCHES_HELD)
        self._pictures: deque[Picture] = deque()
        self._problem: MezzetinError | None = None
        self._started = False
        self.asked = 0
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def ask(self, sources: list[str]) -> None:
        """Ask for pictures; whether the process is alive shows when they are taken."""
        request = json.dumps(sources).encode()
        stream = self._process.stdin
        if stream is not None:
            with suppress(OSError):
                stream.write(loader.LENGTH.pack(len(request)) + request)
                stream.flush()
        self.asked += len(sources)

    def take(self) -> Picture:
        """Return the next picture that was asked for.

        Raises:
            Died: the process ended before it had one.
            MezzetinError: what ended the process's work.

        """
        while not self._pictures:
            if self._problem is not None:
                raise self._problem
            message = self._messages.get()
            if message is None:
                if not self._started:
                    raise EnvironmentProblem(_NOT_STARTED)
                raise Died
            self._started = True
            self._pictures.extend(message[0])
            self._problem = message[1]
        self.asked -= 1
        return self._pictures.popleft()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        while self._reader.is_alive():
            # It may be waiting for room.
            with suppress(Empty):
                self._messages.get(timeout=0.05)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _read(self) -> None:
        stream = self._process.stdout
        message: Message = None
        while stream is not None:
            message = loader.receive(stream)
            self._messages.put(message)
            if message is None:
                return


_NOT_STARTED = f"the processes that load pictures can't be started: check that {sys.executable} runs"


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold a whole message, so that the process goes on while nobody reads. Linux only, and no must."""
    size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if pipe is not None and size is not None:
        with suppress(OSError):
            fcntl.fcntl(pipe, size, _PIPE_BYTES)


def _environment() -> dict[str, str]:
    """Ours, with this very package first on the path."""
    here = str(Path(loader.__file__).parents[2])
    path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}
