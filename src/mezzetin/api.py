"""The verbs: what every command does, as Python functions of the same names.

The one place that joins the packages of the floor below. Progress goes to a callable that takes `records.Progress`;
nothing here prints. Heavy packages are imported where they are used, so that captioning needs neither torch nor
pyarrow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mezzetin.bundle import MANIFEST, Bundle, find_bundle, publish
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.contactsheet import SheetItem, write_contact_sheet
from mezzetin.errors import ImageError, InputError, MissingExtra, RecipeError
from mezzetin.pixels import DEFAULT_MAX_PIXELS, thumbnail
from mezzetin.records import Caption, Progress
from mezzetin.storage.paths import writing
from mezzetin.worker import Item, caption_pictures

if TYPE_CHECKING:
    from mezzetin.data.dataset import Dataset
    from mezzetin.data.report import IngestReport
    from mezzetin.evaluation.run import Evaluation
    from mezzetin.training.recipe import Recipe

Report = Callable[[Progress], None]
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"})


def _silent(progress: Progress) -> None:
    pass


def find_pictures(places: Iterable[str | Path]) -> Iterator[Item]:
    """The pictures that paths and folders name, folders searched through in order of name.

    A file that is named is always taken, whatever its suffix; in folders a file counts by its suffix. A path that
    does not exist, or a folder without pictures, is passed on and becomes a row with an error.

    Raises:
        InputError: there is no picture in any of them.

    """
    empty = []
    found = False
    for place in places:
        path = Path(place).expanduser()
        inside = _pictures_in(path) if str(place) and path.is_dir() else iter([(str(place), path)])
        first = next(inside, None)
        if first is None:
            empty.append((str(place), path))
        else:
            found = True
            yield first
            yield from inside
    if empty and not found:
        known = ", ".join(sorted(PICTURE_SUFFIXES))
        raise InputError(f"{empty[0][0]} holds no pictures ({known})")
    yield from empty


def _pictures_in(path: Path) -> Iterator[Item]:
    for folder, subfolders, names in os.walk(path):
        subfolders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in PICTURE_SUFFIXES:
                yield str(Path(folder) / name), Path(folder) / name


def caption(
    places: Iterable[str | Path],
    model: str | Path | None = None,
    *,
    beam: int | None = None,
    alternatives: int = 0,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    captioner: BundleCaptioner | None = None,
) -> Iterator[tuple[str, Caption]]:
    """Caption the pictures that paths and folders name: (name, caption) in order, errors as captions with `error`.

    `captioner` spares the loading of `model` when one is loaded already.
    """
    if captioner is None:
        captioner = load_captioner(model, beam=beam, alternatives=alternatives, max_pixels=max_pixels)
    yield from caption_pictures(captioner, find_pictures(places))


def contact_sheet(
    rows: Iterable[tuple[str, Caption]], target: str | Path, *, title: str = "Captions", notice: str = ""
) -> Path:
    """Write captioned local pictures as one HTML page with their captions as alt texts."""
    items = []
    for name, described in rows:
        try:
            picture = None if described.error else thumbnail(Path(name).expanduser(), 480)
        except ImageError:
            picture = None
        items.append(SheetItem(Path(name).name, picture, described))
    target = Path(target)
    with writing(target):
        write_contact_sheet(target, items, title=title, notice=notice)
    return target


def ingest(
    source: str | Path,
    dataset: str | Path,
    *,
    layout: str | None = None,
    language: str = "en",
    seed: int = 0,
    licence: str | None = None,
    report: Report = _silent,
) -> IngestReport:
    """Make a dataset of captioned pictures; see `mezzetin.data.ingest`."""
    from mezzetin.data.ingest import ingest as make

    def progress(done: int, total: int | None) -> None:
        report(Progress("ingest", done, total))

    return make(source, dataset, layout=layout, language=language, seed=seed, licence=licence, progress=progress)


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
    call goes on where an earlier one was cut off; a bundle that is finished is returned as it is.

    Raises:
        MissingExtra: `mezzetin[train]` is not installed.
        RecipeError, DatasetError, BundleError: the input is wrong.
        EnvironmentProblem: the disk is full or read-only, or weights can't be downloaded.

    """
    _need_torch()
    from mezzetin.data.dataset import Dataset
    from mezzetin.training.run import is_result_of, remove_scratch, run_folder, train_stages

    chosen = _recipe(recipe, encoder_weights)
    data, target = Dataset.open(dataset), Path(bundle)
    begin = find_bundle(start) if start is not None else None
    folder = run_folder(target)
    if (target / MANIFEST).exists():
        found = Bundle.open(target)
        if not is_result_of(found, data, chosen, begin):
            raise RecipeError(f"{target} holds the bundle of another run: name another or remove it")
        return found
    last = train_stages(data, folder, chosen, start=begin, report=report)
    finished = publish(last, target, _findings(last, data, report))
    remove_scratch(folder)
    return finished


def evaluate(
    dataset: str | Path,
    model: str | Path | None = None,
    *,
    split: str = "val",
    beam: int | None = None,
    out: str | Path | None = None,
    report: Report = _silent,
) -> tuple[Evaluation, Path]:
    """Score a captioner on a split it has not seen; keep captions, scores and an HTML page in the folder `out`.

    Returns the evaluation and the folder, by default `NAME-SPLIT.evaluation` in the current one.

    Raises:
        DatasetError: the split is empty, was trained on, or is in another language.

    """
    from mezzetin.data.dataset import Dataset
    from mezzetin.evaluation.run import judge, keep

    captioner = load_captioner(model, beam=beam)
    data = Dataset.open(dataset)
    folder = Path(out) if out is not None else Path(f"{captioner.info.name}-{split}.evaluation")
    found = judge(captioner, data, split, report=report)
    keep(found, captioner, data, folder)
    return found, folder


def _findings(bundle: Bundle, dataset: Dataset, report: Report) -> dict[str, bytes]:
    """`scores.json` and `card.md`, from split `val` where there is one.

    Without METEOR, which depends on the machine's Java: the same training gives the same bundle anywhere.
    """
    from mezzetin.evaluation.card import write_card
    from mezzetin.evaluation.run import judge

    if not dataset.count("val"):
        return {"card.md": write_card(bundle, None).encode()}
    judged = judge(BundleCaptioner(bundle), dataset, "val", with_meteor=False, report=report)
    scores = json.dumps(judged.to_json(), indent=1) + "\n"
    return {"card.md": write_card(bundle, judged).encode(), "scores.json": scores.encode()}


def _recipe(recipe: str | Path | Recipe | None, encoder_weights: str | Path | None) -> Recipe:
    from mezzetin.training.recipe import Recipe, read_recipe

    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(None if recipe is None else Path(recipe))
    if encoder_weights is None:
        return chosen
    named = chosen.encoder.model_copy(update={"weights": str(encoder_weights)})
    return chosen.model_copy(update={"encoder": named})


def _need_torch() -> None:
    if any(find_spec(name) is None for name in ("torch", "timm", "onnx")):
        raise MissingExtra("train", "training")


__all__ = [
    "caption",
    "contact_sheet",
    "evaluate",
    "find_bundle",
    "find_pictures",
    "ingest",
    "load_captioner",
    "train",
]
