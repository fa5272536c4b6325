"""The scribe: a process of its own that writes a training run into MLflow while the training goes on.

Enters: JSON, a line a record, on stdin: first `open` (uri, key, name, parameters, tags), then `metrics`, last `end`.
Leaves: a run in MLflow; on stdout a line with an `error` when MLflow first fails, and `done` when all is written. What
a server that is away did not take is offered again with the next record.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from mezzetin.errors import MezzetinError, StoreUnreachable
from mezzetin.registry.door import alone, asking, experiment_of, shown_uri

KEY = "mezzetin_training"
_AT_ONCE = 100


class Scribe:
    """Writes records in their order, each once."""

    def __init__(self, opening: Mapping[str, Any]) -> None:
        self._opening = opening
        self._uri: str = opening["uri"]
        self._client: Any = None
        self._run = ""
        self._waiting: list[Mapping[str, Any]] = []
        self.place = shown_uri(self._uri)

    def take(self, record: Mapping[str, Any] | None = None) -> None:
        """Write what waits and then `record`.

        Raises:
            MezzetinError: MLflow fails; what was not written waits.

        """
        if record is not None:
            self._waiting.append(record)
        with asking(self._uri):
            if not self._run:
                self._run = self._begun()
            while self._waiting:
                self._write(self._waiting[0])
                self._waiting.pop(0)

    def _begun(self) -> str:
        """The run of this training: a new one, or the one that an earlier process began."""
        from mlflow import MlflowClient
        from mlflow.entities import Param

        tracking = self._uri.replace("databricks-uc", "databricks", 1)
        self._client = MlflowClient(tracking_uri=tracking, registry_uri=tracking)
        with alone(tracking):
            experiment = experiment_of(self._client, tracking)
        mine = f"tags.{KEY} = '{self._opening['key']}'"
        found = self._client.search_runs([experiment], mine, max_results=1)
        if found:
            run = str(found[0].info.run_id)
            self._client.update_run(run, status="RUNNING")
        else:
            about = {**self._opening["tags"], KEY: self._opening["key"]}
            run = str(self._client.create_run(experiment, run_name=self._opening["name"], tags=about).info.run_id)
        params = [Param(key, value) for key, value in self._opening["params"].items()]
        for start in range(0, len(params), _AT_ONCE):
            self._client.log_batch(run, params=params[start : start + _AT_ONCE])
        return run

    def _write(self, record: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric

        now, step = record["time"] * 1000, record.get("step", 0)
        metrics = [Metric(key, float(value), now, step) for key, value in record["metrics"].items()]
        self._client.log_batch(self._run, metrics=metrics)
        for key, value in record.get("tags", {}).items():
            self._client.set_tag(self._run, key, value)
        if "status" in record:
            self._client.set_terminated(self._run, record["status"])


def main(source: TextIO, answers: TextIO) -> None:
    """Write what comes until there is no more."""
    opening = json.loads(source.readline() or "null")
    if opening is None:
        return
    scribe, told = Scribe(opening), False
    trouble = _tried(scribe, None)
    # The file's own iteration reads ahead, and an epoch would wait for the next ones.
    for line in iter(source.readline, ""):
        if trouble and not told:
            told = True
            _answer(answers, {"error": trouble})
        trouble = _tried(scribe, json.loads(line))
    _answer(answers, {"error": trouble} if trouble else {"done": True})


def _tried(scribe: Scribe, record: Mapping[str, Any] | None) -> str | None:
    try:
        scribe.take(record)
    except StoreUnreachable:
        return f"{scribe.place} does not answer"
    except MezzetinError as error:
        return str(error)
    return None


def _answer(answers: TextIO, answer: Mapping[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
