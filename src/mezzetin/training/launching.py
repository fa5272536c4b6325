"""Starts the ranks of a training, and starts them again from the last checkpoint when one is lost: so often, no more.

Enters: a way to start them all once, such as torch's own launcher on this machine or Spark's on a cluster, and where
the lines go that they print. Leaves: what rank 0 says at the end. Nothing here loads torch: the ranks do.

A rank talks to whoever started it in lines of its output that begin with `MARK`, JSON after that; anything else that it
prints is somebody's warning, of which the last lines are kept for the case that it dies.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Protocol

from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress

MARK = "mezzetin-rank: "
PLAN = "MEZZETIN_RANK_PLAN"
_PAUSE = 2.0
_GRACE = 30.0
_KEPT_LINES = 40
#: What an earlier launcher may have left: the ranks of this one get their own.
_PLACES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")

Tell = Callable[[Progress], None]
Outcome = Mapping[str, Any]


class RankLost(Exception):
    """A rank ended without a word: killed, out of memory, its machine gone."""


class Start(Protocol):
    """Starts all ranks once and waits for them."""

    def __call__(self, plan: Mapping[str, Any], hear: Callable[[str], None]) -> Outcome | None:
        """Return what rank 0 said last, or None where it was said in a line; `hear` gets every line of theirs.

        Raises:
            RankLost: a rank ended otherwise than by itself.
            EnvironmentProblem: they can't be started at all.

        """


def launched(start: Start, plan: Mapping[str, Any], *, ranks: int, restarts: int, report: Tell) -> Outcome:
    """Start the ranks and, each time that one is lost, all of them again, `restarts` times at most.

    They go on from the last checkpoint. An error that a rank has told of is no loss: it would only come again.

    Raises:
        InputError: a rank says that the input is wrong.
        EnvironmentProblem: a rank says what stands in its way, or one was lost too often.

    """
    for attempt in range(restarts + 1):
        ears = _Ears(report)
        try:
            said = start(plan, ears.hear)
        except RankLost as lost:
            if attempt == restarts:
                times = f"{attempt + 1} times" if attempt else "once"
                raise EnvironmentProblem(
                    f"a rank was lost {times} ({ears.last_words or lost}): look after memory and machines; the same "
                    "command goes on from the last checkpoint"
                ) from lost
            note = f"a rank was lost, all {ranks} start again ({attempt + 1} of {restarts} times)"
            report(Progress("resume ranks", attempt + 1, restarts, note))
            # Those that are left hear of it by their connections, and let go of the folder.
            time.sleep(_PAUSE)
            continue
        return _judged(said or ears.outcome)
    raise AssertionError("unreachable")


def say(**content: Any) -> None:
    """Tell whoever started this rank, in a line of its own."""
    sys.stdout.write(f"{MARK}{json.dumps(content)}\n")
    sys.stdout.flush()


def say_progress(progress: Progress) -> None:
    """Tell whoever started this rank how far it is."""
    say(progress=asdict(progress))


class _Ears:
    def __init__(self, report: Tell) -> None:
        self._report, self._tail = report, deque[str](maxlen=_KEPT_LINES)
        self.outcome: Outcome | None = None

    def hear(self, line: str) -> None:
        before, mark, text = line.partition(MARK)
        told: dict[str, Any] = {}
        # Two processes that write at once may cut each other's lines short.
        with suppress(ValueError):
            told = dict(json.loads(text)) if mark else {}
        if "progress" in told:
            self._report(Progress(**told["progress"]))
        elif "outcome" in told:
            self.outcome = told["outcome"]
        elif before.strip():
            self._tail.append(before.strip())

    @property
    def last_words(self) -> str:
        """The line that most likely says why: the last that names an error or a signal."""
        telling = [line for line in self._tail if "Error" in line or "Signal" in line or "exitcode" in line]
        return telling[-1][-200:] if telling else ""


def _judged(outcome: Outcome | None) -> Outcome:
    if outcome is None:
        raise EnvironmentProblem("the ranks ended and said nothing: run the same command again, it goes on")
    if "error" in outcome:
        kind = InputError if outcome["code"] == InputError.exit_code else EnvironmentProblem
        raise kind(str(outcome["error"]))
    return outcome


class Torchrun:
    """Starts `count` ranks on this machine by torch's own launcher; `module` is what each of them runs."""

    def __init__(self, count: int, module: str) -> None:
        self._count, self._module = count, module

    def __call__(self, plan: Mapping[str, Any], hear: Callable[[str], None]) -> None:
        """See `Start`."""
        how = ["--standalone", "--nproc-per-node", str(self._count), "--max-restarts", "0"]
        command = [sys.executable, "-m", "torch.distributed.run", *how, "-m", self._module]
        here = {**one_machine(self._count), PLAN: json.dumps(plan)}
        piped: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with _stoppable(), subprocess.Popen(command, env=here, text=True, **piped) as torchrun:  # noqa: S603
            try:
                for line in torchrun.stdout or ():
                    hear(line.rstrip("\n"))
                code = torchrun.wait()
            finally:
                _ended(torchrun)
        if code:
            raise RankLost(f"torch's launcher ended with {code}")


def one_machine(count: int) -> dict[str, str]:
    """This process's environment, as ranks of one machine need it: who shares its cores and how they meet."""
    here = {name: value for name, value in os.environ.items() if name not in _PLACES}
    defaults = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count)), "PYTHONUNBUFFERED": "1"}
    loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), None)
    if loopback is not None:
        # A machine's own name may lead to no interface of its own.
        defaults["GLOO_SOCKET_IFNAME"] = loopback
    return {**defaults, **here}


def _ended(torchrun: subprocess.Popen[str]) -> None:
    """See the ranks off: asked to end, they leave a checkpoint."""
    if torchrun.poll() is None:
        torchrun.terminate()
        try:
            torchrun.wait(_GRACE)
        except subprocess.TimeoutExpired:
            torchrun.kill()


@contextmanager
def _stoppable() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C: otherwise this process would go and leave its ranks behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
