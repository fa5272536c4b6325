"""Training runs in MLflow: all that was told is there, and whatever happens to it costs seconds at most."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from mezzetin.bundle import bundled_captioner
from mezzetin.errors import InputError
from mezzetin.records import Progress
from mezzetin.registry import tracking
from mezzetin.registry.door import asking
from mezzetin.registry.opening import open_registry
from mezzetin.registry.tracking import Diary, tracked, tracking_uri
from tests.unit.registry.conftest import mlflow_server, stop

ABOUT = {"seed": 7, "stages": [{"name": "frozen", "epochs": 3}]}


class Training:
    """A training run as a diary sees it: a log that grows, and epochs that are reported."""

    def __init__(self, folder: Path) -> None:
        self.log, self.told = folder / "metrics.jsonl", list[Progress]()

    def diary(self, uri: str | None, key: str = "one") -> Any:
        about: dict[str, Any] = {"about": ABOUT, "dataset": "d" * 64, "log": self.log, "report": self.told.append}
        return tracked(uri, key=key, name="own", **about)

    def epoch(self, diary: Diary, number: int) -> None:
        line = {"stage": "frozen", "epoch": number, "loss": 5.0 - number, "held_out_cider": number / 10, "time": number}
        with self.log.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
        diary.report(Progress(f"epoch {number} of frozen", number, 3, ""))

    @property
    def warnings(self) -> list[str]:
        return [progress.note for progress in self.told if progress.task == "tracking"]


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training(tmp_path)


def runs(uri: str, key: str = "one") -> list[Any]:
    with asking(uri):
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        found = client.get_experiment_by_name("mezzetin")
        assert found is not None
        return list(client.search_runs([found.experiment_id], f"tags.mezzetin_training = '{key}'"))


def losses(uri: str, run: Any) -> list[tuple[int, float]]:
    with asking(uri):
        from mlflow import MlflowClient

        history = MlflowClient(tracking_uri=uri, registry_uri=uri).get_metric_history(run.info.run_id, "frozen.loss")
        return sorted((point.step, point.value) for point in history)


def test_a_run_is_written_down_whole(training: Training, tmp_path: Path) -> None:
    uri = tracking_uri(str(tmp_path / "new" / "runs"))
    assert uri is not None
    with training.diary(uri) as diary:
        for number in (1, 2):
            training.epoch(diary, number)
        diary.finish(bundled_captioner())
    (run,) = runs(uri)
    assert training.warnings == []
    assert run.info.status == "FINISHED"
    assert run.data.params == {"recipe.seed": "7", "recipe.stages.0.name": "frozen", "recipe.stages.0.epochs": "3"}
    assert losses(uri, run) == [(1, 4.0), (2, 3.0)]
    assert run.data.metrics["CIDEr-D"] == bundled_captioner().scores["scores"][-1]["value"]
    assert run.data.tags["mezzetin_digest"] == bundled_captioner().digest
    assert run.data.tags["mezzetin_dataset"] == "d" * 64


def test_what_was_cut_off_goes_on_in_the_same_run(training: Training, tmp_path: Path) -> None:
    uri = open_registry(str(tmp_path / "runs")).uri
    with pytest.raises(KeyboardInterrupt), training.diary(uri) as diary:
        training.epoch(diary, 1)
        # Long enough for the other process to have begun the run.
        deadline = time.monotonic() + 60
        while not _begun(uri) and time.monotonic() < deadline:
            time.sleep(0.2)
        raise KeyboardInterrupt
    with training.diary(uri) as diary:
        training.epoch(diary, 2)
        diary.finish(bundled_captioner())
    (run,) = runs(uri)
    assert run.info.status == "FINISHED"
    assert losses(uri, run) == [(1, 4.0), (2, 3.0)]


def test_a_server_that_dies_in_the_middle_costs_a_line(training: Training, tmp_path: Path) -> None:
    with mlflow_server(tmp_path) as (address, server), training.diary(tracking_uri(address)) as diary:
        training.epoch(diary, 1)
        deadline = time.monotonic() + 60
        while not _begun(address) and time.monotonic() < deadline:
            time.sleep(0.5)
        stop(server)
        began = time.monotonic()
        training.epoch(diary, 2)
        assert time.monotonic() - began < 1
        diary.finish(bundled_captioner())
        assert time.monotonic() - began < 30
    (warning,) = training.warnings
    assert warning.endswith(f"{address} does not answer")


def _begun(address: str) -> bool:
    try:
        return bool(runs(address))
    except AssertionError:
        return False


def test_a_server_that_never_answers_costs_what_the_end_waits(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "_PATIENCE_S", 2.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with training.diary(f"http://127.0.0.1:{silent.getsockname()[1]}") as diary:
            for number in (1, 2, 3):
                training.epoch(diary, number)
            assert time.monotonic() - began < 2
            diary.finish(bundled_captioner())
        assert time.monotonic() - began < 8
    assert len(training.warnings) == 1


def test_a_scribe_that_reads_no_more_never_holds_the_training_up(training: Training) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with training.diary(f"http://127.0.0.1:{silent.getsockname()[1]}") as diary:
            began = time.monotonic()
            for _ in range(2000):
                diary.write({"metrics": {"x" * 100: 1.0}, "time": 0})
            assert time.monotonic() - began < 5
            diary.close()
    assert training.warnings == ["the run is not written down completely: it takes nothing any more"]


def test_without_a_uri_nothing_is_started(training: Training) -> None:
    with training.diary(tracking_uri(None)) as diary:
        training.epoch(diary, 1)
        diary.finish(bundled_captioner())
    assert [progress.task for progress in training.told] == ["epoch 1 of frozen"]


def test_runs_go_to_an_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZETIN_TRACKING", "http://museum:5000")
    assert tracking_uri(None) == "http://museum:5000"
    assert tracking_uri("databricks") == "databricks"
    with pytest.raises(InputError, match="MLflow server"):
        tracking_uri("azureml://registries/shared")
