"""A trained bundle learns how sure it is: its confidence is calibrated on the pictures that were held out.

Enters: a bundle and the dataset that it was trained on. Leaves: the same bundle with `calibration.json`, or without one
where too few pictures were held out to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mezzetin.bundle import CALIBRATION, Bundle, image_keys, reseal
from mezzetin.captioner import BundleCaptioner
from mezzetin.confidence import LEAST_PICTURES, Calibration, Signals, fit_calibration
from mezzetin.data.dataset import Dataset
from mezzetin.decoding.english import is_english
from mezzetin.errors import DatasetError
from mezzetin.metrics.acceptability import human_median
from mezzetin.metrics.cider import cider_d
from mezzetin.records import Progress
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing
from mezzetin.text import tokenise
from mezzetin.training.corpus import build_corpus
from mezzetin.training.recipe import DataRecipe

BATCH = 8
TASK = "caption held-out pictures"
Report = Callable[[Progress], None]
Tokens = list[str]


def calibrate(
    bundle: Bundle, dataset: Dataset, *, start: Bundle | None = None, report: Report = lambda progress: None
) -> Bundle:
    """Calibrate a bundle in place, on pictures that were held out of its training; return it as it is now.

    `dataset` is the one that it was trained on; `start` the bundle that its training went on from, whose training
    pictures tell nothing either. With fewer than a hundred pictures left, or one caption each, the bundle stays or
    becomes uncalibrated, and `report` is told why. The same bundle and dataset give the same calibration.

    Raises:
        DatasetError: the bundle was trained on another dataset.
        EnvironmentProblem: the folder can't be written.

    """
    keys = _held_out(bundle, dataset)
    if start is not None:
        keys -= _seen_before(start, dataset, keys)
    found, why = _fitted(bundle, dataset, keys, report)
    if found is None:
        report(Progress(TASK, len(keys), len(keys), f"the bundle stays without confidence: {why}"))
    names = {entry["name"] for entry in bundle.manifest["files"]} - {CALIBRATION}
    if found is None and CALIBRATION not in {entry["name"] for entry in bundle.manifest["files"]}:
        return bundle
    with writing(bundle.folder):
        if found is not None:
            write_atomically(bundle.folder / CALIBRATION, found.to_json())
            names.add(CALIBRATION)
        sealed = reseal(bundle.folder, bundle.manifest, names)
        if found is None:
            (bundle.folder / CALIBRATION).unlink()
        return sealed


def _held_out(bundle: Bundle, dataset: Dataset) -> set[str]:
    """The sha256 of the pictures that a bundle's training kept out: its recipe and the dataset decide them."""
    training = bundle.manifest["training"]
    if training["dataset"] != dataset.digest:
        raise DatasetError(
            f"{bundle.folder} was trained on another dataset than {dataset.folder}: name that one, or its held-out "
            "pictures can't be found again"
        )
    recipe: dict[str, Any] = training["recipe"]
    return set(build_corpus(dataset, DataRecipe(**recipe["data"]), recipe["seed"], bundle.vocabulary).held_keys)


def _seen_before(start: Bundle, dataset: Dataset, keys: set[str]) -> set[str]:
    """Those of the pictures that an earlier training learned from."""
    ordered = sorted(keys)
    known = start.has_trained_on(image_keys(ordered))
    # A bundle remembers its own held-out pictures with the others.
    kept = _held_out(start, dataset) if start.manifest["training"]["dataset"] == dataset.digest else set()
    return {key for key, seen in zip(ordered, known, strict=True) if seen} - kept


def _fitted(bundle: Bundle, dataset: Dataset, keys: set[str], report: Report) -> tuple[Calibration | None, str]:
    """The calibration, or why there is none."""
    if not is_english(dataset.manifest.language):
        return None, f"no tokeniser here tells the words of captions in {dataset.manifest.language!r}"
    if len(keys) < LEAST_PICTURES:
        return None, f"{len(keys):,} pictures were held out, and it takes {LEAST_PICTURES}"
    captioner = BundleCaptioner(bundle)
    hypotheses: list[Tokens] = []
    signals: list[Signals] = []
    references: list[list[Tokens]] = []
    for text, own, captions in _captioned(captioner, dataset, keys, report):
        hypotheses.append(tokenise(text))
        signals.append(own)
        references.append([tokenise(caption) for caption in captions])
    bar = human_median(references) if references else None
    if bar is None:
        return None, "its pictures have one caption each, so that nobody knows how people agree"
    quality = cider_d(references, hypotheses)
    found = fit_calibration(signals, quality, bar, decoding=captioner.options.describe())
    return found, "its captions of held-out pictures are nearly all acceptable, or nearly none is"


def _captioned(
    captioner: BundleCaptioner, dataset: Dataset, keys: set[str], report: Report
) -> Iterator[tuple[str, Signals, tuple[str, ...]]]:
    """What the bundle says of each picture, with the signals and what people said, in the order of the digests."""
    people, images = _pictures(dataset, keys)
    ordered = sorted(images)
    for begin in range(0, len(ordered), BATCH):
        chunk = ordered[begin : begin + BATCH]
        measured = captioner.measured([captioner.pixels(images[key]) for key in chunk])
        for key, (caption, signals) in zip(chunk, measured, strict=True):
            if caption.text is not None and signals is not None:
                yield caption.text, signals, people[key]
        report(Progress(TASK, begin + len(chunk), len(ordered)))


def _pictures(dataset: Dataset, keys: set[str]) -> tuple[dict[str, tuple[str, ...]], dict[str, bytes]]:
    """Captions and bytes of pictures by digest; the same picture under two names has the captions of both."""
    people: dict[str, tuple[str, ...]] = {}
    images: dict[str, bytes] = {}
    for row in dataset.rows({"train"}):
        captions = tuple(caption for caption in row.captions if tokenise(caption))
        if row.sha256 in keys and row.image is not None and captions:
            people[row.sha256] = people.get(row.sha256, ()) + captions
            images[row.sha256] = row.image
    return people, images
