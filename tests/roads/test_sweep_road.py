"""From a recipe with ranges to a better one: whole, stopped in every way, gone on with; and a learning curve."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin import api
from mezzetin.bundle import Bundle
from mezzetin.cli import run
from mezzetin.errors import MezzetinError, RecipeError

Call = Callable[..., dict[str, Any]]
RECIPE = """
name = "tiny"
seed = 5
[data]
min_count = 2
max_words = 12
holdout = 8
[encoder]
name = "test_efficientnet"
size = 64
weights = "weights.safetensors"
[decoder]
width = 32
layers = 1
feed_forward = 64
dropout = 0.0
[[stages]]
name = "captions"
epochs = 5
batch_images = 8
learning_rate = 1e-2
warmup = 0.0
label_smoothing = 0.0
average = 0.0
[sweep]
"stages.captions.learning_rate" = { choices = [1e-2, 1e30] }
[sweep.decoder]
dropout = { low = 0, high = 0.4 }
"""
SEED = 6


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of scenes, another one, weights for the encoder, and a recipe."""
    for name in ("torch", "timm", "optuna"):
        pytest.importorskip(name)
    import timm
    import torch
    from safetensors.torch import save_file

    from mezzetin.data.ingest import ingest
    from mezzetin.scenes import draw_scenes

    folder = tmp_path_factory.mktemp("sweeps")
    for name, count in (("data", 64), ("other", 8)):
        draw_scenes(folder / f"{name}.source", count=count, seed=1)
        ingest(folder / f"{name}.source", folder / name)
    torch.manual_seed(1)
    save_file(timm.create_model("test_efficientnet").state_dict(), folder / "weights.safetensors")
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def sweep(place: Path) -> Iterator[Call]:
    """Sweep in a process of its own; what isn't said is as in the first call."""
    command = [sys.executable, "-m", "tests.roads.sweep_and_stop"]
    where: dict[str, Any] = {"cwd": Path(__file__).parents[2], "env": {**os.environ, "OMP_NUM_THREADS": "1"}}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **where) as driver:
        assert driver.stdin
        assert driver.stdout

        def call(folder: str, **changes: Any) -> dict[str, Any]:
            usual = {"recipe": str(place / "tiny.toml"), "dataset": str(place / "data"), "trials": 3, "seed": SEED}
            request = {**usual, **changes, "folder": str(place / folder)}
            print(json.dumps(request), file=driver.stdin, flush=True)
            told: dict[str, Any] = json.loads(driver.stdout.readline())  # type: ignore[union-attr]
            return told

        yield call
        driver.stdin.close()


@pytest.fixture(scope="module")
def whole(sweep: Call, place: Path) -> list[dict[str, Any]]:
    """The trials of a sweep that nothing stopped, in the folder `whole`; what comes after it shares their graphs."""
    told = sweep("whole")
    assert told["exit"] == 0 and "error" not in told, told
    (kept,) = (place / "whole/trials").glob("*/stages/captions")
    assert sweep("whole", graphs=str(kept)) == {}
    return list(told["trials"])


def outcome(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: fact for key, fact in trial.items() if key != "seconds"} for trial in trials]


def test_the_first_trial_is_the_recipe_itself_and_one_that_diverges_ends_nothing(
    whole: list[dict[str, Any]], place: Path
) -> None:
    assert [trial["number"] for trial in whole] == [0, 1, 2]
    assert whole[0]["values"] == {"stages.captions.learning_rate": 1e-2, "decoder.dropout": 0.0}
    wild = [trial for trial in whole if trial["values"]["stages.captions.learning_rate"] == 1e30]
    tame = [trial for trial in whole if trial not in wild]
    assert wild and len(tame) > 1
    assert {trial["state"] for trial in wild} == {"failed"}
    assert {trial["state"] for trial in tame} == {"complete"}
    assert len({trial["score"] for trial in tame}) == len(tame)
    for trial in wild:
        assert "diverged" in trial["reason"] and "name another bundle" not in trial["reason"]
    for trial in tame:
        lines = (place / "whole/trials" / str(trial["number"]) / "metrics.jsonl").read_text().splitlines()
        scores = [json.loads(line)["held_out_cider"] for line in lines]
        assert (trial["epochs"], trial["pictures"]) == (len(scores), 40)
        assert trial["score"] == pytest.approx(max(scores), abs=1e-4)
    assert len({trial["values"]["decoder.dropout"] for trial in whole}) == 3


