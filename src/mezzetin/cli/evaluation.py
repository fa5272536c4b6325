"""`mezzetin evaluate`: a dataset and a captioner in, scores, captions and a page out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli import decoding
from mezzetin.cli.output import AsJson, Beam, Model, Plain, model_to_json, opened

if TYPE_CHECKING:
    from mezzetin.decoding.options import DecodingChanges


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
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="For captions and report. Default: MODEL-SPLIT.evaluation.")
    ] = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Score a captioner on pictures it has not seen.

    Prints each score with its 95 % interval; keeps the captions and a page of the best and worst.
    """
    length = decoding.chosen(min_words=min_words, max_words=max_words, length_penalty=length_penalty)
    words = decoding.chosen(no_repeat=no_repeat, good_endings=good_endings)
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        how: DecodingChanges = {**length, **words}
        found, folder = api.evaluate(
            dataset, model, split=split, beam=beam, decoding=how, out=out, report=output.report
        )
        facts, info = found.to_json(), api.find_bundle(model).info
        files = {"captions": str(folder / "captions.jsonl"), "report": str(folder / "report.html")}
        output.record({"dataset": dataset, "model": model_to_json(info), **facts, **files})
        output.say(f"{info.name} {info.version} ({info.signature}) on {dataset}")
        for line in score_lines(facts):
            output.say(line)
        for name, path in files.items():
            output.say(f"{name}: {path}")


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
