"""The ranks of a training under Spark's TorchDistributor: its barrier stage gives each of them a task.

Enters: a session, how many ranks, the function that each of them runs (importable where they are). Leaves: what the
function returned in rank 0. With a session that is one machine (`local[…]`) the ranks are its children; with any other
they are tasks on its executors, which start together and end together: Spark does not try them again.
"""

from __future__ import annotations

import io
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.spark.session import first_line
from mezzetin.storage.paths import Place
from mezzetin.training.launching import RankLost, one_machine

_ONE_MACHINE = re.compile(r"local(\[[^\]]*\])?")
_SMALL_CLUSTER = re.compile(r"local-cluster\[(\d+),(\d+),\d+\]")
Work = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]


class UnderSpark:
    """Starts `count` ranks by TorchDistributor; see `mezzetin.training.launching.Start`."""

    def __init__(self, session: Any, count: int, work: Work) -> None:
        self._session, self._count, self._work = session, count, work
        self._master = str(session.conf.get("spark.master", ""))

    @property
    def local(self) -> bool:
        """Whether the ranks are children of this process, with its folders and its cores."""
        return _ONE_MACHINE.fullmatch(self._master) is not None

    def check(self, bundle: Place) -> None:
        """Refuse what could only fail later, after minutes of waiting.

        Raises:
            InputError: checkpoints of ranks on other machines would lie where the next attempt does not find them.
            EnvironmentProblem: the cluster has room for fewer ranks.

        """
        if not self.local and not bundle.is_local:
            raise InputError(
                f"{bundle}: on a cluster the checkpoints lie beside the bundle, so name a folder that all machines "
                "share, and copy the bundle from there with `mezzetin store`"
            )
        small = _SMALL_CLUSTER.fullmatch(self._master)
        if small is not None and int(small[1]) * int(small[2]) < self._count:
            raise EnvironmentProblem(
                f"{self._master} has room for {int(small[1]) * int(small[2])} ranks at a time: ask for fewer"
            )

    def __call__(self, plan: Mapping[str, Any], hear: Callable[[str], None]) -> Mapping[str, Any] | None:
        """Start them once; see `Start`."""
        from py4j.protocol import Py4JError  # type: ignore[import-untyped]
        from pyspark.errors import PySparkException
        from pyspark.ml.torch.distributor import TorchDistributor

        with _overheard(hear), _environment(one_machine(self._count) if self.local else {}):
            try:
                distributor = TorchDistributor(num_processes=self._count, local_mode=self.local, use_gpu=False)
                said: Mapping[str, Any] | None = distributor.run(self._work, dict(plan))
            except (Py4JError, PySparkException, RuntimeError) as error:
                if "No module named 'mezzetin" in str(error):
                    raise EnvironmentProblem(
                        "the executors have no mezzetin: install 'mezzetin[train]' on the cluster (docs/spark.md)"
                    ) from error
                raise RankLost(first_line(error)) from error
        return said


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """TorchDistributor's local mode gives its children the environment of this process and takes no other."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _overheard(hear: Callable[[str], None]) -> Iterator[None]:
    """Hear what the distributor prints, which is what the ranks print and its own notes.

    In local mode it writes their lines to stdout, otherwise to stderr from a thread of its own.
    """
    hearing = threading.local()
    out, error = _Listening(hear, sys.stdout, hearing), _Listening(hear, sys.stderr, hearing)
    with redirect_stdout(out), redirect_stderr(error):
        yield


class _Listening(io.TextIOBase):
    """A stream whose lines are heard; what is written because of one, such as progress, goes where it belongs."""

    def __init__(self, hear: Callable[[str], None], original: Any, hearing: threading.local) -> None:
        self._hear, self._original, self._hearing = hear, original, hearing
        self._part = ""

    def write(self, text: str) -> int:
        """Take lines, in pieces too."""
        if getattr(self._hearing, "now", False):
            return int(self._original.write(text))
        *lines, self._part = (self._part + text).split("\n")
        self._hearing.now = True
        try:
            for line in lines:
                self._hear(line)
        finally:
            self._hearing.now = False
        return len(text)

    def flush(self) -> None:
        """Pass it on."""
        self._original.flush()

    def isatty(self) -> bool:
        """What the stream in its place is; whoever draws progress asks."""
        return bool(self._original.isatty())
