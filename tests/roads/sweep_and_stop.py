"""Calls `mezzetin.api.sweep` in processes of their own and stops them where it is told.

One JSON line in, one out. In: the arguments of `sweep`, and `stop`: a signal and the report after which it is sent
("late": the time is up then), or that it `ended` its learning. Out: how the process ended, its trials or the error, and
every task that was reported. The processes are forked from this one, which has imported everything: that takes seconds.
As in train_and_stop.py, `{"graphs": BUNDLE}` makes a model's graphs for all that follow.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from types import SimpleNamespace
from typing import Any, NoReturn

import mezzetin.training.sweep.run  # noqa: F401
from mezzetin import api
from mezzetin.errors import MezzetinError
from mezzetin.records import Progress
from mezzetin.training import loop
from mezzetin.training.sweep import work as working
from tests.roads.train_and_stop import prepare


def work(call: dict[str, Any], out: int) -> NoReturn:
    """What a forked process does; it leaves without cleaning up what belongs to its parent."""
    # A shell starts what is in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    loop.SECONDS_BETWEEN_CHECKPOINTS = call.pop("seconds_between_checkpoints", -1)
    stop = call.pop("stop", {})

    def say(told: dict[str, Any]) -> None:
        os.write(out, f"{json.dumps(told)}\n".encode())

    def report(progress: Progress) -> None:
        say({"task": progress.task})
        if progress.task.startswith(stop.get("task", "\0")) and progress.done == stop["done"]:
            if stop["signal"] == "late":
                vars(working)["time"] = SimpleNamespace(monotonic=lambda: math.inf)
            else:
                os.kill(os.getpid(), signal.Signals[stop["signal"]])

    if "ended" in stop:
        # It has learned all, but the ledger does not know it yet.
        working._epochs = lambda metrics: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment,return-value]
    try:
        outcome = api.sweep(**call, report=report)
        say({"trials": [trial.to_json() for trial in outcome.trials]})
    except MezzetinError as error:
        say({"error": [type(error).__name__, str(error)]})
    except KeyboardInterrupt:
        say({"error": ["KeyboardInterrupt", ""]})
    os._exit(0)


def answer(call: dict[str, Any]) -> dict[str, Any]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        work(call, theirs)
    os.close(theirs)
    with os.fdopen(ours) as stream:
        said = [json.loads(line) for line in stream]
    _, status = os.waitpid(child, 0)
    ended: dict[str, Any] = {
        "exit": os.waitstatus_to_exitcode(status),
        "tasks": [s["task"] for s in said if "task" in s],
    }
    for line in said:
        ended |= {} if "task" in line else line
    return ended


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(prepare(request["graphs"]) if "graphs" in request else answer(request)), flush=True)
