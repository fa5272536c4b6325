"""Calls `mezzetin.api.train` in processes of their own and stops them where it is told.

One JSON line in, one out. In: the arguments of `train`, and `stop`: a signal and where to send it, either the n-th
report of a task or the n-th call of a function. Out: how the process ended, the digest or the error, and every task
that was reported. The processes are forked from this one, which has imported everything: that takes seconds. So do a
model's graphs, hence `{"graphs": BUNDLE}` lets it make those of a bundle's model for all that follow. It needs
OMP_NUM_THREADS=1 then: the children of a process that has worked in two threads wait for the second one for ever.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn

import mezzetin.evaluation.run
import mezzetin.training.run  # noqa: F401
from mezzetin import api
from mezzetin.bundle import Bundle
from mezzetin.errors import MezzetinError
from mezzetin.records import Progress
from mezzetin.training import loop
from mezzetin.training.decoders import DECODERS
from mezzetin.training.encoders import encoder_of
from mezzetin.training.model import CaptionModel
from mezzetin.training.recipe import DecoderRecipe
from mezzetin.training.tracing import graphs_of

# A shell that starts the tests in the background lets their processes ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def send(name: str) -> None:
    os.kill(os.getpid(), signal.Signals[name])


def replaced(function: str, times: int, name: str) -> None:
    """Send the signal instead of the n-th call of a function, "module:name"."""
    place, _, attribute = function.partition(":")
    module = importlib.import_module(place)
    original: Callable[..., Any] = getattr(module, attribute)
    left = [times]

    def counted(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            send(name)
        return original(*arguments, **named)

    setattr(module, attribute, counted)


def work(call: dict[str, Any], out: int) -> NoReturn:
    """What the forked process does; it leaves without cleaning up what belongs to its parent."""
    stop = call.pop("stop", None) or {}
    loop.SECONDS_BETWEEN_CHECKPOINTS = call.pop("seconds_between_checkpoints", 120)
    if "call" in stop:
        replaced(stop["call"], stop.get("times", 1), stop["signal"])
    seen: Counter[str] = Counter()

    def report(progress: Progress) -> None:
        seen[progress.task] += 1
        os.write(out, f"{json.dumps({'task': progress.task, 'done': progress.done})}\n".encode())
        if progress.task.startswith(stop.get("task", "\0")) and seen[progress.task] == stop.get("times", 1):
            send(stop["signal"])

    told: dict[str, Any] = {}
    try:
        told["digest"] = api.train(**call, report=report).digest
    except MezzetinError as error:
        told["error"] = [type(error).__name__, str(error)]
    except KeyboardInterrupt:
        told["error"] = ["KeyboardInterrupt", ""]
    os.write(out, f"{json.dumps(told)}\n".encode())
    os._exit(0)


def answer(call: dict[str, Any]) -> dict[str, Any]:
    """Fork, train, and gather what the process said before it ended."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        work(call, theirs)
    os.close(theirs)
    with os.fdopen(ours) as stream:
        said = [json.loads(line) for line in stream]
    _, status = os.waitpid(child, 0)
    ended: dict[str, Any] = {"exit": os.waitstatus_to_exitcode(status), "told": [s for s in said if "task" in s]}
    for line in said:
        ended |= {} if "task" in line else line
    return ended


def prepare(folder: str) -> dict[str, Any]:
    """Make the graphs of models that are built like this bundle's."""
    bundle = Bundle.open(folder)
    encoder = encoder_of(bundle)
    recipe = DecoderRecipe(**bundle.manifest["training"]["recipe"]["decoder"])
    decoder = DECODERS[recipe.kind](recipe, len(bundle.vocabulary), encoder.spec.channels, encoder.spec.positions)
    graphs_of(CaptionModel(encoder, decoder))
    return {}


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(prepare(request["graphs"]) if "graphs" in request else answer(request)), flush=True)