def test_what_it_leaves(whole: list[dict[str, Any]], place: Path) -> None:
    from mezzetin.data.dataset import Dataset
    from mezzetin.training.recipe import read_recipe
    from mezzetin.training.run import is_result_of

    folder = place / "whole"
    rows = (folder / "trials.csv").read_text().splitlines()
    assert rows[0] == "trial,state,cider_d,epochs,seconds,pictures,stages.captions.learning_rate,decoder.dropout,reason"
    assert [row.split(",")[:2] for row in rows[1:]] == [[str(t["number"]), t["state"]] for t in whole]
    svg = (folder / "sweep.svg").read_text()
    assert "what mattered" in svg and "captions.learning_rate" in svg and "decoder.dropout" in svg
    best = max((trial for trial in whole if trial["score"] is not None), key=lambda trial: trial["score"])
    kept = sorted(path.parent.name for path in folder.glob("trials/*/stages"))
    assert kept == [str(best["number"])]
    recipe = read_recipe(folder / "best.toml")
    bundle = Bundle.open(folder / "trials" / kept[0] / "stages/captions")
    assert is_result_of(bundle, Dataset.open(place / "data"), recipe, None)
    assert not recipe.sweep
    # Features are computed once for all trials; what a run needs no longer is gone.
    assert len(list((folder / "cache").glob("*.npy"))) == 1
    assert not list(folder.glob("trials/*/c[ah][ce]*"))


def test_stopped_in_every_way_it_ends_where_it_would_have_ended(
    sweep: Call, whole: list[dict[str, Any]], place: Path
) -> None:
    ready = [trial["number"] for trial in whole if trial["state"] == "complete"]
    late = f"trial {ready[1]}: train captions (epoch 2"
    answers = [
        sweep("stopped", hours=9, stop={"task": "trial 0: look at the pictures", "done": 48, "signal": "late"}),
        sweep("stopped", stop={"task": "trial 0: train captions (epoch 2", "done": 2, "signal": "SIGKILL"}),
        sweep("stopped", stop={"ended": True}),
        sweep("stopped", stop={"task": late, "done": 2, "signal": "SIGINT"}, seconds_between_checkpoints=1e9),
        sweep("stopped"),
    ]
    assert [told["exit"] for told in answers] == [0, -signal.SIGKILL, -signal.SIGKILL, 0, 0]
    assert [trial["state"] for trial in answers[0]["trials"]] == ["unfinished"]
    assert answers[3]["error"] == ["KeyboardInterrupt", ""]
    assert "trial 0: resume captions" in answers[2]["tasks"]
    assert f"trial {ready[1]}: resume captions" in answers[4]["tasks"]
    # A trial that had learned all learns nothing more, one that was finished is not looked at.
    assert not [task for task in answers[3]["tasks"] if task.startswith("trial 0: train")]
    assert not [task for task in answers[4]["tasks"] if task.startswith("trial 0: ")]
    assert outcome(answers[4]["trials"]) == outcome(whole)
    assert (place / "stopped/best.toml").read_text() == (place / "whole/best.toml").read_text()
    again = sweep("stopped")
    assert (again["tasks"], again["trials"]) == ([], answers[4]["trials"])


