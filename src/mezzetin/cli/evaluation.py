"""`mezzetin evaluate`: a dataset and a captioner in, scores, captions and a page out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli import decoding
from mezzetin.cli.output import AsJson, Beam, Model, Output, Plain, model_to_json, opened

if TYPE_CHECKING:
    from mezzetin.evaluation.gate import GateLine
    from mezzetin.evaluation.run import Evaluation
    from mezzetin.records import ModelInfo
    from mezzetin.storage.paths import Place

_DECODING = ("min_words", "max_words", "length_penalty", "no_repeat", "good_endings", "match")


def evaluate(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `mezzetin ingest` made.")],
    model: Model = None,
    split: Annotated[str, typer.Option(help="Which split; the model must not have learned from it.")] = "val",
    beam: Beam = None,
    min_words: decoding.MinWords = None,
    max_words: decoding.MaxWords = None,
    length_penalty: decoding.LengthPenalty = None,
    no_repeat: decoding.NoRepeat = None,
    good_endings: decoding.GoodEndings = None,
    match: decoding.Match = None,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="For captions and report. Default: MODEL-SPLIT.evaluation.")
    ] = None,
    gate: Annotated[
        str | None, typer.Option(metavar="FILE", help="TOML with rules; the exit code is 1 where one fails.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="What the gate compares slices with: a bundle or a file of captions."),
    ] = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Score a captioner on pictures it has not seen.

    Prints each score with its 95 % interval; keeps the captions and a page of the best and worst. With --gate every
    rule that fails is a line that says why.
    """
    given = locals()
    how = decoding.chosen(**{name: given[name] for name in _DECODING})
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        chosen = {name: given[name] for name in ("split", "beam", "out", "gate", "against")}
        found, folder = api.evaluate(dataset, model, decoding=how, report=output.report, **chosen)
        _tell(output, found, folder, dataset, api.find_model(model).info)
    if any(line.outcome == "failed" for line in found.gate):
        raise typer.Exit(1)


def _tell(output: Output, found: Evaluation, folder: Place, dataset: str, info: ModelInfo) -> None:
    facts = found.to_json()
    files = {"captions": str(folder / "captions.jsonl"), "report": str(folder / "report.html")}
    output.record({"dataset": dataset, "model": model_to_json(info), **facts, **files})
    output.say(f"{info.name} {info.version} ({info.signature}) on {dataset}")
    for line in (*score_lines(facts), *(f"{name}: {path}" for name, path in files.items()), *gate_lines(found.gate)):
        output.say(line)


def gate_lines(gate: Sequence[GateLine]) -> list[str]:
    """A line for each rule that failed or is only told, then how many there are of each."""
    failed = [line for line in gate if line.outcome == "failed"]
    told = [line for line in gate if line.outcome == "told"]
    lines = [f"gate {line.outcome}: {line.rule}: {line.why}" for line in (*told, *failed)]
    if gate:
        passed = len(gate) - len(failed) - len(told)
        lines.append(f"gate: {len(failed)} rules failed, {passed} passed, {len(told)} only told")
    return lines


def score_lines(facts: Mapping[str, Any]) -> list[str]:
    """A table of an evaluation's scores, its protocol and its notes; `facts` as in `scores.json`."""
    rows = [(s["name"], f"{s['value']:.3f}", f"{s['low']:.3f} to {s['high']:.3f}") for s in facts["scores"]]
    rows.insert(0, ("score", "value", "95 % interval"))
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{name:<{names}}  {value:>{values}}  {interval}" for name, value, interval in rows]
    if facts["scores"]:
        first = facts["scores"][0]
        lines.append(f"protocol: {first['signature'].partition('|' + first['name'] + ':')[0]}")
    return [*lines, *(f"note: {note}" for note in facts["notes"])]
