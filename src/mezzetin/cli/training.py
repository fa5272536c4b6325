"""`mezzetin train`: a dataset in, a bundle out."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli.evaluation import score_lines
from mezzetin.cli.output import AsJson, Output, Plain, model_to_json, opened
from mezzetin.errors import InputError
from mezzetin.records import Progress
from mezzetin.storage.paths import Place

if TYPE_CHECKING:
    from mezzetin.bundle import Bundle


_NAMED_ALIKE = ("recipe", "start", "encoder_weights", "track", "table_version", "ranks", "spark", "max_restarts")
"""The parameters of `train` that are choices of the verb under the same name."""


Recipe = Annotated[
    str | None,
    typer.Option("--recipe", metavar="FILE", help="TOML. Default: a small Transformer on the bundled encoder."),
]
Start = Annotated[
    str | None, typer.Option("--from", metavar="MODEL", help="Go on from this bundle: its encoder, words, decoder.")
]
EncoderWeights = Annotated[
    str | None,
    typer.Option(
        "--encoder-weights", metavar="FILE", help="Safetensors of the recipe's encoder, for want of a network."
    ),
]
Track = Annotated[
    str | None, typer.Option("--track", metavar="URI", help="An MLflow to tell of the run. Default: MEZZETIN_TRACKING.")
]
TableVersion = Annotated[
    int | None,
    typer.Option(
        "--table-version", metavar="N", min=0, help="Of a Delta table. Default: the one it began with, or the newest."
    ),
]
Ranks = Annotated[
    int | None, typer.Option("--ranks", metavar="N", min=1, max=1024, help="So many processes train together.")
]
Spark = Annotated[
    str | None,
    typer.Option(
        "--spark", metavar="MASTER", help="Start them under Spark: local[N], spark://…, databricks. Needs --ranks."
    ),
]
MaxRestarts = Annotated[
    int,
    typer.Option("--max-restarts", metavar="N", min=0, help="Of --ranks: how often all start again when one is lost."),
]


def train(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `mezzetin ingest` made, or a Delta table.")],
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="The folder to make, here or in a store.")],
    recipe: Recipe = None,
    start: Start = None,
    encoder_weights: EncoderWeights = None,
    track: Track = None,
    table_version: TableVersion = None,
    ranks: Ranks = None,
    spark: Spark = None,
    max_restarts: MaxRestarts = 3,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Train a captioner on a dataset.

    Scores it on split val at the end. Cut off, the same command goes on. Checkpoints, metrics.jsonl and curves.svg
    lie in BUNDLE.training, which is in the current folder where the bundle goes to a store.
    """
    given = locals()
    with opened(as_json=as_json, plain=plain, goes_on=True) as output:
        from mezzetin import api

        target = Place.of(bundle)
        there = (target / "bundle.json").exists()
        if spark is not None and ranks is None:
            raise InputError("--spark starts the ranks of a training: say how many with --ranks")
        choices = {name: given[name] for name in _NAMED_ALIKE}
        made = api.train(dataset, bundle, report=lambda progress: _report(output, target, progress), **choices)
        if int(os.environ.get("WORLD_SIZE", 1)) > 1 and int(os.environ.get("RANK", 0)) > 0:
            return  # of the processes that torchrun started, the first one tells the result
        output.record(_to_json(made, target))
        _say(output, made, target, dataset, there=there)


def _report(output: Output, bundle: Place, progress: Progress) -> None:
    """Epochs and a fresh start from a checkpoint are lines that stay; the rest is progress."""
    uncalibrated = progress.task == "caption held-out pictures" and progress.note
    if not uncalibrated and not progress.task.startswith(("epoch ", "resume ", "word vectors", "tracking")):
        output.report(progress)
    elif not output.as_json:
        output.tell(f"{progress.task}: {progress.note}")
    elif progress.task.startswith("epoch "):
        output.record(_last_epoch(bundle))


def _last_epoch(bundle: Place) -> dict[str, Any]:
    """The line that the run has just added to its log: stage, epoch, loss, held-out CIDEr-D, seconds."""
    from mezzetin.training.run import run_folder

    lines = (run_folder(bundle) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return dict(json.loads(lines[-1]))


def _to_json(bundle: Bundle, target: Place) -> dict[str, Any]:
    return {
        "bundle": str(target),
        "digest": bundle.digest,
        "model": model_to_json(bundle.info),
        "scores": bundle.scores or None,
    }


def _say(output: Output, bundle: Bundle, target: Place, dataset: str, *, there: bool) -> None:
    state = " (there already, from the same dataset and recipe: nothing to do)" if there else ""
    output.say(f"bundle: {target}{state}")
    for line in score_lines(bundle.scores) if bundle.scores else ["no scores: the dataset has no split val"]:
        output.say(line)
    named = shlex.quote(str(target))
    output.say(f"next: mezzetin evaluate {shlex.quote(dataset)} --model {named}")
    output.say(f"      mezzetin caption PICTURE --model {named}")
