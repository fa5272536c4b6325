"""Two ranks, however they are started, end like one process after 52 steps; one is killed in Spark's barrier stage."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark")
pytest.importorskip("torch")
pytest.importorskip("timm")

import timm
import torch
from safetensors.torch import load_file, save_file

from mezzetin import train
from mezzetin.api.ranks import planned, work
from mezzetin.bundle import Bundle
from mezzetin.data.ingest import ingest
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress
from mezzetin.scenes import draw_scenes
from mezzetin.spark.distributor import UnderSpark, _Listening
from mezzetin.spark.session import opened
from mezzetin.storage.paths import Place
from mezzetin.training.launching import launched
from mezzetin.training.recipe import read_recipe, with_weights

# Forty pictures, four steps an epoch: 52 steps.
RECIPE = """
name = "tiny"
seed = 5
[data]
min_count = 2
holdout = 8
[encoder]
name = "test_efficientnet"
size = 64
[decoder]
width = 32
layers = 1
feed_forward = 64
dropout = 0.0
[[stages]]
name = "frozen"
epochs = 13
patience = 13
batch_images = 13
learning_rate = 3e-3
average = 0.8
mirror = true
"""
LINUX = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds a rank by its environment, in /proc")
Tell = Callable[[Progress], None]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of scenes, weights for the encoder, a recipe, and the bundle of one process."""
    folder = tmp_path_factory.mktemp("ranks")
    draw_scenes(folder / "source", count=64, seed=1)
    ingest(folder / "source", folder / "data")
    torch.manual_seed(1)
    save_file(timm.create_model("test_efficientnet").state_dict(), folder / "weights.safetensors")
    (folder / "tiny.toml").write_text(RECIPE)
    train(folder / "data", folder / "alone", **choices(folder))
    return folder


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """Spark on two cores, whose tasks find each other here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLOO_SOCKET_IFNAME", "lo")
        patch.setenv("OMP_NUM_THREADS", "1")
        with opened("local[2]") as session:
            yield session


def choices(place: Path) -> dict[str, Any]:
    return {"recipe": place / "tiny.toml", "encoder_weights": place / "weights.safetensors"}


def losses(place: Path, bundle: str) -> list[float]:
    """The mean loss of each epoch's four steps, to eight places."""
    lines = (place / f"{bundle}.training" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def until_the_last_epoch(progress: Progress) -> None:
    """Press Ctrl-C when all 52 steps are done: what follows is the same for any number of ranks."""
    if progress.task == "epoch 13 of frozen":
        raise KeyboardInterrupt


def test_two_ranks_of_our_own_launcher_have_the_losses_of_one_process(place: Path) -> None:
    with suppress(KeyboardInterrupt):
        train(place / "data", place / "own", ranks=2, report=until_the_last_epoch, **choices(place))
    assert len(losses(place, "own")) == 13
    assert losses(place, "own") == pytest.approx(losses(place, "alone"), abs=1e-4)


# In its local mode pyspark leaves the pipe of its child to whoever collects garbage.
@pytest.mark.filterwarnings("ignore:unclosed file <_io.BufferedReader:ResourceWarning")
def test_two_ranks_of_torchdistributor_have_the_losses_of_one_process(place: Path, session: Any) -> None:
    assert UnderSpark(session, 2, work).local
    train(place / "data", place / "local", ranks=2, spark="local[2]", **choices(place))
    assert losses(place, "local") == pytest.approx(losses(place, "alone"), abs=1e-4)
    same_weights(place, "local")


def same_weights(place: Path, bundle: str) -> None:
    """What a run ended in is what one process ended in, up to floating point."""
    ours, theirs = Bundle.open(place / bundle), Bundle.open(place / "alone")
    assert ours.manifest["training"] == theirs.manifest["training"]
    weights = load_file(theirs.folder / "weights.safetensors")
    for name, tensor in load_file(ours.folder / "weights.safetensors").items():
        torch.testing.assert_close(tensor, weights[name], atol=1e-3, rtol=1e-2)


def descendants() -> Iterator[tuple[int, set[bytes]]]:
    """The processes that this one has started, however far down, and what they have in their environment."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    for process in parents:
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and process != above:
            with suppress(OSError):
                yield process, set(Path(f"/proc/{process}/environ").read_bytes().split(b"\0"))


def second_rank() -> int:
    """The process that trains as rank 1 of a barrier stage: its launcher has the same RANK, but no LOCAL_RANK."""
    return next(process for process, told in descendants() if {b"RANK=1", b"LOCAL_RANK=0"} <= told)


class InBarrier(UnderSpark):
    """As on a cluster, on the two cores of a local session: the ranks are tasks of a barrier stage."""

    local = False


@LINUX
def test_a_rank_killed_in_a_barrier_stage_is_started_again_and_it_ends_the_same(place: Path, session: Any) -> None:
    told: list[Progress] = []
    lost: list[int] = []

    def kill(progress: Progress) -> None:
        told.append(progress)
        # A checkpoint is written after each epoch of four steps. What a rank says is heard when it is further.
        if progress.task == "train frozen (epoch 2 of 13)" and not lost:
            lost.append(second_rank())
            os.kill(lost[0], signal.SIGKILL)

    recipe = with_weights(read_recipe(place / "tiny.toml"), place / "weights.safetensors")
    plan = planned(place / "data", place / "spark", recipe, None, track=None, table_version=None)
    launched(InBarrier(session, 2, work), plan, ranks=2, restarts=1, report=kill)
    assert lost
    restarts = [progress.note for progress in told if progress.task == "resume ranks"]
    assert restarts == ["a rank was lost, all 2 start again (1 of 1 times)"]
    (resumed,) = [progress for progress in told if progress.task == "resume frozen"]
    assert resumed.done in range(4, 52, 4)
    assert losses(place, "spark") == pytest.approx(losses(place, "alone"), abs=1e-4)
    same_weights(place, "spark")


class Session:
    """What UnderSpark asks a session before it starts anything."""

    def __init__(self, master: str) -> None:
        self.conf = {"spark.master": master}


def test_what_can_only_fail_later_is_refused_at_once() -> None:
    def work(plan: Any) -> None:
        raise AssertionError("nothing is started")

    local, cluster = (UnderSpark(Session(master), 3, work) for master in ("local[2,4]", "local-cluster[2,1,1024]"))
    assert (local.local, cluster.local) == (True, False)
    local.check(Place.of("az://museum/own.bundle"))
    with pytest.raises(InputError, match="name a folder that all machines share"):
        cluster.check(Place.of("az://museum/own.bundle"))
    with pytest.raises(EnvironmentProblem, match="room for 2 ranks at a time"):
        cluster.check(Place.of("own.bundle"))


def test_lines_are_heard_whole_and_what_they_cause_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    import threading

    heard: list[str] = []

    def hear(line: str) -> None:
        heard.append(line)
        print(f"seen {line}", file=stream)

    stream = _Listening(hear, sys.stdout, threading.local())
    stream.write("one\ntw")
    assert heard == ["one"]
    stream.write("o\n")
    assert heard == ["one", "two"]
    assert capsys.readouterr().out == "seen one\nseen two\n"
