"""A stage that is stopped, wherever, and started again ends in the very weights of one that was not."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mezzetin.errors import EnvironmentProblem, RecipeError
from mezzetin.records import Progress
from mezzetin.training import loop
from mezzetin.training.corpus import Corpus
from mezzetin.training.loop import Run, Stage
from mezzetin.training.model import CaptionModel, step_seed
from mezzetin.training.recipe import DataRecipe, Recipe, StageRecipe
from mezzetin.vocabulary import Vocabulary

Model = Callable[..., CaptionModel]
WORDS = 16


class Killed(BaseException):
    """What no code catches, like a SIGKILL."""


class Drawn:
    """Noise for pictures, looked at by the encoder only where that learns."""

    def __init__(self, model: CaptionModel, live: bool) -> None:
        self.encoder = model.encoder if live else None
        self.shape = (model.encoder.spec.positions, model.encoder.spec.channels)

    def features(self, keys: Sequence[str], mirrored: NDArray[np.bool_], seed: int) -> Tensor:
        return self.plain(keys)

    def plain(self, keys: Sequence[str], *, mirrored: bool = False) -> Tensor:
        generators = [np.random.default_rng(step_seed(key)) for key in keys]
        if self.encoder is None:
            return torch.stack([torch.from_numpy(g.standard_normal(self.shape, np.float32)) for g in generators])
        pixels = [g.integers(0, 256, (32, 32, 3), dtype=np.uint8) for g in generators]
        seen: Tensor = self.encoder(torch.from_numpy(np.stack(pixels)))
        return seen

    def close(self) -> None:
        pass


def corpus() -> Corpus:
    words = Vocabulary([f"w{n}" for n in range(WORDS - 4)], "ptb-py")
    captions = [[[4 + (n * k) % 12, 5 + n % 11, 6] for k in (1, 2)] for n in range(6)]
    return Corpus(words, 5, [f"k{n}" for n in range(6)], captions, captions, ["h1", "h2"], [[["w1", "w2"]], [["w3"]]])


class Runner:
    """Trains the same stage from the same beginning, as a new process would, in a folder."""

    def __init__(self, folder: Path, model: Model, *, live: bool = False, **changes: Any) -> None:
        name = "mobilenetv3_small_050" if live else "test_efficientnet"
        self.begin = model(WORDS, name, dropout=0.3)
        self.start = {key: tensor.clone() for key, tensor in self.begin.state_dict().items()}
        settings = {"epochs": 2, "batch_images": 2, "captions_per_image": 2, "average": 0.5, "learning_rate": 1e-2}
        self.stage = StageRecipe(name="s", encoder="fine-tuned" if live else "frozen", **{**settings, **changes})
        self.live, self.folder = live, folder
        self.told: list[Progress] = []

    def train(self, folder: str, report: Callable[[Progress], None] | None = None) -> dict[str, Tensor]:
        # A line that is interrupted where gradients are off would leave them off, in the next process they are on.
        torch.set_grad_enabled(True)
        self.begin.load_state_dict(self.start)
        (self.folder / folder).mkdir(exist_ok=True)
        recipe = Recipe(data=DataRecipe(max_words=5), stages=(self.stage,))
        run = Run(recipe, corpus(), self.folder / folder, "run", report or self.told.append)
        Stage(run, self.stage, self.begin, Drawn(self.begin, self.live)).train()
        return {key: tensor.clone() for key, tensor in self.begin.state_dict().items()}

    def metrics(self, folder: str) -> list[tuple[float, float]]:
        lines = (self.folder / folder / "metrics.jsonl").read_text().splitlines()
        return [(line["epoch"], line["held_out_cider"]) for line in map(json.loads, lines)]


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def tracing(at: Callable[[int], None]) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that calls `at` with the number of each line of the loop before it is executed."""

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename != loop.__file__:
            return None
        if event == "line":
            at(frame.f_lineno)
        return trace

    return trace


