"""An evaluation: caption a split, score the captions, keep captions, scores and page.

Enters: a captioner and a dataset. Leaves a folder: `captions.jsonl` (a line a picture: hypothesis and references),
`scores.json` (each score with interval and signature) and `report.html`. Memory holds words, never all the pictures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mezzetin
from mezzetin.captioner import BundleCaptioner
from mezzetin.data.dataset import Dataset
from mezzetin.evaluation.findings import Findings
from mezzetin.evaluation.fitness import check_captioner, check_split
from mezzetin.evaluation.gate import GateLine, gate_to_json
from mezzetin.evaluation.judged import Judged, Look, material_of
from mezzetin.evaluation.looks import look
from mezzetin.evaluation.report import EvaluationPage, JudgedPicture, ProtocolFacts, select, write_report
from mezzetin.evaluation.sections import sections
from mezzetin.metrics import meteor, score
from mezzetin.pixels import thumbnail
from mezzetin.records import Progress, Score
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing
from mezzetin.text import TOKENISER
from mezzetin.worker import caption_pictures


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
    gate: tuple[GateLine, ...] = ()

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
            "scores": scores_to_json(self.scores),
            "notes": list(self.notes),
            **({"findings": self.findings.to_json()} if self.findings != Findings() else {}),
            **({"gate": gate_to_json(self.gate)} if self.gate else {}),
        }


def scores_to_json(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Scores as every JSON file of an evaluation has them."""
    return [
        {
            "name": s.name,
            "value": round(s.value, 6),
            "low": round(s.low, 6),
            "high": round(s.high, 6),
            "signature": s.signature,
        }
        for s in scores
    ]


def judge(
    captioner: BundleCaptioner,
    dataset: Dataset,
    split: str,
    *,
    with_meteor: bool = True,
    with_findings: bool | Collection[str] = True,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Evaluation:
    """Caption every picture of a split, score the captions and, if asked, find out all the rest.

    `with_findings` may name the fields of `Findings` that are wanted.

    Raises:
        DatasetError: the split is empty, was trained on, or is in another language.

    """
    check_split(dataset, split)
    check_captioner(captioner, dataset, split)
    pictures = tuple(_judged(captioner, dataset, split, report, with_looks=bool(with_findings)))
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
    only = with_findings if not isinstance(with_findings, bool) else None if with_findings else ()
    found, missing = sections(captioner, dataset, split, material, report, only)
    return Evaluation(dataset.digest, split, tuple(scores), pictures, decoding, (*notes, *missing), found)


def keep(evaluation: Evaluation, captioner: BundleCaptioner, dataset: Dataset, folder: Path) -> None:
    """Write captions, scores and page to `folder`.

    Raises:
        EnvironmentProblem: the folder can't be written.

    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(_line(p), ensure_ascii=False) + "\n" for p in evaluation.pictures)
        write_atomically(folder / "captions.jsonl", text.encode())
        body = {"model": captioner.info.name, "signature": captioner.info.signature, **evaluation.to_json()}
        write_atomically(folder / "scores.json", (json.dumps(body, indent=1) + "\n").encode())
        write_report(folder / "report.html", _page(evaluation, captioner, dataset))


def _judged(
    captioner: BundleCaptioner,
    dataset: Dataset,
    split: str,
    report: Callable[[Progress], None],
    *,
    with_looks: bool,
) -> Iterator[Judged]:
    total = dataset.count(split)
    waiting: list[tuple[tuple[str, ...], Look | None]] = []

    def items() -> Iterator[tuple[str, bytes]]:
        for row in dataset.rows({split}):
            if row.captions and row.image is not None:
                waiting.append((row.captions, look(row.image) if with_looks else None))
                yield row.image_id, row.image

    for done, (image_id, caption) in enumerate(caption_pictures(captioner, items()), start=1):
        # Captions come back in the order in which their pictures were taken.
        references, seen = waiting.pop(0)
        yield Judged(image_id, caption.text or "", references, caption.confidence, caption.unlike_training, seen)
        report(Progress(f"caption {split}", done, total))


def _line(picture: Judged) -> dict[str, Any]:
    """A picture as `captions.jsonl` has it; what the captioner did not state is left out."""
    stated = {"confidence": picture.confidence, "unlike_training": picture.unlike_training}
    return {
        "image": picture.image_id,
        "caption": picture.hypothesis,
        "references": picture.references,
        **{name: value for name, value in stated.items() if value is not None},
    }


def _page(evaluation: Evaluation, captioner: BundleCaptioner, dataset: Dataset) -> EvaluationPage:
    cider = next(s for s in evaluation.scores if s.name == "CIDEr-D").per_image
    chosen = select(evaluation.pictures, cider, evaluation.findings)
    large = {place for group in (chosen.best, chosen.median, chosen.worst, chosen.mistakes) for place in group}
    sides = {evaluation.pictures[place].image_id: 320 if place in large else 200 for place in {*large, *chosen.named}}
    images = {
        row.image_id: thumbnail(row.image, sides[row.image_id])
        for row in dataset.rows({evaluation.split})
        if row.image_id in sides and row.image is not None
    }

    def shown(places: Sequence[int]) -> tuple[JudgedPicture, ...]:
        return tuple(
            _shown(evaluation.pictures[i], images.get(evaluation.pictures[i].image_id), cider[i]) for i in places
        )

    return EvaluationPage(
        title=f"How well {captioner.info.name} captions",
        model=captioner.info,
        protocol=_facts(evaluation, dataset),
        scores=evaluation.scores,
        best=shown(chosen.best),
        median=shown(chosen.median),
        worst=shown(chosen.worst),
        mistakes=shown(chosen.mistakes),
        named=shown(chosen.named),
        notes=evaluation.notes,
        language=captioner.bundle.language,
        findings=evaluation.findings,
        gate=evaluation.gate,
    )


def _shown(judged: Judged, thumbnail: bytes | None, cider: float) -> JudgedPicture:
    return JudgedPicture(
        judged.image_id,
        thumbnail,
        judged.hypothesis,
        judged.references,
        cider,
        judged.confidence,
        judged.unlike_training,
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
