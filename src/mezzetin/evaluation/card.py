"""The model card: what a bundle is, how good it is, and what it must not be used for (Mitchell et al. 2019)."""

from __future__ import annotations

import json
from collections.abc import Callable

from mezzetin.bundle import Bundle
from mezzetin.captioner import BundleCaptioner
from mezzetin.data.dataset import Dataset
from mezzetin.evaluation.fitness import is_scored
from mezzetin.evaluation.run import Evaluation, judge
from mezzetin.records import Progress


def judged_files(bundle: Bundle, dataset: Dataset, report: Callable[[Progress], None]) -> dict[str, bytes]:
    """`scores.json` and `card.md`, from split `val` where there is one in a language that can be scored.

    Without METEOR, which depends on the machine's Java: the same training gives the same bundle anywhere.
    """
    if not dataset.count("val") or not is_scored(bundle.language):
        return {"card.md": write_card(bundle, None).encode()}
    judged = judge(BundleCaptioner(bundle), dataset, "val", with_meteor=False, with_findings=False, report=report)
    scores = json.dumps(judged.to_json(), indent=1) + "\n"
    return {"card.md": write_card(bundle, judged).encode(), "scores.json": scores.encode()}


def write_card(bundle: Bundle, evaluation: Evaluation | None) -> str:
    """The card as Markdown, from the bundle's manifest and its scores on pictures it has not seen."""
    manifest = bundle.manifest
    training, recipe = manifest["training"], manifest["training"]["recipe"]
    notes = recipe["card"]
    sections = [
        f"# {manifest['name']} {manifest['model_version']}",
        f"An image captioner: writes one sentence in language `{manifest['language']}` about a photograph. "
        f"Encoder `{manifest['encoder']['name']}`, decoder `{recipe['decoder']['kind']}`, "
        f"{manifest['vocabulary']['words'] - 4:,} words.",
        "## Terms\n\n" + _terms(bundle),
        f"## Trained on\n\n{training['images']:,} pictures (and {training['held_out_images']:,} held out to decide "
        f"when to stop) of the dataset with digest `{training['dataset'][:12]}`"
        + (f", licence: {training['dataset_licence']}" if training["dataset_licence"] else "")
        + f".\n\n{notes['trained_on']}",
        "## How good it is\n\n" + _scores(evaluation, bundle.language),
    ]
    titles = (("good_at", "What it is good at"), ("bad_at", "What it is bad at"))
    for key, title in (*titles, ("not_for", "What it must not be used for")):
        if notes[key]:
            sections.append(f"## {title}\n\n{notes[key]}")
    sections.append(
        f"## What its numbers mean\n\n{_confidence(bundle, evaluation)}\n\n`unlike_training` is 0 for a picture as "
        "usual as the median held-out one, 0.5 for one that only a hundredth of them exceed, and 1 for twice that "
        "distance in feature space: from 0.5 on, don't trust the caption."
    )
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _confidence(bundle: Bundle, evaluation: Evaluation | None) -> str:
    known = bundle.calibration
    if known is None:
        return "`confidence` is null: this bundle is not calibrated."
    text = (
        "Of captions with `confidence` c about c are acceptable: their CIDEr-D is at least that of the median human "
        f"caption against the others of its picture. Fitted on {known.images:,} pictures held out from training, "
        f"{known.acceptable:.0%} of whose captions are acceptable, and for captions found with `{known.decoding}`."
    )
    found = None if evaluation is None else evaluation.findings.reliability
    if evaluation is None or found is None:
        return text
    return (
        f"{text} On split `{evaluation.split}` the expected calibration error is {found.error.value:.3f} "
        f"({found.error.low:.3f} to {found.error.high:.3f}), and the least sure fifth of the captions holds "
        f"{found.lowest_fifth.value:.0%} of the worst tenth."
    )


def _terms(bundle: Bundle) -> str:
    text = "`LICENSE.md` beside this card holds the terms." if (bundle.folder / "LICENSE.md").exists() else ""
    return f"Licence of the model: {bundle.info.licence}. {text}"


def _scores(evaluation: Evaluation | None, language: str) -> str:
    if evaluation is None and not is_scored(language):
        return f"Not evaluated: there are no scores for captions in `{language}`, whose words no tokeniser here tells."
    if evaluation is None:
        return "Not evaluated: the dataset has no pictures in split `val`."
    rows = [f"| {s.name} | {s.value:.3f} | {s.low:.3f} to {s.high:.3f} |" for s in evaluation.scores]
    protocol = evaluation.scores[0].signature.partition("|BLEU")[0]
    return (
        f"On the {len(evaluation.pictures):,} pictures of split `{evaluation.split}`, none of which it was "
        "trained on:\n\n| score | value | 95 % interval |\n|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\nProtocol: `{protocol}`."
    )
