"""The sections of an evaluation beside its scores, one after the other.

Enters: a captioner, its dataset and what was judged. Leaves: `Findings`, and sentences on what could not be found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from mezzetin.captioner import BundleCaptioner
from mezzetin.data.dataset import Dataset
from mezzetin.evaluation.findings import Findings
from mezzetin.evaluation.judged import Material
from mezzetin.evaluation.lexicon import missing_words
from mezzetin.evaluation.looking import has_attention, looked, worth_looking
from mezzetin.evaluation.protocols import protocol_table
from mezzetin.evaluation.reliability import reliability
from mezzetin.evaluation.slices import slices
from mezzetin.evaluation.truth import truth
from mezzetin.evaluation.unfamiliar import unfamiliar
from mezzetin.evaluation.variety import variety
from mezzetin.records import Progress
from mezzetin.vocabulary import SPECIAL


def sections(
    captioner: BundleCaptioner,
    dataset: Dataset,
    split: str,
    material: Material,
    report: Callable[[Progress], None],
    only: Collection[str] | None = None,
) -> tuple[Findings, list[str]]:
    """Compute every section that this captioner and this language have; the sentences say why others are missing.

    `only` names the fields of `Findings` that are wanted.
    """
    if only is not None and not only:
        return Findings(), []
    reason = missing_words(captioner.bundle.language)
    same = captioner.bundle.manifest["training"]["dataset"] == dataset.digest
    parts: dict[str, Callable[[], object]] = {
        "protocols": lambda: protocol_table(material),
        "slices": lambda: slices(material, english=reason is None),
        "truth": lambda: truth(material, english=reason is None),
        "variety": lambda: variety(
            material, len(captioner.bundle.vocabulary) - len(SPECIAL), _training(dataset) if same else None
        ),
        "reliability": lambda: reliability(material),
        "unfamiliar": lambda: unfamiliar(captioner, material),
        "looked": lambda: _looked(captioner, dataset, split, material),
    }
    found = {}
    parts = {name: part for name, part in parts.items() if only is None or name in only}
    for done, (name, part) in enumerate(parts.items()):
        report(Progress(f"judge the captions: {name}", done, len(parts)))
        found[name] = part()
    return Findings(**found), [] if reason is None else [reason]  # type: ignore[arg-type]  # each part answers what its field holds


def _training(dataset: Dataset) -> Iterator[str]:
    for row in dataset.rows({"train"}, images=False):
        yield from row.captions


def _looked(captioner: BundleCaptioner, dataset: Dataset, split: str, material: Material) -> object:
    if not has_attention(captioner):
        return ()
    said = {picture.image_id: picture.hypothesis for picture in material.pictures}
    wanted = set(worth_looking(material))
    rows = (row for row in dataset.rows({split}) if row.image_id in wanted and row.image is not None)
    return looked(captioner, ((row.image_id, row.image or b"", said[row.image_id]) for row in rows))
