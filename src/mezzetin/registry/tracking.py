"""Tracking: a training run written into MLflow while it goes on, without ever holding it up.

Enters: where to write, what is trained, a file that grows by a line an epoch. Leaves: a run with parameters, metrics an
epoch, final scores and digests. The writing is done by another process: a server that is down, hangs or dies costs the
training nothing but a line that says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from mezzetin.bundle import Bundle
from mezzetin.errors import InputError, MissingExtra
from mezzetin.records import Progress
from mezzetin.registry.opening import full_uri
from mezzetin.registry.packing import DIGEST, metrics, shown_parameters

VARIABLE = "MEZZETIN_TRACKING"
Report = Callable[[Progress], None]
_PATIENCE_S = 20.0
_BRIEF_S = 3.0
#: For the scribe alone: training never waits for it, but its end does.
_HURRY = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


def tracking_uri(named: str | None) -> str | None:
    """Where runs are written: `named`, otherwise MEZZETIN_TRACKING; None where neither is set.

    Raises:
        InputError: it is no MLflow.
        MissingExtra: MLflow is not installed.

    """
    text = named or os.environ.get(VARIABLE)
    if not text:
        return None
    uri = full_uri(text)
    if uri.startswith("azureml:"):
        raise InputError("training runs are written to MLflow: name a folder or an MLflow server with --track")
    if find_spec("mlflow") is None:
        raise MissingExtra("registry", "writing down training runs")
    return uri


@contextmanager
def tracked(
    uri: str | None, *, key: str, name: str, about: Mapping[str, Any], dataset: str, log: Path, report: Report
) -> Iterator[Diary]:
    """A diary of one training run; with `uri` None nothing is written.

    `key` makes it the run that it is: after a kill the same key goes on with the same run of MLflow. `about` becomes
    its parameters, `dataset` is a digest; `log` is the file that has a JSON line an epoch.
    """
    diary = Diary(None, log, report)
    if uri is not None:
        diary = Diary(_scribe(), log, report)
        params = shown_parameters({"recipe": about})
        diary.write({"uri": uri, "key": key, "name": name, "params": params, "tags": {"mezzetin_dataset": dataset}})
    try:
        yield diary
    except BaseException as error:
        diary.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED", {}, {}, _BRIEF_S)
        raise
    finally:
        diary.close()


class Diary:
    """What a training run tells; every method returns at once but `end`, which waits for seconds."""

    def __init__(self, scribe: subprocess.Popen[bytes] | None, log: Path, report: Report) -> None:
        self._scribe, self._log, self._report = scribe, log, report
        self._told: set[str] = set()
        self._warned = False
        self._heard = b""

    def report(self, progress: Progress) -> None:
        """Pass progress on, and write what an epoch has added to the log."""
        self._report(progress)
        if self._scribe is not None and progress.task.startswith("epoch "):
            self._write_epochs()
            self._listen()

    def finish(self, bundle: Bundle) -> None:
        """Write the final scores and which bundle it is; wait until it is written, 20 s at most."""
        self.end("FINISHED", metrics(bundle.scores), {DIGEST: bundle.digest}, _PATIENCE_S)

    def end(self, status: str, scores: Mapping[str, float], tags: Mapping[str, str], patience: float) -> None:
        """Write the last record, let the scribe finish, warn where it could not."""
        if self._scribe is None:
            return
        self._write_epochs()
        self.write({"metrics": dict(scores), "tags": dict(tags), "status": status, "time": round(time.time())})
        with suppress(OSError):
            _pipe(self._scribe.stdin).close()
        try:
            self._scribe.wait(patience)
        except subprocess.TimeoutExpired:
            self._warn("it takes too long to answer")
        self._listen(last=True)

    def close(self) -> None:
        """End the scribe, whatever it is doing."""
        if self._scribe is None:
            return
        self._scribe.kill()
        self._scribe.wait()
        for pipe in (self._scribe.stdin, self._scribe.stdout):
            with suppress(OSError):
                _pipe(pipe).close()
        self._scribe = None

    def write(self, record: Mapping[str, Any]) -> None:
        """Hand a record to the scribe; one that has stopped reading gets no more."""
        if self._scribe is None or _pipe(self._scribe.stdin).closed:
            return
        line = json.dumps(record).encode() + b"\n"
        pipe = _pipe(self._scribe.stdin).fileno()
        try:
            whole = os.write(pipe, line) == len(line)
        except OSError:
            whole = False
        if not whole:
            # Half a record would be read as nonsense.
            with suppress(OSError):
                _pipe(self._scribe.stdin).close()
            self._warn("it takes nothing any more")

    def _write_epochs(self) -> None:
        try:
            lines = self._log.read_text(encoding="utf-8").splitlines()
        except OSError:
            return
        for text in lines:
            if text not in self._told:
                self._told.add(text)
                facts = json.loads(text)
                stage, step = facts.pop("stage"), facts.pop("epoch")
                when = facts.pop("time", round(time.time()))
                found = {f"{stage}.{key}": value for key, value in facts.items() if isinstance(value, int | float)}
                self.write({"metrics": found, "step": step, "time": when})

    def _listen(self, *, last: bool = False) -> None:
        """Read what the scribe has to say, without waiting."""
        if self._scribe is None:
            return
        done = False
        with suppress(OSError):
            while chunk := os.read(_pipe(self._scribe.stdout).fileno(), 1 << 16):
                self._heard += chunk
        *whole, self._heard = self._heard.split(b"\n")
        for answer in map(json.loads, whole):
            done = "done" in answer
            if "error" in answer:
                self._warn(answer["error"])
        if last and not done:
            self._warn("it ended before everything was written")

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            self._report(Progress("tracking", 0, None, f"the run is not written down completely: {why}"))


def _scribe() -> subprocess.Popen[bytes]:
    """The other process: its own session, so that Ctrl-C reaches the training alone."""
    scribe = subprocess.Popen(
        [sys.executable, "-m", "mezzetin.registry.scribe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, **_HURRY},
        bufsize=0,
    )
    for pipe in (scribe.stdin, scribe.stdout):
        os.set_blocking(_pipe(pipe).fileno(), False)
    return scribe


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without this pipe")
    return pipe
