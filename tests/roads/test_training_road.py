"""From captioned pictures to a bundle: whole, stopped at every kind of moment, on full disks, and gone on with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
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

Train = Callable[..., dict[str, Any]]
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
[[stages]]
name = "frozen"
epochs = 2
batch_images = 8
learning_rate = 1e-2
average = 0.8
mirror = true
[[stages]]
name = "fine-tuned"
encoder = "fine-tuned"
epochs = 1
batch_images = 8
learning_rate = 5e-3
average = 0.8
mirror = true
crop = 0.7
"""
MORE = (
    "[[stages]]\nname = 'more'\nepochs = 2\nbatch_images = 8\ncrop = 0.8\nencoder = 'fine-tuned'\n[data]\nholdout = 8\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of scenes, another one, weights for the encoder, and two recipes."""
    folder = tmp_path_factory.mktemp("road")
    for name, count in (("data", 64), ("other", 16)):
        draw_scenes(folder / f"{name}.source", count=count, seed=1)
        ingest(folder / f"{name}.source", folder / name)
    for seed in (1, 2):
        torch.manual_seed(seed)
        save_file(timm.create_model("test_efficientnet").state_dict(), folder / f"weights{seed}.safetensors")
    (folder / "tiny.toml").write_text(RECIPE)
    (folder / "more.toml").write_text(MORE)
    return folder


@pytest.fixture(scope="module")
def train(place: Path) -> Iterator[Train]:
    """Train in a process of its own; what isn't said is as in the first run."""
    script = Path(__file__).with_name("train_and_stop.py")
    here = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, script], env=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdin
        assert driver.stdout

        def call(bundle: str | Path, **changes: Any) -> dict[str, Any]:
            usual = {"dataset": "data", "recipe": "tiny.toml", "encoder_weights": "weights1.safetensors", "start": None}
            paths = {key: value and str(place / value) for key, value in {**usual, **changes}.items() if key in usual}
            request = {**changes, **paths, "bundle": str(place / bundle)}
            print(json.dumps(request), file=driver.stdin, flush=True)
            answer: dict[str, Any] = json.loads(driver.stdout.readline())  # type: ignore[union-attr]
            return answer

        yield call
        driver.stdin.close()


@pytest.fixture(scope="module")
def whole(train: Train, place: Path) -> Bundle:
    """The bundle of a run that nothing stopped; what comes after it shares its graphs."""
    assert train("whole")["exit"] == 0
    assert train("whole", graphs=str(place / "whole")) == {}
    return Bundle.open(place / "whole")


def problem(answer: dict[str, Any], kind: str) -> str:
    assert answer["exit"] == 0
    name, message = answer["error"]
    assert name == kind
    assert "\n" not in message
    return str(message)


def tasks(answer: dict[str, Any]) -> list[str]:
    return [progress["task"] for progress in answer["told"]]


MOMENTS: list[tuple[str, dict[str, Any]]] = [
    ("while the features are computed", {"task": "look at the pictures"}),
    ("after the first step", {"task": "train frozen (epoch 1"}),
    ("in the middle of an epoch", {"task": "train frozen (epoch 1", "times": 3}),
    ("while an epoch is judged", {"call": "mezzetin.training.loop:held_out_cider"}),
    ("by Ctrl-C", {"task": "train frozen (epoch 2", "times": 3, "signal": "SIGINT"}),
    ("before the last checkpoint is whole", {"call": "mezzetin.training.checkpoint:write_manifest", "times": 2}),
    ("while a stage's bundle is written", {"call": "mezzetin.training.assembly:seal"}),
    ("between the stages", {"task": "look at the pictures"}),
    ("in the middle of the second stage", {"task": "train fine-tuned (epoch 1", "times": 3}),
    ("while the result is published", {"call": "mezzetin.bundle:seal"}),
]


def test_stopped_at_any_moment_it_ends_in_the_same_bundle(train: Train, whole: Bundle, place: Path) -> None:
    resumed: dict[str, int | None] = {}
    for name, moment in MOMENTS:
        stop: dict[str, Any] = {"signal": "SIGKILL", **moment}
        # Ctrl-C makes a checkpoint of its own.
        every = 1e9 if stop["signal"] == "SIGINT" else -1
        answer = train("stopped", stop=stop, seconds_between_checkpoints=every)
        resumed[name] = next((p["done"] for p in answer["told"] if p["task"].startswith("resume")), None)
        if stop["signal"] == "SIGINT":
            assert problem(answer, "KeyboardInterrupt") == ""
        else:
            assert answer["exit"] == -signal.SIGKILL, name
        assert not (place / "stopped" / "bundle.json").exists()
    # Five steps an epoch; what was under way is lost: a step with its checkpoint, a judgement with its step.
    assert list(resumed.values()) == [None, None, None, 2, 4, 8, 9, 10, None, 2]
    last = train("stopped")
    assert last["digest"] == whole.digest
    # Nothing was left to do but to judge and to publish.
    assert {task.split()[0] for task in tasks(last)} == {"caption"}
    left = sorted(path.name for path in (place / "stopped.training").iterdir())
    assert left == ["curves.svg", "metrics.jsonl", "run.json", "stages"]