def traced(runner: Runner, folder: str, at: Callable[[int], None]) -> dict[str, Tensor]:
    before = sys.gettrace()
    sys.settrace(tracing(at))
    try:
        return runner.train(folder)
    finally:
        sys.settrace(before)


@pytest.mark.parametrize(("error", "every", "share"), [(KeyboardInterrupt, math.inf, 0), (Killed, -1, 1)])
def test_stopped_at_any_line_it_ends_the_same(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], every: float, share: int
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", every)
    runner = Runner(tmp_path, model)
    seen: Counter[int] = Counter()
    whole = traced(runner, "whole", lambda line: seen.update([line]))
    moments = sorted(seen)[share::3]
    assert len(moments) > 20
    for moment in moments:
        # Not the first time that the line is executed but in the middle of the stage.
        left = [1 + seen[moment] // 2]

        def stop(line: int, moment: int = moment, left: list[int] = left) -> None:
            left[0] -= line == moment
            if left[0] == 0 and line == moment:
                raise error

        with pytest.raises(error):
            traced(runner, f"at{moment}", stop)
        assert_same(runner.train(f"at{moment}"), whole)
        assert runner.metrics(f"at{moment}") == runner.metrics("whole")


def test_an_encoder_that_learns_goes_on_bit_for_bit(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This encoder has weights that its features don't depend on, and so no moments of theirs.
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", -1)
    runner = Runner(tmp_path, model, live=True)
    whole = runner.train("whole")
    assert any(not torch.equal(whole[name], runner.start[name]) for name in whole if name.startswith("encoder."))

    def kill(progress: Progress) -> None:
        if progress.task.startswith("train") and progress.done == 2:
            raise Killed

    with pytest.raises(Killed):
        runner.train("cut", kill)
    assert_same(runner.train("cut"), whole)
    assert runner.told[-2].task != "resume s"
    assert "resume s" in [progress.task for progress in runner.told]


def test_a_stage_begins_at_nought_beside_a_longer_one_before_it(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", -1)
    alone = Runner(tmp_path, model, epochs=1)
    whole = alone.train("alone")
    longer = Runner(tmp_path, model, epochs=3)
    longer.stage = longer.stage.model_copy(update={"name": "before"})
    longer.train("both")

    def kill(progress: Progress) -> None:
        if progress.task.startswith("train") and progress.done == 2:
            raise Killed

    with pytest.raises(Killed):
        alone.train("both", kill)
    alone.told.clear()
    assert_same(alone.train("both"), whole)
    assert (alone.told[0].task, alone.told[0].done) == ("resume s", 1)


def test_the_best_epoch_is_kept_and_patience_ends_the_stage(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.9])
    judged: list[dict[str, Tensor]] = []

    def judge(model: CaptionModel, *rest: object) -> float:
        judged.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return next(scores)

    monkeypatch.setattr(loop, "held_out_cider", judge)
    runner = Runner(tmp_path, model, epochs=9, patience=2)
    assert_same(runner.train("run"), judged[1])
    assert [score for _, score in runner.metrics("run")] == [0.1, 0.5, 0.4, 0.3]


@pytest.mark.parametrize("batch_images", [2, 6])
def test_a_stage_that_diverges_is_one_line(tmp_path: Path, model: Model, batch_images: int) -> None:
    runner = Runner(tmp_path, model, learning_rate=1e30, batch_images=batch_images, epochs=1)
    with pytest.raises(RecipeError, match="lower its learning rates") as caught:
        runner.train("run")
    assert "\n" not in str(caught.value)


def test_metrics_that_cannot_be_written_are_one_line(tmp_path: Path, model: Model) -> None:
    (tmp_path / "run" / "metrics.jsonl").mkdir(parents=True)
    with pytest.raises(EnvironmentProblem, match="can't be written"):
        Runner(tmp_path, model).train("run")
