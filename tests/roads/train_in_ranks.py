"""`mezzetin train` in a process that sends a signal before one of its steps; `torchrun` starts it like the command.

The first argument says when and what: JSON with `rank`, `step`, `signal`, and `to`, which is "itself" or "torchrun".
The rest is the command line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from mezzetin.cli import run
from mezzetin.training.batches import Batch
from mezzetin.training.loop import Stage

plan = json.loads(sys.argv[1])
step = Stage._step


def stopped(stage: Stage, batch: Batch) -> float:
    if (int(os.environ["RANK"]), stage.position.step) == (plan["rank"], plan["step"]):
        os.kill(os.getpid() if plan["to"] == "itself" else os.getppid(), signal.Signals[plan["signal"]])
        # torchrun passes it on to all its processes, this one too.
        time.sleep(60)
    return step(stage, batch)


Stage._step = stopped  # type: ignore[method-assign, assignment]
sys.exit(run(sys.argv[2:]))
