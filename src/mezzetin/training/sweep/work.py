"""Training after training, each in a folder of its own, none of them twice.

Enters: a dataset, a recipe, a ledger. Leaves: what became of each trial, in the ledger; in each trial's folder what a
run leaves. Features are computed once for all.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mezzetin.data.dataset import Dataset
from mezzetin.errors import InputError, RecipeError
from mezzetin.records import Progress
from mezzetin.training.objectives import Diverged
from mezzetin.training.pictures import Report
from mezzetin.training.ranges import with_values
from mezzetin.training.recipe import Recipe
from mezzetin.training.run import remove_scratch, train_stages
from mezzetin.training.sweep.ledger import Attempt, Ledger, Pruned
from mezzetin.training.sweep.trial import State, Trial

CACHE = "cache"


class _TimeIsUp(KeyboardInterrupt):
    """Ends a training as Ctrl-C does, with a checkpoint."""


@dataclass(frozen=True)
class Work:
    """What the trials of one sweep share; those that `prune` allows end early, and after `until` none goes on."""

    dataset: Dataset
    recipe: Recipe
    folder: Path
    ledger: Ledger
    report: Report
    prune: bool
    until: float

    def place(self, number: int) -> Path:
        """A trial's folder."""
        return self.folder / ("trials" if self.prune else "points") / str(number)

    def go(self, following: Callable[[], Attempt | None]) -> Iterator[Trial]:
        """Work off what `following` gives until it gives None or time is up; each trial as it is finished."""
        while time.monotonic() < self.until and (attempt := following()) is not None:
            try:
                self._train(attempt)
            except _TimeIsUp:
                return
            yield self.ledger.trials()[attempt.number]

    def _train(self, attempt: Attempt) -> None:
        """Train a trial to its end; what is wrong with it alone is noted.

        Raises:
            InputError: no trial has come anywhere yet, and this one can't either: that is not its own fault.
            EnvironmentProblem: the disk is full or read-only; the trial is gone on with by the next call.

        """
        try:
            recipe = with_values(self.recipe, attempt.values)
        except RecipeError as error:
            # Each value is one that the recipe takes, but not all together.
            self._end(attempt, "failed", reason=str(error))
            return
        try:
            self._learn(attempt, recipe)
        except Pruned:
            self._end(attempt, "pruned")
        except Diverged as error:
            self._end(attempt, "failed", reason=error.reason)
        except InputError as error:
            if all(trial.score is None for trial in self.ledger.trials()):
                raise
            self._end(attempt, "failed", reason=str(error))
        except (MemoryError, RuntimeError) as error:
            # torch has no exception of its own for memory that is not the accelerator's.
            if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
                raise
            self._end(attempt, "failed", reason="there is not enough memory for it")

    def _learn(self, attempt: Attempt, recipe: Recipe) -> None:
        stages = [stage.name for stage in recipe.stages]

        def judged(stage: str, epoch: int, score: float) -> None:
            attempt.report(stages.index(stage), epoch, score, prune=self.prune)

        def report(progress: Progress) -> None:
            self.report(replace(progress, task=f"trial {attempt.number}: {progress.task}"))
            if time.monotonic() > self.until:
                raise _TimeIsUp

        bundle = train_stages(
            self.dataset,
            self.place(attempt.number),
            recipe,
            start=None,
            report=report,
            cache=self.folder / CACHE,
            judged=judged,
        )
        pictures = bundle.manifest["training"]["images"]
        self._end(attempt, "complete", attempt.best(len(stages) - 1), pictures=pictures)

    def _end(self, attempt: Attempt, state: State, score: float | None = None, **facts: Any) -> None:
        epochs = _epochs(self.place(attempt.number) / "metrics.jsonl")
        seconds = round(sum(epoch["seconds"] for epoch in epochs), 1)
        attempt.end(state, score, epochs=len(epochs), seconds=seconds, **facts)

    def tidy(self, kept: Collection[int] | None = None) -> None:
        """Remove what finished trials need no longer, and their bundles but those of the trials `kept` (None: all)."""
        for trial in self.ledger.trials():
            if trial.state != "unfinished":
                remove_scratch(self.place(trial.number))
                if kept is not None and trial.number not in kept:
                    shutil.rmtree(self.place(trial.number) / "stages", ignore_errors=True)


def _epochs(metrics: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.exists() else []
