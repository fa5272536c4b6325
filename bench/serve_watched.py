"""The server of `bench/serve.py`, in a process of its own, and what it takes of the machine.

Enters: the benchmark's options. Leaves: a `Server` that load can be put on, with its processor time and its memory.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
Row = tuple[str, float, int, float]


class Server:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address, self.told = process, address, ""

    def children(self) -> list[int]:
        """Its decoders."""
        lists = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for path in lists for pid in path.read_text().split()]

    def cpu(self) -> float:
        """Processor seconds of all its processes, those that ended included."""
        own = _stat(self.process.pid)
        return (sum(own[11:15]) + sum(sum(_stat(pid)[11:13]) for pid in self.children())) / _TICKS

    def memory(self) -> float:
        """Resident megabytes of all its processes."""
        return sum(_stat(pid)[21] for pid in (self.process.pid, *self.children())) * _PAGE / (1 << 20)

    def load(self, chosen: argparse.Namespace, **plan: Any) -> list[Row]:
        """Put load on it, from another process, and return what came of it."""
        plan = {"address": self.address, "pictures": str(chosen.images), **plan}
        command = [sys.executable, str(HERE.with_name("serve_load.py")), json.dumps(plan)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return [(str(kind), due, status, seconds) for kind, due, status, seconds in json.loads(done.stdout)]


def children_cpu() -> float:
    """Processor seconds of the processes that were waited for: the load's."""
    times = os.times()
    return times.children_user + times.children_system


def _stat(pid: int) -> list[int]:
    """What follows the name in /proc/PID/stat, from the parent's pid on; zeros of a process that has gone."""
    try:
        return [0, *map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1:])]
    except FileNotFoundError:
        return [0] * 50


@contextmanager
def serving(chosen: argparse.Namespace, environment: dict[str, str] | None = None) -> Iterator[Server]:
    command = [
        sys.executable,
        str(HERE.with_name("serve.py")),
        "--child",
        "server",
        "--settings",
        json.dumps(chosen.settings),
    ]
    command += ["--model", chosen.model] if chosen.model else []
    environment = {**os.environ, **(environment or {})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    server = Server(process, process.stdout.readline().strip())
    try:
        server.load(chosen, clients=4, seconds=2)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        server.told = process.communicate(timeout=120)[0]
