"""Two ranks under torchrun: they do what one process does, and outlive the death of one, SIGTERM and bad input."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mezzetin.bundle import Bundle

pytest.importorskip("torch")
pytest.importorskip("timm")

import timm
import torch
from safetensors.torch import load_file, save_file

from mezzetin.data.ingest import ingest
from mezzetin.scenes import draw_scenes
from mezzetin.storage.manifest import read_manifest
from mezzetin.training.ranks import LOST

# Forty pictures are learned from: the last batch of an epoch has one picture, and the first rank none of it.
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
[[stages]]
name = "fine-tuned"
encoder = "fine-tuned"
epochs = 2
batch_images = 13
learning_rate = 3e-3
average = 0.8
mirror = true
crop = 0.7
light = 0.2
"""
HERE = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
STOPPING = str(Path(__file__).with_name("train_in_ranks.py"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of scenes, weights for the encoder, and two recipes, one with a slip."""
    folder = tmp_path_factory.mktemp("ranks")
    draw_scenes(folder / "source", count=64, seed=1)
    ingest(folder / "source", folder / "data")
    torch.manual_seed(1)
    save_file(timm.create_model("test_efficientnet").state_dict(), folder / "weights.safetensors")
    (folder / "tiny.toml").write_text(RECIPE)
    (folder / "slip.toml").write_text(RECIPE.replace("batch_images", "batch_imagse"))
    return folder


def command(place: Path, bundle: str, recipe: str = "tiny.toml") -> list[str]:
    weights = str(place / "weights.safetensors")
    paths = [str(place / name) for name in ("data", bundle, recipe)]
    return ["train", *paths[:2], "--recipe", paths[2], "--encoder-weights", weights, "--plain"]


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, env=HERE, capture_output=True, text=True, check=False, timeout=500)


def apart(arguments: list[str]) -> list[tuple[int, str]]:
    """Exit code and stderr of two ranks that nobody watches over."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    shared = {**HERE, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    with ExitStack() as stack:
        ranks = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, *arguments],
                    env={**shared, "RANK": str(rank)},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for rank in range(2)
        ]
        told = [rank.communicate(timeout=500)[1] for rank in ranks]
    return [(rank.returncode, text) for rank, text in zip(ranks, told, strict=True)]


def metrics(place: Path, bundle: str) -> list[dict[str, Any]]:
    lines = (place / f"{bundle}.training" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def together(place: Path) -> Bundle:
    """The bundle of two ranks that nothing stopped."""
    done = run([*TORCHRUN, "-m", "mezzetin", *command(place, "together")])
    assert done.returncode == 0, done.stderr
    # One of them tells how it goes.
    assert done.stderr.count("epoch 13 of frozen") == 1
    assert sorted(p.name for p in (place / "together.training").iterdir()) == [
        "curves.svg",
        "metrics.jsonl",
        "run.json",
        "stages",
    ]
    return Bundle.open(place / "together")


def test_two_ranks_do_what_one_process_does(place: Path, together: Bundle) -> None:
    assert run([sys.executable, "-m", "mezzetin", *command(place, "alone")]).returncode == 0
    one, two = metrics(place, "alone"), metrics(place, "together")
    assert [line["epoch"] for line in one] == [*range(1, 14), 1, 2]
    for expected, found in zip(one, two, strict=True):
        assert (found["stage"], found["epoch"]) == (expected["stage"], expected["epoch"])
        # Both are rounded to four places.
        assert found["loss"] == pytest.approx(expected["loss"], abs=1.1e-4)
        assert found["held_out_cider"] == pytest.approx(expected["held_out_cider"], abs=1e-3)
    assert one[-1]["loss"] < one[0]["loss"] - 1
    alone = load_file(place / "alone" / "weights.safetensors")
    shared = load_file(together.folder / "weights.safetensors")
    assert alone.keys() == shared.keys()
    assert [n for n in alone if not torch.allclose(alone[n].float(), shared[n].float(), 2e-3, 2e-3)] == []


def second_rank() -> int | None:
    """The process that has rank 1 and was started by a child of this one."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"RANK=1" in (folder / "environ").read_bytes().split(b"\0"):
                agent = Path("/proc") / (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if int((agent / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid():
                    return int(folder.name)
        except (OSError, ValueError):
            continue
    return None


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds a process by its environment, under Linux")
def test_a_killed_rank_is_started_again_and_it_ends_the_same(place: Path, together: Bundle) -> None:
    arguments = [*TORCHRUN, "--max-restarts", "2", "-m", "mezzetin", *command(place, "killed")]
    with (
        subprocess.Popen(arguments, env=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as torchrun,
        ExitStack() as stack,
    ):
        # It ends its ranks with itself, should the test end first.
        stack.callback(torchrun.terminate)
        begun = place / "killed.training" / "checkpoints" / "frozen" / "step-00000008.json"
        while not begun.exists() and torchrun.poll() is None:
            time.sleep(0.005)
        victim = second_rank()
        assert victim
        os.kill(victim, signal.SIGKILL)
        told = torchrun.communicate(timeout=500)[1]
    assert torchrun.returncode == 0, told
    assert told.count("resume frozen: going on from step") == 1
    assert Bundle.open(place / "killed").digest == together.digest


def test_sigterm_ends_all_ranks_with_a_checkpoint(place: Path, together: Bundle) -> None:
    # The other rank waits in a message of the next step then.
    plan = {"rank": 0, "step": 2, "signal": "SIGTERM", "to": "torchrun"}
    stopped = run([*TORCHRUN, STOPPING, json.dumps(plan), *command(place, "stopped")])
    assert stopped.returncode != 0
    assert stopped.stderr.count("stopped: the same command goes on") == 1
    (manifest,) = (place / "stopped.training" / "checkpoints" / "frozen").glob("*.json")
    assert read_manifest(manifest, format="mezzetin.checkpoint", version=1)["step"] == 2
    done = run([*TORCHRUN, "-m", "mezzetin", *command(place, "stopped")])
    assert done.stderr.count("resume frozen: going on from step 2") == 1
    assert Bundle.open(place / "stopped").digest == together.digest


def test_bad_input_is_told_once_and_all_end_with_its_code(place: Path, together: Bundle) -> None:
    (first, told), (second, silence) = apart(["-m", "mezzetin", *command(place, "none", "slip.toml")])
    assert (first, second) == (2, 2)
    assert "batch_imagse" in told
    assert "error" not in silence
    # What only the first looks at: the bundle of another run is in the way.
    (place / "other.toml").write_text(RECIPE.replace("seed = 5", "seed = 6"))
    (first, told), (second, silence) = apart(["-m", "mezzetin", *command(place, "together", "other.toml")])
    assert (first, second) == (2, 2)
    assert "holds the bundle of another run" in told
    assert "error" not in silence


def test_a_rank_that_dies_leaves_nobody_waiting(place: Path) -> None:
    plan = {"rank": 1, "step": 3, "signal": "SIGKILL", "to": "itself"}
    (first, told), (second, _) = apart([STOPPING, json.dumps(plan), *command(place, "widowed")])
    assert (first, second) == (3, -signal.SIGKILL)
    assert told.splitlines()[-1] == f"error: {LOST}"
