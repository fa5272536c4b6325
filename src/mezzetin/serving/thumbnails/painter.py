"""One process that makes small copies of pictures, as the thread that gives it orders sees it.

Enters: a picture's bytes or path. Leaves: a JPEG, or an `ItemError`: also where the process died of the picture or had
to be ended because it took too long. The next order starts another process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

from mezzetin.errors import EnvironmentProblem
from mezzetin.records import ItemError
from mezzetin.serving.decode_worker import bare_environment
from mezzetin.serving.thumbnails import process as drawing

_START_LIMIT = 60.0
_NOT_STARTED = f"the process that draws small pictures can't be started: check that {sys.executable} runs"
_TOO_SLOW = ItemError("image_timeout", "making a small copy of it takes too long")
_DEADLY = ItemError("image_crashed", "making a small copy of it ended the process that tried")


class Painter:
    """Draws one picture at a time, in `limit` seconds and `memory` bytes at most, of `max_pixels` at most."""

    def __init__(self, *, limit: float, memory: int, max_pixels: int) -> None:
        self._limit = limit
        self._options = {"memory": memory, "max_pixels": max_pixels}
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, picture: bytes | Path, page: int, longest: int) -> bytes | ItemError:
        """A small copy of a picture's page, its longest side `longest` pixels at most.

        Raises:
            EnvironmentProblem: the process can't be started.

        """
        process = self._process or self._started()
        late = []

        def end() -> None:
            late.append(True)
            process.kill()

        timer = Timer(self._limit, end)
        timer.start()
        try:
            facts, jpeg = _asked(process, picture, page, longest)
        except (OSError, EOFError):
            self.close()
            return _TOO_SLOW if late else _DEADLY
        finally:
            timer.cancel()
        if late:
            self.close()
        return jpeg if "length" in facts else ItemError(facts["code"], facts["message"])

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-B", "-m", drawing.__name__, json.dumps(self._options)]
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module, by the running interpreter
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=bare_environment(),
            )
        except OSError as error:
            raise EnvironmentProblem(f"{_NOT_STARTED} ({error.strerror})") from error
        self._process = process
        timer = Timer(_START_LIMIT, process.kill)
        timer.start()
        ready = process.stdout.readline() if process.stdout else b""
        timer.cancel()
        if not ready:
            self.close()
            raise EnvironmentProblem(_NOT_STARTED)
        return process


def _asked(
    process: subprocess.Popen[bytes], picture: bytes | Path, page: int, longest: int
) -> tuple[dict[str, Any], bytes]:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    path = str(picture) if isinstance(picture, Path) else None
    content = b"" if isinstance(picture, Path) else picture
    order = {"path": path, "length": len(content), "page": page, "longest": longest}
    process.stdin.write(json.dumps(order).encode() + b"\n" + content)
    process.stdin.flush()
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    facts: dict[str, Any] = json.loads(line)
    jpeg = process.stdout.read(facts.get("length", 0))
    if len(jpeg) < facts.get("length", 0):
        raise EOFError
    return facts, jpeg
