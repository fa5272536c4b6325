"""A server that outlives whoever started it: launched, looked at, and stopped through a folder.

Enters: a folder and a `Launch`. Leaves: the files that `keeper` writes there, and answers about them.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mezzetin.deployment.keeper import ALIVE, ENDED, LAUNCH, LOG, PROCESS
from mezzetin.errors import EnvironmentProblem
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing

_START_S = 30.0
_PAUSE_S = 0.05
_LAST_BYTES = 8192


class Launch(BaseModel):
    """A server as it is started: whose model, where it listens, and its command line."""

    model_config = ConfigDict(frozen=True)

    model: str
    digest: str
    scheme: str
    host: str
    port: int
    keys: str | None
    certificate: str | None
    package: str
    options: tuple[str, ...]
    command: tuple[str, ...]

    def like(self, other: Launch | None) -> bool:
        """Say whether they are the same server; the interpreter may be called by another name."""
        nothing = {"command": ()}
        return other is not None and self.model_copy(update=nothing) == other.model_copy(update=nothing)

    def write(self, path: Path) -> None:
        """Keep it in a file."""
        write_atomically(path, self.model_dump_json(indent=1).encode() + b"\n")

    @classmethod
    def read(cls, path: Path) -> Launch | None:
        """What a file keeps; None where there is none, or one of another version."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None


class Run:
    """One server and the folder of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / LOG

    @property
    def launch(self) -> Launch | None:
        """How it was started, alive or not."""
        return Launch.read(self.folder / LAUNCH)

    def facts(self, name: str) -> dict[str, Any]:
        """What the keeper wrote of it in `process.json` or `ended.json`; empty where it has not."""
        try:
            return dict(json.loads((self.folder / name).read_bytes()))
        except (OSError, ValueError):
            return {}

    def alive(self) -> bool:
        """Say whether the server or its keeper lives."""
        try:
            lock = os.open(self.folder / ALIVE, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def start(self, launch: Launch) -> None:
        """Start a server in a session of its own; it must not be alive.

        Raises:
            EnvironmentProblem: it can't be started, or the folder can't be written.

        """
        with writing(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in (PROCESS, ENDED):
                (self.folder / name).unlink(missing_ok=True)
            launch.write(self.folder / LAUNCH)
            with self.log.open("ab") as log:
                self.log.chmod(0o600)
                keeper = subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-m", "mezzetin.deployment.keeper", str(self.folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    start_new_session=True,
                )
        deadline = time.monotonic() + _START_S
        while self.facts(PROCESS).get("keeper") != keeper.pid:
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise EnvironmentProblem(f"the server could not be started: {self.last_line()}; see {self.log}")
            time.sleep(_PAUSE_S)
        # Whoever started it may stay and start others; the kernel must not ask it to bury this one.
        _ADOPTED.append(keeper)

    def stop(self, patience: float) -> None:
        """Stop the server once its requests have their answers; after `patience` seconds at once.

        Raises:
            EnvironmentProblem: it does not end, or belongs to another user.

        """
        for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, _START_S)):
            self._signal(number)
            deadline = time.monotonic() + seconds
            while self.alive():
                if time.monotonic() > deadline:
                    break
                time.sleep(_PAUSE_S)
            else:
                return
        raise EnvironmentProblem(f"the server of {self.folder} does not end: look at its processes")

    def why_dead(self) -> str | None:
        """A sentence with the log's last line where the server has ended; None while it lives."""
        return None if self.alive() else f"the server ended: {self.last_line()}; see {self.log}"

    def last_line(self) -> str:
        """The last line of the log that says anything, without its traceback's indentation."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LAST_BYTES))
                lines = stream.read().decode(errors="replace").splitlines()
        except OSError:
            return "it left no log"
        return next((line.strip() for line in reversed(lines) if line.strip()), "it left an empty log")

    def _signal(self, number: signal.Signals) -> None:
        """To keeper and server; while the lock is held their numbers are theirs."""
        found = self.facts(PROCESS)
        for who in ("keeper", "server"):
            if who in found and self.alive():
                with suppress(ProcessLookupError):
                    self._kill(found[who], number)

    def _kill(self, pid: int, number: signal.Signals) -> None:
        try:
            os.kill(pid, number)
        except PermissionError as error:
            raise EnvironmentProblem(f"process {pid} belongs to another user: stop it as that user") from error


#: Keepers that this process started: kept so that Python does not warn of a child that is still running.
_ADOPTED: list[subprocess.Popen[bytes]] = []
