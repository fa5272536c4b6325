"""One METEOR process for all tests of a worker: to start it takes eight seconds, a question less than a millisecond.

Its answers do not depend on what it was asked before. What starts and ends the real one is proven in
tests/unit/metrics/test_meteor.py, which does without this.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path

import pytest

# The package has a function of the module's name.
METEOR = import_module("mezzetin.metrics.meteor")


@pytest.fixture(scope="session")
def java_process() -> Iterator[ExitStack]:
    """What the one process is ended with; it is started by the first who asks."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def one_java(java_process: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let METEOR be asked of the one process."""
    real, known = METEOR._running, vars(java_process)

    @contextmanager
    def running(java: str, jar: Path) -> Iterator[subprocess.Popen[str]]:
        if "process" not in known or known["process"].poll() is not None:
            known["process"] = java_process.enter_context(real(java, jar))
        yield known["process"]

    monkeypatch.setattr(METEOR, "_running", running)
