"""A search for better values of a recipe, and a learning curve.

Enters: a dataset, a recipe, a folder. Leaves in the folder what `Outcome` names. The same call goes on where it was cut
off, in the middle of a trial as well; with more trials or shares it goes on beyond.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from optuna.distributions import FloatDistribution

from mezzetin.data.dataset import Dataset
from mezzetin.errors import RecipeError
from mezzetin.storage.paths import Place, writing
from mezzetin.training.pictures import Report
from mezzetin.training.ranges import Range, with_values
from mezzetin.training.recipe import Recipe, with_weights
from mezzetin.training.run import fingerprint
from mezzetin.training.sweep.drawing import draw_curve, draw_sweep
from mezzetin.training.sweep.importance import importances
from mezzetin.training.sweep.leaves import write_recipe, write_trials
from mezzetin.training.sweep.ledger import Attempt, Ledger, alone
from mezzetin.training.sweep.space import distributions, own_values, ranges_of
from mezzetin.training.sweep.trial import Trial, best_first
from mezzetin.training.sweep.work import Work

SHARE = "data.share"
TRIALS = 20


@dataclass(frozen=True)
class Outcome:
    """What a sweep or a learning curve has come to: its trials by number, and the files that tell of them.

    `importances` are shares of the score's variation by dotted key, by the analysis `method`; empty while they can't be
    told, and for a curve. `wanted` is how many trials there were to be.
    """

    keys: tuple[str, ...]
    trials: tuple[Trial, ...]
    wanted: int
    files: Mapping[str, Path]
    importances: Mapping[str, float] = field(default_factory=dict)
    method: str = ""

    @property
    def best(self) -> list[Trial]:
        """The complete trials, best first."""
        return best_first(self.trials)


class SweepOptions(TypedDict, total=False):
    """What a sweep may be told: how many trials in all (20), for how many hours, from which seed.

    Or which shares of the pictures make a `curve`. `finished` hears of each trial, those of earlier calls first.
    """

    trials: int | None
    hours: float | None
    seed: int
    curve: Sequence[float] | None
    encoder_weights: str | Path | None
    finished: Callable[[Trial], None]
    report: Report


def sweep(
    dataset: Dataset,
    place: Place,
    recipe: Recipe,
    *,
    trials: int | None = None,
    hours: float | None = None,
    seed: int = 0,
    curve: Sequence[float] | None = None,
    encoder_weights: str | Path | None = None,
    finished: Callable[[Trial], None] = lambda trial: None,
    report: Report = lambda progress: None,
) -> Outcome:
    """Search, or with `curve` train on those shares of the pictures; see `search` and `learning_curve`."""
    if not place.is_local:
        raise RecipeError(f"{place}: a sweep's trials lie on this machine: name a folder here")
    if (trials is not None and trials < 1) or (hours is not None and not hours > 0):
        raise RecipeError("a sweep needs at least one trial, and more than no time")
    folder, recipe = Path(place.address.path), with_weights(recipe, encoder_weights)
    if curve is None:
        wanted = TRIALS if trials is None else trials
        return search(dataset, folder, recipe, trials=wanted, hours=hours, seed=seed, report=report, finished=finished)
    if trials is not None:
        raise RecipeError("a learning curve has a trial for each share: leave the number of trials out")
    return learning_curve(dataset, folder, recipe, shares=curve, hours=hours, report=report, finished=finished)


def search(
    dataset: Dataset,
    folder: Path,
    recipe: Recipe,
    *,
    trials: int,
    hours: float | None,
    seed: int,
    report: Report,
    finished: Callable[[Trial], None],
) -> Outcome:
    """Train the recipe with other values until there are `trials` in all; `finished` hears of each, old ones first.

    The first trial has the recipe's own values, if they lie in the ranges. After `hours` no trial goes on.

    Raises:
        RecipeError: the folder holds a sweep of something else, or the recipe can't be trained at all.
        EnvironmentProblem: the disk is full or read-only; what was finished is kept.

    """
    ranges = ranges_of(recipe)
    space = distributions(recipe, ranges)
    files = {name: folder / name for name in ("trials.csv", "sweep.svg", "best.toml")}
    with _ledger(folder, "sweep", seed) as ledger:
        told = {key: found.model_dump(mode="json") for key, found in ranges.items()}
        ledger.claim(_facts(dataset, recipe) | {"search space": told, "seed": seed})
        work = Work(dataset, recipe, folder, ledger, report, True, _until(hours))

        def following() -> Attempt | None:
            known = ledger.trials()
            if sum(trial.state != "unfinished" for trial in known) >= trials:
                return None
            return ledger.begin(space, None if known else own_values(recipe, ranges))

        for trial in _finished(ledger):
            finished(trial)
        for trial in work.go(following):
            finished(trial)
            _searched(work, ranges, trials, files)
        return _searched(work, ranges, trials, files)


def _searched(work: Work, ranges: Mapping[str, Range], wanted: int, files: Mapping[str, Path]) -> Outcome:
    """Write what can be told so far."""
    trials = work.ledger.trials()
    best = best_first(trials)
    shares, way = importances(work.ledger.study, trials)
    write_trials(trials, list(ranges), files["trials.csv"])
    if any(trial.score is not None for trial in trials):
        draw_sweep(trials, ranges, shares, way, files["sweep.svg"])
    if best:
        told = f"Trial {best[0].number}, the best of {len(best)}: held-out CIDEr-D {best[0].score:.4f}."
        write_recipe(with_values(work.recipe, best[0].values), told, files["best.toml"])
    work.tidy([trial.number for trial in best[:1]])
    return Outcome(tuple(ranges), tuple(trials), wanted, _there(files), shares, way)


def learning_curve(
    dataset: Dataset,
    folder: Path,
    recipe: Recipe,
    *,
    shares: Sequence[float],
    hours: float | None,
    report: Report,
    finished: Callable[[Trial], None],
) -> Outcome:
    """Train the recipe on shares of the training pictures, the smallest first; the held-out ones stay the same.

    Raises:
        RecipeError: a share is not in 0..1, or the folder holds a curve of something else.
        EnvironmentProblem: the disk is full or read-only; what was finished is kept.

    """
    wanted = sorted(set(shares))
    if not wanted:
        raise RecipeError("a learning curve needs shares of the pictures, such as 0.25,0.5,1")
    for share in wanted:
        with_values(recipe, {SHARE: share})
    files = {name: folder / name for name in ("curve.csv", "curve.svg")}
    with _ledger(folder, "curve") as ledger:
        ledger.claim(_facts(dataset, with_values(recipe, {SHARE: 1.0})))
        work = Work(dataset, recipe, folder, ledger, report, False, _until(hours))

        def following() -> Attempt | None:
            missing = [share for share in wanted if share not in {t.values[SHARE] for t in _finished(ledger)}]
            return ledger.begin({SHARE: FloatDistribution(0, 1)}, {SHARE: missing[0]}) if missing else None

        for trial in _finished(ledger):
            finished(trial)
        for trial in work.go(following):
            finished(trial)
            _drawn(work, len(wanted), files)
        return _drawn(work, len(wanted), files)


def _drawn(work: Work, wanted: int, files: Mapping[str, Path]) -> Outcome:
    """Write what can be told so far."""
    trials = work.ledger.trials()
    write_trials(trials, [SHARE], files["curve.csv"])
    if best_first(trials):
        draw_curve(trials, files["curve.svg"])
    work.tidy()
    return Outcome((SHARE,), tuple(trials), wanted, _there(files))


def _there(files: Mapping[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in files.items() if path.exists()}


@contextmanager
def _ledger(folder: Path, name: str, seed: int = 0) -> Iterator[Ledger]:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with alone(folder), closing(Ledger(folder, name, seed)) as ledger:
        yield ledger


def _facts(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    return {"recipe": fingerprint(recipe), "dataset": dataset.digest}


def _finished(ledger: Ledger) -> list[Trial]:
    return [trial for trial in ledger.trials() if trial.state != "unfinished"]


def _until(hours: float | None) -> float:
    return math.inf if hours is None else time.monotonic() + hours * 3600