def test_a_finished_bundle_is_returned_at_once_and_nothing_else_is_put_in_its_place(
    train: Train, whole: Bundle, place: Path
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in whole.folder.iterdir()}
    again = train("whole")
    assert (again["digest"], again["told"]) == (whole.digest, [])
    assert train("whole", encoder_weights=None)["digest"] == whole.digest
    for number, (old, new) in enumerate([("1e-2", "2e-2"), ("seed = 5", "seed = 6"), ('"tiny"', '"other"')]):
        (place / f"{number}.toml").write_text(RECIPE.replace(old, new))
        assert "another run" in problem(train("whole", recipe=f"{number}.toml"), "RecipeError")
    assert "another run" in problem(train("whole", dataset="other"), "RecipeError")
    assert "another run" in problem(train("whole", encoder_weights="weights2.safetensors"), "RecipeError")
    assert {path.name: path.stat().st_mtime_ns for path in whole.folder.iterdir()} == before


def test_an_unfinished_run_is_gone_on_with_by_nothing_but_itself(train: Train, place: Path) -> None:
    train("mine", stop={"task": "train frozen", "signal": "SIGKILL"}, seconds_between_checkpoints=-1)
    for changes in ({"dataset": "other"}, {"recipe": "more.toml"}, {"encoder_weights": "weights2.safetensors"}):
        assert "belongs to another run" in problem(train("mine", **changes), "RecipeError")
    (place / "terms.toml").write_text("licence_file = 'none.md'\n" + RECIPE)
    assert "there is no licence file" in problem(train("mine", recipe="terms.toml"), "RecipeError")


def test_what_a_bundle_says_of_itself_may_change_until_it_is_finished(train: Train, whole: Bundle, place: Path) -> None:
    shutil.copytree(place / "whole.training", place / "renamed.training")
    (place / "terms.md").write_text("Be kind.")
    (place / "renamed.toml").write_text("licence_file = 'terms.md'\n" + RECIPE.replace('"tiny"', '"huge"'))
    answer = train("renamed", recipe="renamed.toml")
    assert {task.split()[0] for task in tasks(answer)} == {"caption"}
    renamed = Bundle.open(place / "renamed")
    assert renamed.info.name == "huge"
    assert (renamed.folder / "LICENSE.md").read_text() == "Be kind."
    same = "weights.safetensors"
    assert (renamed.folder / same).read_bytes() == (whole.folder / same).read_bytes()
    assert train("renamed", recipe="renamed.toml")["told"] == []


MORE_ARGUMENTS = {"recipe": "more.toml", "encoder_weights": None}


@pytest.fixture(scope="module")
def second(train: Train, whole: Bundle, place: Path) -> Bundle:
    """A bundle that went on from the first."""
    assert train("second", start="whole", **MORE_ARGUMENTS)["exit"] == 0
    return Bundle.open(place / "second")


def test_a_bundle_that_went_on_from_another_keeps_its_shape_and_words(
    train: Train, whole: Bundle, second: Bundle
) -> None:
    assert second.vocabulary.words == whole.vocabulary.words
    assert second.manifest["encoder"] == whole.manifest["encoder"]
    assert second.manifest["training"]["recipe"]["decoder"] == whole.manifest["training"]["recipe"]["decoder"]
    one, other = (load_file(bundle.folder / "weights.safetensors") for bundle in (whole, second))
    assert one.keys() == other.keys()
    assert not torch.equal(one["decoder.words.weight"], other["decoder.words.weight"])
    assert "another run" in problem(train("second", start="second", **MORE_ARGUMENTS), "RecipeError")


def test_a_full_disk_costs_nothing_that_was_finished(
    train: Train, second: Bundle, small_disk: Callable[[str], Path]
) -> None:
    # A third bundle, from the second, on a disk that has room for one thing more each time.
    disk = small_disk("300k")

    def on(**changes: Any) -> dict[str, Any]:
        return train(disk / "third", start="second", seconds_between_checkpoints=-1, **MORE_ARGUMENTS, **changes)

    def room(more: int) -> None:
        held = os.statvfs(disk)
        small_disk(f"{(held.f_blocks - held.f_bfree) * held.f_frsize + more}")

    for needed, kilobytes in (("third.training/cache", 300), ("third.training/checkpoints", 1500)):
        small_disk(f"{kilobytes}k")
        assert needed in problem(on(), "EnvironmentProblem")
    small_disk("16m")
    assert on(stop={"call": "mezzetin.training.run:assemble", "signal": "SIGKILL"})["exit"] == -signal.SIGKILL
    room(100_000)
    answer = on()
    assert "third.training/stages/more" in problem(answer, "EnvironmentProblem")
    assert tasks(answer) == ["resume more"]
    room(550_000)
    answer = on()
    assert tasks(answer)[0] == "resume more"
    assert "third can't be written" in problem(answer, "EnvironmentProblem")
    assert not (disk / "third" / "bundle.json").exists()
    small_disk("16m")
    answer = on()
    assert {task.split()[0] for task in tasks(answer)} == {"caption"}
    assert Bundle.open(disk / "third").digest == answer["digest"]


def test_a_place_that_cannot_be_written_is_one_line(
    train: Train, place: Path, small_disk: Callable[[str], Path]
) -> None:
    fixed = small_disk("1m,ro")
    assert "can't be written" in problem(train(fixed / "bundle"), "EnvironmentProblem")
    (place / "file").touch()
    assert "can't be written" in problem(train(place / "file" / "bundle"), "EnvironmentProblem")
