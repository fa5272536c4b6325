"""The verbs that train: a dataset in, a bundle out; they join training, evaluation and the registry."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from mezzetin.api.reporting import Report, silent
from mezzetin.bundle import MANIFEST, Bundle, publish, upload
from mezzetin.errors import MissingExtra, RecipeError
from mezzetin.registry.reference import find_model
from mezzetin.registry.tracking import VARIABLE, Diary, tracked, tracking_uri
from mezzetin.storage.paths import Place

if TYPE_CHECKING:
    from mezzetin.data.dataset import Dataset
    from mezzetin.training.recipe import Recipe
    from mezzetin.training.sweep.run import Outcome, SweepOptions


def train(
    dataset: str | Path,
    bundle: str | Path,
    *,
    recipe: str | Path | Recipe | None = None,
    start: str | Path | None = None,
    encoder_weights: str | Path | None = None,
    track: str | None = None,
    table_version: int | None = None,
    ranks: int | None = None,
    spark: str | None = None,
    max_restarts: int = 3,
    report: Report = silent,
) -> Bundle:
    """Train a captioner on a dataset, judge it on split `val`, and write it as a bundle.

    `recipe` is a TOML file or a `Recipe`; `start` a bundle to go on from ("bundled": the bundled captioner). The same
    call goes on where an earlier one was cut off; a finished bundle is returned as it is. Dataset and bundle may lie in
    a store; the rest is then kept in `NAME.training` in the current folder. `track` is an MLflow that is told of the
    run, by default MEZZETIN_TRACKING. In every process that torchrun started, they train together; the first reports.

    `table_version` is of a Delta table, by default the one that an unfinished run began with, or the newest. With
    `ranks` so many processes train together: on this machine, or under `spark`, a Spark master. When one is lost they
    start again from the last checkpoint, `max_restarts` times at most.

    Raises:
        MissingExtra: `mezzetin[train]` is not installed.
        InputError: recipe, dataset, bundle or `track` is wrong.
        EnvironmentProblem: the disk is full or read-only, or weights can't be downloaded.
    """
    _need_torch()
    if ranks is not None or spark is not None:
        from mezzetin.api.ranks import planned, train_in_ranks

        version = _pinned(dataset, Place.of(bundle), table_version)
        more = {"track": track or os.environ.get(VARIABLE), "table_version": version}
        plan = planned(dataset, bundle, _recipe(recipe, encoder_weights), start, **more)
        return train_in_ranks(plan, ranks=ranks or 1, spark=spark, restarts=max_restarts, report=report)
    chosen = partial(_recipe, recipe, encoder_weights)
    return _trained(dataset, Place.of(bundle), chosen, start, track, table_version, report)


def _trained(
    dataset: str | Path,
    target: Place,
    chosen: Callable[[], Recipe],
    start: str | Path | None,
    track: str | None,
    table_version: int | None,
    report: Report,
) -> Bundle:
    """Train in this process, which may be one of several; what is wrong is found where the first alone tells of it."""
    from mezzetin.data.pinning import open_version, write_down
    from mezzetin.training.ranks import joined
    from mezzetin.training.run import remove_scratch, run_folder, train_stages

    with joined() as ranks:
        tell, recipe = report if ranks.leads else silent, chosen()
        data = open_version(dataset, ranks.led(lambda: _pinned(dataset, target, table_version)))
        begin = find_model(start) if start is not None else None
        folder, uri = run_folder(target), tracking_uri(track) if ranks.leads else None
        if (found := ranks.led(lambda: _finished(target, data, recipe, begin))) is not None:
            return found
        ranks.led(lambda: write_down(data, folder))
        with _tracked(uri, target, data, recipe, tell) as diary:
            last = train_stages(data, folder, recipe, start=begin, report=diary.report, ranks=ranks)
            finished = ranks.led(lambda: _completed(last, begin, data, target, folder, diary.report))
            diary.finish(finished)
        remove_scratch(folder)
        return finished


def _pinned(dataset: str | Path, target: Place, version: int | None) -> int | None:
    """The version of a Delta table that this run reads from its first process to its last."""
    from mezzetin.data.pinning import pinned_version
    from mezzetin.training.run import run_folder

    folder = None if (target / MANIFEST).exists() else run_folder(target)
    return pinned_version(dataset, folder, version=version)


def sweep(
    recipe: str | Path | Recipe | None, dataset: str | Path, folder: str | Path, **options: Unpack[SweepOptions]
) -> Outcome:
    """Train a recipe with other values, or on shares of the pictures; see `mezzetin.training.sweep` for `options`.

    Raises:
        MissingExtra: `mezzetin[train]` is not installed.
        RecipeError: a range is wrong, or `folder` holds the trials of something else.

    """
    _need_torch("optuna")
    from mezzetin.data.dataset import Dataset
    from mezzetin.training.sweep.run import sweep as work

    return work(Dataset.open(dataset), Place.of(folder), _recipe(recipe), **options)


def _finished(target: Place, dataset: Dataset, recipe: Recipe, start: Bundle | None) -> Bundle | None:
    from mezzetin.training.run import is_result_of

    if not (target / MANIFEST).exists():
        return None
    found = Bundle.open(target)
    if not is_result_of(found, dataset, recipe, start):
        raise RecipeError(f"{target} holds the bundle of another run: name another or remove it")
    return found


def _tracked(
    uri: str | None, target: Place, dataset: Dataset, recipe: Recipe, report: Report
) -> AbstractContextManager[Diary]:
    """What tells MLflow of a run; the same bundle, dataset and recipe are the same run."""
    from mezzetin.training.run import run_folder

    about = recipe.model_dump(mode="json", exclude={"card"})
    key = hashlib.sha256(repr((str(target), dataset.digest, sorted(about.items()))).encode()).hexdigest()[:16]
    log = run_folder(target) / "metrics.jsonl"
    return tracked(uri, key=key, name=target.name, about=about, dataset=dataset.digest, log=log, report=report)


def _completed(
    trained: Bundle, start: Bundle | None, dataset: Dataset, target: Place, folder: Path, report: Report
) -> Bundle:
    """Calibrate, judge and publish what the last stage made."""
    from mezzetin.evaluation.card import judged_files
    from mezzetin.training.calibrating import calibrate

    last = calibrate(trained, dataset, start=start, report=report)
    return _published(last, target, folder, judged_files(last, dataset, report))


def _published(last: Bundle, target: Place, folder: Path, findings: dict[str, bytes]) -> Bundle:
    if target.is_local:
        return publish(last, Path(target.address.path), findings)
    finished = publish(last, folder / "result", findings)
    upload(finished, target)
    return finished


def _recipe(recipe: str | Path | Recipe | None, encoder_weights: str | Path | None = None) -> Recipe:
    from mezzetin.training.recipe import Recipe, read_recipe, with_weights

    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(None if recipe is None else Path(recipe))
    return with_weights(chosen, encoder_weights)


def _need_torch(*others: str) -> None:
    if any(find_spec(name) is None for name in ("torch", "timm", "onnx", *others)):
        raise MissingExtra("train", "training")
