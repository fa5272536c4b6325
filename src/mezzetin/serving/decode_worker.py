"""One decoding process, as the thread that hands it pictures sees it.

Enters: pictures. Leaves: facts and pixels, in the same order; `Late` or `Died` where there are none.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from mezzetin.errors import EnvironmentProblem
from mezzetin.serving import decode_process

Facts = dict[str, Any]
_START_LIMIT = 60.0
_END_LIMIT = 1.0
_PIPE_BYTES = 1 << 20
#: What the interpreter and libvips need of our environment. Keys and connection strings stay here.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")


class Died(Exception):
    """The process ended; `begun` tells whether the first picture without an answer may have been the cause."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__(begun)
        self.begun = begun


class Late(Exception):
    """The process did not answer in time, and was killed."""


class Worker:
    """One process: `ask` and `answer` in turn, `close` it.

    Raises:
        EnvironmentProblem: it can't be started.

    """

    def __init__(self, options: Facts) -> None:
        command = [sys.executable, "-P", "-B", "-m", decode_process.__name__, json.dumps(options)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by the running interpreter
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=bare_environment(),
                bufsize=0,
            )
        except OSError as error:
            raise EnvironmentProblem(f"{_NOT_STARTED} ({error.strerror})") from error
        self._in, self._out = (_descriptor(pipe) for pipe in (self._process.stdin, self._process.stdout))
        os.set_blocking(self._in, False)
        self._ready = self._looking = False

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def ask(self, picture: bytes, limit: float) -> None:
        """Send a picture, in `limit` seconds at most; whether the process is alive shows when its answer is awaited.

        Raises:
            Late: the process takes nothing; it is of no use any more.

        """
        until = time.monotonic() + limit
        with suppress(OSError):
            for part in (decode_process.PICTURE.pack(len(picture)), picture):
                left = memoryview(part)
                while left:
                    if not _awaited(self._in, select.POLLOUT, until):
                        raise Late
                    left = left[os.write(self._in, left) :]

    def answer(self, limit: float) -> tuple[Facts, bytes]:
        """Await the answer to the first picture that has none yet, `limit` seconds at most.

        Raises:
            Died, Late: see there; the process is of no use any more.

        """
        if not self._ready:
            self._receive(time.monotonic() + _START_LIMIT)
            self._ready = True
        until = time.monotonic() + limit
        self._receive(until)
        self._looking = True
        facts, pixels = self._receive(until)
        self._looking = False
        return json.loads(facts), pixels

    def kill(self) -> None:
        """End the process; who waits for it learns of it."""
        self._process.kill()

    def close(self) -> None:
        """End the process and forget it; nobody may be waiting for it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _left_by_itself(self) -> bool:
        """Not by a signal: as it does where memory is too short to take a picture in."""
        try:
            return self._process.wait(_END_LIMIT) >= 0
        except subprocess.TimeoutExpired:
            return True

    def _receive(self, until: float) -> tuple[bytes, bytes]:
        facts, pixels = decode_process.ANSWER.unpack(self._exactly(decode_process.ANSWER.size, until))
        body = self._exactly(facts + pixels, until)
        return bytes(body[:facts]), bytes(body[facts:])

    def _exactly(self, count: int, until: float) -> memoryview:
        content = bytearray(count)
        left = memoryview(content)
        while left:
            if not _awaited(self._out, select.POLLIN, until):
                raise Late
            got = os.readv(self._out, [left])
            if not got:
                raise Died(begun=self._looking or (self._ready and self._left_by_itself()))
            left = left[got:]
        return memoryview(content)


_NOT_STARTED = f"the processes that decode pictures can't be started: check that {sys.executable} runs"


def _awaited(descriptor: int, event: int, until: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))


def _descriptor(pipe: IO[bytes] | None) -> int:
    """Of a pipe that holds most pictures whole, so that neither side waits for the other: on Linux, and no must."""
    if pipe is None:
        raise EnvironmentProblem(_NOT_STARTED)
    size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if size is not None:
        with suppress(OSError):
            fcntl.fcntl(pipe, size, _PIPE_BYTES)
    return pipe.fileno()


def bare_environment() -> dict[str, str]:
    """Little of ours, with this very package on the path; more threads than one would only reserve memory."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    here = str(Path(decode_process.__file__).parents[2])
    path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH", "")) if part)
    return {**kept, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
