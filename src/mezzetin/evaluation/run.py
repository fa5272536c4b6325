"""An evaluation: caption a split, score the captions, keep captions, scores and page.

Enters: a captioner and a dataset. Leaves a folder: `captions.jsonl` (a line a picture: hypothesis and references),
`scores.json` (each score with interval and signature) and `report.html`. Memory holds words, never all the pictures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import mezzetin
from mezzetin.bundle import image_keys
from mezzetin.captioner import BundleCaptioner
from mezzetin.data.dataset import Dataset
from mezzetin.errors import DatasetError
from mezzetin.evaluation.findings import Findings
from mezzetin.evaluation.judged import Judged, material_of
from mezzetin.evaluation.report import EvaluationPage, JudgedPicture, ProtocolFacts, write_report
from mezzetin.metrics import meteor, score
from mezzetin.pixels import thumbnail
from mezzetin.records import Progress, Score
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing
from mezzetin.text import TOKENISER
from mezzetin.worker import caption_pictures

SHOWN = 12
"""Pictures in each section of the page."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found; `dataset` is a digest, `notes` are sentences, such as why METEOR is absent."""

    dataset: str
    split: str
    scores: tuple[Score, ...]
    pictures: tuple[Judged, ...]
    decoding: str
    notes: tuple[str, ...] = ()
    findings: Findings = field(default_factory=Findings)

    def value(self, name: str) -> float:
        """The value of the metric `name`. Raises KeyError when it was not computed."""
        return {score.name: score.value for score in self.scores}[name]

    def to_json(self) -> dict[str, Any]:
        """The scores with their protocol, as `scores.json` holds them."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "images": len(self.pictures),
            "tokeniser": TOKENISER,
            "decoding": self.decoding,
            "mezzetin": mezzetin.__version__,
            "scores": [
                {
                    "name": s.name,
                    "value": round(s.value, 6),
                    "low": round(s.low, 6),
                    "high": round(s.high, 6),
                    "signature": s.signature,
                }
                for s in self.scores
            ],
            "notes": list(self.notes),
            "findings": self.findings.to_json(),
        }


def judge(
    captioner: BundleCaptioner,
    dataset: Dataset,
    split: str,
    *,
    with_meteor: bool = True,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Evaluation:
    """Caption every picture of a split and score the captions.

    Raises:
        DatasetError: the split is empty, was trained on, or is in another language.

    """
    _check(captioner, dataset, split)
    pictures = tuple(_judged(captioner, dataset, split, report))
    material = material_of(pictures)
    hypotheses, references = material.hypotheses, material.references
    counts = sorted({len(own) for own in references})
    spread = "-".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    decoding = captioner.options.describe()
    protocol = (
        f"split={split}|n={len(pictures)}|refs={spread}|tok={TOKENISER}|{decoding}|mezzetin={mezzetin.__version__}"
    )
    scores = score(references, hypotheses, protocol=protocol)
    silent = sum(not picture.hypothesis for picture in pictures)
    notes = [f"{silent:,} pictures have no caption and score 0."] if silent else []
    if with_meteor:
        answer = meteor(references, hypotheses, protocol=protocol)
        if isinstance(answer, Score):
            scores.append(answer)
        else:
            notes.append(answer)
    return Evaluation(dataset.digest, split, tuple(scores), pictures, decoding, tuple(notes))


def keep(evaluation: Evaluation, captioner: BundleCaptioner, dataset: Dataset, folder: Path) -> None:
    """Write captions, scores and page to `folder`.

    Raises:
        EnvironmentProblem: the folder can't be written.

    """
    lines = [{"image": p.image_id, "caption": p.hypothesis, "references": p.references} for p in evaluation.pictures]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        write_atomically(folder / "captions.jsonl", text.encode())
        body = {"model": captioner.info.name, "signature": captioner.info.signature, **evaluation.to_json()}
        write_atomically(folder / "scores.json", (json.dumps(body, indent=1) + "\n").encode())
        write_report(folder / "report.html", _page(evaluation, captioner, dataset))


def _check(captioner: BundleCaptioner, dataset: Dataset, split: str) -> None:
    keys = [row.sha256 for row in dataset.rows({split}, images=False) if row.sha256]
    if not keys:
        known = ", ".join(name for name in dataset.manifest.rows if dataset.count(name))
        raise DatasetError(f"{dataset.folder} has no pictures in split {split!r}: it has {known or 'none'}")
    if dataset.manifest.language.split("-")[0] != captioner.bundle.language.split("-")[0]:
        raise DatasetError(
            f"the captions of {dataset.folder} are in {dataset.manifest.language!r}, the model writes "
            f"{captioner.bundle.language!r}: their scores would mean nothing"
        )
    trained = int(captioner.bundle.has_trained_on(image_keys(keys)).sum())
    if trained:
        raise DatasetError(
            f"the model was trained on {trained:,} of the {len(keys):,} pictures of split {split!r}: "
            "choose a split that it has not seen"
        )


def _judged(
    captioner: BundleCaptioner, dataset: Dataset, split: str, report: Callable[[Progress], None]
) -> Iterator[Judged]:
    total = dataset.count(split)
    waiting: list[tuple[str, ...]] = []

    def items() -> Iterator[tuple[str, bytes]]:
        for row in dataset.rows({split}):
            if row.captions and row.image is not None:
                waiting.append(row.captions)
                yield row.image_id, row.image

    for done, (image_id, caption) in enumerate(caption_pictures(captioner, items()), start=1):
        # Captions come back in the order in which their pictures were taken.
        yield Judged(image_id, caption.text or "", waiting.pop(0))
        report(Progress(f"caption {split}", done, total))


def _page(evaluation: Evaluation, captioner: BundleCaptioner, dataset: Dataset) -> EvaluationPage:
    cider = next(s for s in evaluation.scores if s.name == "CIDEr-D").per_image
    order = np.argsort(-np.array(cider), kind="stable")
    middle = max(len(order) // 2 - SHOWN // 2, 0)
    chosen = [order[:SHOWN], order[middle : middle + SHOWN], order[::-1][:SHOWN]]
    names = {evaluation.pictures[i].image_id for group in chosen for i in group}
    images = {
        row.image_id: thumbnail(row.image, 320)
        for row in dataset.rows({evaluation.split})
        if row.image_id in names and row.image is not None
    }

    def section(numbers: Sequence[int]) -> tuple[JudgedPicture, ...]:
        return tuple(
            JudgedPicture(p.image_id, images.get(p.image_id), p.hypothesis, p.references, cider[i])
            for i in numbers
            for p in (evaluation.pictures[i],)
        )

    best, median, worst = (section([int(i) for i in group]) for group in chosen)
    return EvaluationPage(
        title=f"How well {captioner.info.name} captions",
        model=captioner.info,
        protocol=_facts(evaluation, dataset),
        scores=evaluation.scores,
        best=best,
        median=median,
        worst=worst,
        notes=evaluation.notes,
        language=captioner.bundle.language,
    )


def _facts(evaluation: Evaluation, dataset: Dataset) -> ProtocolFacts:
    counts = sorted({len(p.references) for p in evaluation.pictures})
    return ProtocolFacts(
        dataset=dataset.folder.name,
        split=evaluation.split,
        images=len(evaluation.pictures),
        tokeniser=TOKENISER,
        references=f"{counts[0]} a picture" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} a picture",
        decoding=evaluation.decoding.replace("|", ", "),
        version=mezzetin.__version__,
    )
