"""The verbs of evaluation: a captioner judged on a split, several compared on it; what they find is kept in a folder.

Enters: what a person names. Leaves: the finding and the folder. All that is heavy is imported when it is used, since
`mezzetin.api` loads this module beside the verbs that only caption.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mezzetin.captioner import load_captioner
from mezzetin.errors import InputError
from mezzetin.records import Progress
from mezzetin.storage.paths import Place
from mezzetin.storage.staging import staged_folder

if TYPE_CHECKING:
    from mezzetin.data.dataset import Dataset
    from mezzetin.decoding.options import DecodingChanges
    from mezzetin.evaluation.comparison import Comparison
    from mezzetin.evaluation.contestant import Source
    from mezzetin.evaluation.rules import GateRules
    from mezzetin.evaluation.run import Evaluation

Report = Callable[[Progress], None]


def _silent(progress: Progress) -> None:
    pass


def evaluate(
    dataset: str | Path,
    model: str | Path | None = None,
    *,
    split: str = "val",
    beam: int | None = None,
    decoding: DecodingChanges | None = None,
    out: str | Path | None = None,
    gate: str | Path | GateRules | None = None,
    against: Source | None = None,
    report: Report = _silent,
) -> tuple[Evaluation, Place]:
    """Score a captioner on a split it has not seen; keep captions, scores and an HTML page in the folder `out`.

    Returns the evaluation and the folder, which may lie in a store; by default it is `NAME-SPLIT.evaluation` in the
    current one. `gate` is a TOML file or its rules, whose answers become the evaluation's `gate`; `against` is the
    bundle, file of captions or captioner that its slices are compared with.

    Raises:
        DatasetError: the split is empty, was trained on, or is in another language.
        InputError: the gate compares slices and `against` is missing, or `against` is without a use.
        RecipeError: the gate's file is wrong.

    """
    from mezzetin.data.dataset import Dataset
    from mezzetin.evaluation.run import judge, keep

    rules = _rules(gate, against)
    captioner, data = load_captioner(model, beam=beam, **(decoding or {})), Dataset.open(dataset)
    place = Place.of(out if out is not None else f"{captioner.info.name}-{split}.evaluation")
    # What is wrong with the other model is said before minutes are spent on this one.
    others = None if against is None else _captions(against, data, split, report)
    found = judge(captioner, data, split, report=report)
    if rules is not None:
        from mezzetin.evaluation.gate import gate as answers

        found = replace(found, gate=answers(found, rules, others))
    with staged_folder(place) as folder:
        keep(found, captioner, data, folder)
    return found, place


def compare(
    models: Sequence[Source],
    dataset: str | Path,
    *,
    split: str = "val",
    metrics: Sequence[str] | None = None,
    out: str | Path | None = None,
    report: Report = _silent,
) -> tuple[Comparison, Place]:
    """Set captioners beside the first of `models` on one split; keep captions, numbers and a page in the folder `out`.

    Each of `models` is a bundle as `--model` takes it, a file of captions, or anything with the `Captioner` protocol.
    `metrics` are by default all but METEOR. Returns the comparison and the folder, by default
    `FIRST-SECOND-SPLIT.comparison` in the current one; bundles whose captions lie there are not asked again.

    Raises:
        DatasetError: the split is empty or in another language, a file does not fit it, or a bundle was trained on it.
        InputError: there are fewer than two models, one of them is not there, or a metric is unknown.

    """
    from mezzetin.data.dataset import Dataset
    from mezzetin.evaluation.comparison import check_metrics
    from mezzetin.evaluation.comparison import compare as set_beside
    from mezzetin.evaluation.comparisonpage import keep_comparison
    from mezzetin.evaluation.contestant import contestants_of, name_of, task_of

    check_metrics(metrics)
    task = task_of(Dataset.open(dataset), split)
    names = [re.sub(r"[^\w.-]+", "-", name_of(model)) for model in models[:2]]
    place = Place.of(out if out is not None else f"{'-'.join(names)}-{split}.comparison")
    contestants = contestants_of(models, task, kept=place, report=report)
    found = set_beside(contestants, task, metrics=metrics)
    with staged_folder(place) as folder:
        keep_comparison(found, task, folder)
    return found, place


def _rules(gate: str | Path | GateRules | None, against: Source | None) -> GateRules | None:
    from mezzetin.evaluation.rules import read_gate

    if gate is None:
        if against is not None:
            raise InputError("the other model is for the slices of a gate: name the gate's file with --gate")
        return None
    rules = read_gate(gate) if isinstance(gate, str | Path) else gate
    if rules.slices.no_worse and against is None:
        raise InputError("the gate asks that no slice got worse: name the model to compare with, --against MODEL")
    return rules


def _captions(against: Source, dataset: Dataset, split: str, report: Report) -> dict[str, str]:
    from mezzetin.evaluation.contestant import contestant, task_of

    task = task_of(dataset, split)
    return dict(zip(task.names, contestant(against, task, report=report).captions, strict=True))
