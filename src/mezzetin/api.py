"""The verbs: what every command does, as Python functions of the same names.

The one place that joins the packages of the floor below. Progress goes to a callable that takes `records.Progress`;
nothing here prints. Heavy packages are imported where they are used, so that captioning needs neither torch nor
pyarrow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from mezzetin.bundle import MANIFEST, Bundle, find_bundle, publish, upload
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.checkup.examination import doctor
from mezzetin.contactsheet import sheet_items, write_contact_sheet
from mezzetin.errors import InputError, MissingExtra, RecipeError
from mezzetin.evaluation.judging import compare, evaluate
from mezzetin.pixels import DEFAULT_MAX_PIXELS
from mezzetin.records import Caption, Progress
from mezzetin.serving.keys import add_key, list_keys, revoke_key
from mezzetin.serving.start import serve
from mezzetin.storage.azure.credentials import login, logout
from mezzetin.storage.copying.run import store
from mezzetin.storage.paths import Place, writing
from mezzetin.storage.pictures import find_pictures
from mezzetin.worker import caption_pictures

if TYPE_CHECKING:
    from mezzetin.data.dataset import Dataset
    from mezzetin.data.ingest import Options
    from mezzetin.data.inspection import Inspection
    from mezzetin.data.report import IngestReport
    from mezzetin.decoding.options import DecodingChanges
    from mezzetin.training.recipe import Recipe
    from mezzetin.training.sweep.run import Outcome, SweepOptions

Report = Callable[[Progress], None]


def _silent(progress: Progress) -> None:
    pass


def caption(
    places: Iterable[str | Path],
    model: str | Path | None = None,
    *,
    beam: int | None = None,
    alternatives: int = 0,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    min_confidence: float | None = None,
    captioner: BundleCaptioner | None = None,
    **decoding: Unpack[DecodingChanges],
) -> Iterator[tuple[str, Caption]]:
    """Caption the pictures that paths and folders name: (name, caption) in order, errors as captions with `error`.

    `captioner` spares the loading of `model` when one is loaded already; the rest is that of `load_captioner`.
    """
    if captioner is None:
        captioner = load_captioner(
            model,
            beam=beam,
            alternatives=alternatives,
            max_pixels=max_pixels,
            min_confidence=min_confidence,
            **decoding,
        )
    yield from caption_pictures(captioner, find_pictures(places))


def contact_sheet(
    rows: Iterable[tuple[str, Caption]],
    target: str | Path,
    *,
    places: Iterable[str | Path] = (),
    title: str = "Captions",
    notice: str = "",
) -> Path:
    """Write captioned pictures as one HTML page with their captions as alt texts.

    `places` are what `caption` was given: they tell how to reach pictures in a store again, which the names don't.
    """
    items = sheet_items(rows, places)
    target = Path(target)
    with writing(target):
        write_contact_sheet(target, items, title=title, notice=notice)
    return target


def ingest(
    source: str | Path,
    dataset: str | Path,
    *,
    delta: str | Path | None = None,
    overwrite: bool = False,
    report: Report = _silent,
    **options: Unpack[Options],
) -> IngestReport:
    """Make a dataset of captioned pictures, both anywhere; see `mezzetin.data.ingest` for the `options`.

    With `delta` its rows are also written to the Delta table there, behind those that it has or, with `overwrite`, in
    their place.

    Raises:
        DatasetError: the source can't be used, has pictures in several splits, or `dataset` holds something else.
        MissingExtra: `mezzetin[delta]` is not installed.
        EnvironmentProblem: the disk is full, read-only or refuses, or a store does not answer; the same call goes on.

    """
    if overwrite and delta is None:
        raise InputError("--overwrite is for the rows of a Delta table: name one with --delta")
    from mezzetin.data.ingest import ingest as make

    made = make(source, dataset, progress=lambda done, total: report(Progress("ingest", done, total)), **options)
    if delta is None:
        return made
    from mezzetin.data.dataset import Dataset
    from mezzetin.data.delta import write_delta

    table = write_delta(
        Dataset.open(dataset),
        delta,
        mode="overwrite" if overwrite else "append",
        progress=lambda done, total: report(Progress("table", done, total)),
    )
    return replace(made, table=table.lines()[0])


def inspect(
    dataset: str | Path, *, html: str | Path | None = None, split: str | None = None, report: Report = _silent
) -> Inspection:
    """Count what a dataset (or one split of it) holds, write it as the page `html`; see `mezzetin.data.inspection`."""
    from mezzetin.data.dataset import Dataset
    from mezzetin.data.inspection import inspect_dataset
    from mezzetin.data.inspection.page import write_page

    data = Dataset.open(dataset)
    found = inspect_dataset(data, split=split, report=report)
    if html is not None:
        write_page(found, data, html)
    return found


def train(
    dataset: str | Path,
    bundle: str | Path,
    *,
    recipe: str | Path | Recipe | None = None,
    start: str | Path | None = None,
    encoder_weights: str | Path | None = None,
    report: Report = _silent,
) -> Bundle:
    """Train a captioner on a dataset, judge it on split `val`, and write it as a bundle.

    `recipe` is a TOML file or a `Recipe`; `start` a bundle to go on from ("bundled": the bundled captioner). The same
    call goes on where an earlier one was cut off; a bundle that is finished is returned as it is. Dataset and bundle
    may lie in a store; what is not the result is then kept in `NAME.training` in the current folder. Called in every
    process that torchrun started, they train together; the first of them reports, writes and raises, see
    `mezzetin.training.ranks`.

    Raises:
        MissingExtra: `mezzetin[train]` is not installed.
        RecipeError, DatasetError, BundleError: the input is wrong.
        EnvironmentProblem: the disk is full or read-only, or weights can't be downloaded.

    """
    _need_torch()
    from mezzetin.data.dataset import Dataset
    from mezzetin.training.ranks import joined
    from mezzetin.training.run import remove_scratch, run_folder, train_stages

    with joined() as ranks:
        tell = report if ranks.leads else _silent
        chosen, data, target = _recipe(recipe, encoder_weights), Dataset.open(dataset), Place.of(bundle)
        begin = find_bundle(start) if start is not None else None
        folder = run_folder(target)
        found = ranks.led(lambda: _finished(target, data, chosen, begin))
        if found is not None:
            return found
        last = train_stages(data, folder, chosen, start=begin, report=tell, ranks=ranks)
        finished = ranks.led(lambda: _completed(last, begin, data, target, folder, tell))
        remove_scratch(folder)
        return finished


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


def _completed(
    trained: Bundle, start: Bundle | None, dataset: Dataset, target: Place, folder: Path, report: Report
) -> Bundle:
    """Calibrate, judge and publish what the last stage made."""
    from mezzetin.training.calibrating import calibrate

    last = calibrate(trained, dataset, start=start, report=report)
    return _published(last, target, folder, _findings(last, dataset, report))


def _published(last: Bundle, target: Place, folder: Path, findings: dict[str, bytes]) -> Bundle:
    if target.is_local:
        return publish(last, Path(target.address.path), findings)
    finished = publish(last, folder / "result", findings)
    upload(finished, target)
    return finished


def _findings(bundle: Bundle, dataset: Dataset, report: Report) -> dict[str, bytes]:
    """`scores.json` and `card.md`, from split `val` where there is one in a language that can be scored.

    Without METEOR, which depends on the machine's Java: the same training gives the same bundle anywhere.
    """
    from mezzetin.evaluation.card import write_card
    from mezzetin.evaluation.fitness import is_scored
    from mezzetin.evaluation.run import judge

    if not dataset.count("val") or not is_scored(bundle.language):
        return {"card.md": write_card(bundle, None).encode()}
    judged = judge(BundleCaptioner(bundle), dataset, "val", with_meteor=False, with_findings=False, report=report)
    scores = json.dumps(judged.to_json(), indent=1) + "\n"
    return {"card.md": write_card(bundle, judged).encode(), "scores.json": scores.encode()}


def _recipe(recipe: str | Path | Recipe | None, encoder_weights: str | Path | None = None) -> Recipe:
    from mezzetin.training.recipe import Recipe, read_recipe, with_weights

    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(None if recipe is None else Path(recipe))
    return with_weights(chosen, encoder_weights)


def _need_torch(*others: str) -> None:
    if any(find_spec(name) is None for name in ("torch", "timm", "onnx", *others)):
        raise MissingExtra("train", "training")


__all__ = [
    "add_key",
    "caption",
    "compare",
    "contact_sheet",
    "doctor",
    "evaluate",
    "find_bundle",
    "find_pictures",
    "ingest",
    "inspect",
    "list_keys",
    "load_captioner",
    "login",
    "logout",
    "revoke_key",
    "serve",
    "store",
    "sweep",
    "train",
]
