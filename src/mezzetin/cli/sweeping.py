"""`mezzetin sweep`: a recipe and a dataset in, many trainings, and what they teach out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli.output import AsJson, Output, Plain, opened
from mezzetin.errors import RecipeError

if TYPE_CHECKING:
    from mezzetin.training.sweep.run import Outcome, SweepOptions
    from mezzetin.training.sweep.trial import Trial

SHOWN = 10


def sweep(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="TOML; its table [sweep] names what to try.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `mezzetin ingest` made, or a Delta table.")],
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="For trials, tables and drawings.")],
    trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="In all, with those of earlier calls. Default: 20.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(metavar="H", help="Stop after so long; the same command goes on.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the search; training has the recipe's.")] = 0,
    curve: Annotated[
        str | None, typer.Option(metavar="SHARES", help="No search, but these shares of the pictures: 0.25,0.5,1")
    ] = None,
    encoder_weights: Annotated[
        str | None, typer.Option(metavar="FILE", help="Safetensors of the recipe's encoder, for want of a network.")
    ] = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Train a recipe with other values, or on fewer pictures, and say what mattered.

    Each trial's score is its held-out CIDEr-D. Leaves trials.csv, sweep.svg and best.toml, a recipe for `mezzetin
    train`; with --curve: curve.csv and curve.svg. Cut off, the same command goes on. The exit code is 1 if no trial
    came to its end, or if a point of the curve is missing for another reason than time.
    """
    options: SweepOptions = {"trials": trials, "hours": hours, "seed": seed, "encoder_weights": encoder_weights}
    with opened(as_json=as_json, plain=plain, goes_on=True) as output:
        code = _sweep(
            output, recipe, dataset, folder, options if curve is None else {**options, "curve": _shares(curve)}
        )
    raise typer.Exit(code)


def _sweep(output: Output, recipe: str, dataset: str, folder: str, options: SweepOptions) -> int:
    """Sweep, say what came of it, and return the exit code."""
    from mezzetin import api

    def finished(trial: Trial) -> None:
        output.record({"trial": trial.number, **{k: v for k, v in trial.to_json().items() if k != "number"}})
        if not output.as_json:
            output.tell(_line(trial))

    told: SweepOptions = {**options, "finished": finished, "report": output.report}
    outcome = api.sweep(recipe, dataset, folder, **told)
    is_curve = "curve" in options
    _say(output, outcome, dataset, is_curve=is_curve)
    failed = [trial for trial in outcome.trials if trial.state == "failed"]
    return int(bool(failed) and (is_curve or not outcome.best))


def _shares(text: str) -> list[float]:
    try:
        return [float(share) for share in text.split(",")]
    except ValueError as error:
        raise RecipeError(f"--curve {text} is no list of shares: write 0.25,0.5,1") from error


def _line(trial: Trial) -> str:
    """A trial as one line: what became of it, and its values."""
    values = ", ".join(f"{_short(key)} {_number(value)}" for key, value in trial.values.items())
    score = "" if trial.score is None else f" {trial.score:.4f}"
    reason = f": {trial.reason}" if trial.reason else ""
    return f"trial {trial.number} {trial.state}{score} ({values}){reason}"


def _say(output: Output, outcome: Outcome, dataset: str, *, is_curve: bool) -> None:
    for line in _curve_table(outcome) if is_curve else _best_table(outcome):
        output.say(line)
    states = [trial.state for trial in outcome.trials]
    counts = [f"{states.count(state)} {state}" for state in ("complete", "pruned", "failed") if state in states]
    done = len(states) - states.count("unfinished")
    output.say(f"{done} of {outcome.wanted}: {', '.join(counts) or 'none finished'}")
    if outcome.importances:
        shares = ", ".join(f"{_short(key)} {share:.0%}" for key, share in outcome.importances.items())
        output.say(f"what mattered ({outcome.method}): {shares}")
    for name, path in outcome.files.items():
        output.say(f"{name}: {path}")
    if done < outcome.wanted:
        output.say("time is up: the same command goes on")
    elif "best.toml" in outcome.files:
        named = shlex.quote(str(outcome.files["best.toml"]))
        output.say(f"next: mezzetin train {shlex.quote(dataset)} BUNDLE --recipe {named}")


def _best_table(outcome: Outcome) -> list[str]:
    if not outcome.best:
        return ["no trial came to its end"]
    head = ["trial", "CIDEr-D", *(_short(key) for key in outcome.keys)]
    rows = [
        [str(trial.number), f"{trial.score:.4f}", *(_number(trial.values[key]) for key in outcome.keys)]
        for trial in outcome.best[:SHOWN]
    ]
    return _aligned([head, *rows])


def _curve_table(outcome: Outcome) -> list[str]:
    """The points by their pictures, each with what it gained over the one before."""
    rows, before = [["share", "pictures", "CIDEr-D", "gain"]], None
    for trial in sorted(outcome.best, key=lambda trial: trial.pictures or 0):
        score = trial.score or 0.0
        gain = "" if before is None else f"{score - before:+.4f}"
        (share,) = trial.values.values()
        rows.append([_number(share), f"{trial.pictures:,}", f"{score:.4f}", gain])
        before = score
    return _aligned(rows)


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _short(key: str) -> str:
    return key.removeprefix("stages.")


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