def test_it_is_gone_on_with_by_nothing_but_itself(whole: list[dict[str, Any]], place: Path) -> None:
    usual: dict[str, Any] = {"dataset": place / "data", "folder": place / "whole", "trials": 3, "seed": SEED}

    def refusal(text: str, **changes: Any) -> str:
        (place / "changed.toml").write_text(text)
        with pytest.raises(RecipeError) as caught:
            api.sweep(place / "changed.toml", **{**usual, **changes})
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "another recipe" in refusal(RECIPE.replace("epochs = 5", "epochs = 6"))
    assert "another search space" in refusal(RECIPE.replace("high = 0.4", "high = 0.5"))
    assert "another dataset" in refusal(RECIPE, dataset=place / "other")
    assert "another seed" in refusal(RECIPE, seed=4)
    # What has no part in the weights may change.
    (place / "changed.toml").write_text(RECIPE.replace('"tiny"', '"huge"'))
    assert len(api.sweep(place / "changed.toml", **usual).trials) == 3


def test_two_do_not_sweep_in_one_folder(whole: list[dict[str, Any]], place: Path) -> None:
    from mezzetin.training.sweep.ledger import alone

    with alone(place / "whole"), pytest.raises(RecipeError, match="another sweep is at work"):
        api.sweep(place / "tiny.toml", place / "data", place / "whole", seed=SEED)


def test_a_recipe_that_cannot_be_trained_is_no_row_of_failures(place: Path) -> None:
    (place / "unmade.toml").write_text(RECIPE.replace("min_count = 2", "min_count = 10_000"))
    with pytest.raises(MezzetinError, match="lower data"):
        api.sweep(place / "unmade.toml", place / "data", place / "unmade", trials=3)


def test_the_command_tells_of_each_trial(
    whole: list[dict[str, Any]], place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = ["sweep", str(place / "tiny.toml"), str(place / "data"), str(place / "whole"), "--seed", str(SEED)]
    assert run([*line, "--trials", "3"]) == 0
    said = capfd.readouterr()
    assert said.out.split()[:4] == ["trial", "CIDEr-D", "captions.learning_rate", "decoder.dropout"]
    assert "3 of 3: " in said.out and "best.toml" in said.out.splitlines()[-1]
    assert said.err.count("trial ") >= 3
    assert run([*line, "--trials", "3", "--json"]) == 0
    objects = [json.loads(text) for text in capfd.readouterr().out.splitlines()]
    assert [(o["trial"], o["state"], o["score"]) for o in objects] == [
        (t["number"], t["state"], t["score"]) for t in whole
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--curve", "1,2"], "less than or equal to 1"),
        (["--curve", "half"], "write 0.25,0.5,1"),
        (["--curve", "1", "--trials", "2"], "leave the number of trials out"),
        (["--hours", "0"], "more than no time"),
    ],
)
def test_a_wrong_call_is_one_line(
    place: Path, capfd: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert run(["sweep", str(place / "tiny.toml"), str(place / "data"), str(place / "wrong"), *options]) == 2
    said = capfd.readouterr().err
    assert words in said and said.count("\n") == 1


def test_a_learning_curve(sweep: Call, place: Path) -> None:
    import numpy as np

    curve: dict[str, Any] = {"trials": None, "curve": [1, 0.5]}
    sweep("curve", **curve, stop={"task": "trial 1: train captions (epoch 2", "done": 1, "signal": "SIGKILL"})
    told = sweep("curve", **curve)
    points = told["trials"]
    assert [(p["values"], p["pictures"], p["state"]) for p in points] == [
        ({"data.share": 0.5}, 20, "complete"),
        ({"data.share": 1.0}, 40, "complete"),
    ]
    assert "trial 1: resume captions" in told["tasks"]
    assert not [task for task in told["tasks"] if task.startswith("trial 0: ")]
    half, all_of_them = (Bundle.open(place / "curve/points" / n / "stages/captions") for n in "01")
    assert half.manifest["training"]["recipe"]["data"]["share"] == 0.5
    assert "share" not in all_of_them.manifest["training"]["recipe"]["data"]
    seen, more = (set(np.load(b.folder / "training_images.npy").tolist()) for b in (half, all_of_them))
    assert (len(seen), len(more)) == (28, 48) and seen < more
    assert (place / "curve/curve.csv").read_text().splitlines()[0].split(",")[-2] == "data.share"
    assert "pictures learned from" in (place / "curve/curve.svg").read_text()
