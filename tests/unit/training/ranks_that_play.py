"""Ranks that train nothing: what torch's launcher starts in test_launching.py. The plan says what befalls them."""

import json
import os
import signal
import time
from pathlib import Path

from mezzetin.records import Progress
from mezzetin.training.launching import PLAN, say, say_progress

plan = json.loads(os.environ[PLAN])
rank, tally = int(os.environ["RANK"]), Path(plan["tally"])
if rank == 0:
    with tally.open("a") as file:
        file.write("x")
    say_progress(Progress("play", 1, 2, "of rank 0"))
    print("a warning of somebody's", flush=True)
if rank == 1:
    mine = Path(f"{tally}-1")
    with mine.open("a") as file:
        file.write("x")
    if len(mine.read_text()) <= plan["deaths"]:
        # Not before the other has said what it has to say.
        while not tally.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
if rank == 0:
    if len(tally.read_text()) <= plan["deaths"]:
        time.sleep(60)
    say(outcome=plan["outcome"])
