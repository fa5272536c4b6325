"""Keeps one server alone: starts it, writes what it says to a log of bounded size, and passes on the wish to stop.

    python -m mezzetin.deployment.keeper FOLDER

Enters: `launch.json` in the folder, whose `command` is the server's. Leaves there: `process.json` (who runs),
`server.log` with its older parts, and `ended.json` once the server has ended. It and the server hold the lock on
`alive.lock`, which the kernel frees however they die: a stale or recycled process number deceives nobody.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

LOG = "server.log"
LAUNCH = "launch.json"
PROCESS = "process.json"
ENDED = "ended.json"
ALIVE = "alive.lock"

LOG_BYTES = 5 << 20
OLDER_LOGS = 3
_PR_SET_PDEATHSIG = 1
_TAKEN = 75
_LOCK_PATIENCE_S = 5.0


class Log:
    """A file that is renamed to NAME.1 when it has `most` bytes, NAME.1 to NAME.2, and the last one is dropped."""

    def __init__(self, path: Path, most: int = LOG_BYTES, older: int = OLDER_LOGS) -> None:
        self._path, self._most, self._older = path, most, older
        self._stream = self._opened()

    def write(self, line: bytes) -> None:
        """Add a line; a disk that is full costs the line, not the server."""
        try:
            if self._stream.tell() + len(line) > self._most:
                self._turn()
            self._stream.write(line)
            self._stream.flush()
        except OSError:
            return

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _turn(self) -> None:
        self._stream.close()
        for number in range(self._older, 0, -1):
            before = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
            if before.exists():
                before.replace(self._path.with_name(f"{self._path.name}.{number}"))
        self._stream = self._opened()

    def _opened(self) -> IO[bytes]:
        # Nobody but the owner: file names and mistakes of clients are in it.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        stream = os.fdopen(descriptor, "ab")
        stream.seek(0, os.SEEK_END)
        return stream


def main(folder: Path) -> int:
    """Keep the server of a folder until it ends; return its exit status."""
    lock = os.open(folder / ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _locked(lock):
        return _TAKEN
    log = Log(folder / LOG)
    command = json.loads((folder / LAUNCH).read_bytes())["command"]
    server = subprocess.Popen(  # noqa: S603 - the command line that `deploy` wrote
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(lock,),  # held until the server is gone too
        preexec_fn=_dying_with_parent(),
    )
    _pass_on_signals(server)
    _write(folder / PROCESS, {"keeper": os.getpid(), "server": server.pid, "started": _now()})
    for line in server.stdout or ():
        log.write(line)
    status = server.wait()
    _write(folder / ENDED, {"status": status, "ended": _now()})
    return status if status >= 0 else 128 - status


def _locked(lock: int) -> bool:
    """Take the lock; whoever looks whether somebody lives holds it for a moment too."""
    deadline = time.monotonic() + _LOCK_PATIENCE_S
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _dying_with_parent() -> Callable[[], None] | None:
    """What lets the server drain and end when its keeper is killed; Linux alone can do that."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)

    def ask_the_kernel() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_the_kernel


def _pass_on_signals(server: subprocess.Popen[bytes]) -> None:
    def passed_on(number: int, frame: object) -> None:
        server.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, passed_on)
    signal.signal(signal.SIGINT, passed_on)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _write(path: Path, content: dict[str, object]) -> None:
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(json.dumps(content), encoding="utf-8")
    beside.replace(path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
