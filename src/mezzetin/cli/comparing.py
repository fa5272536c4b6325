"""`mezzetin compare`: captioners and a dataset in, what is really better out, with a page of where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from mezzetin.cli import external
from mezzetin.cli.output import AsJson, Output, Plain, opened

if TYPE_CHECKING:
    from mezzetin.evaluation.comparison import Apart, Comparison, Pair
    from mezzetin.evaluation.contestant import Source
    from mezzetin.storage.paths import Place

_SHOWN = 3


def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="A B...",
            help="Bundles as --model takes them, `bundled`, or files of captions; one will do beside --with.",
        ),
    ],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `mezzetin ingest` made.")],
    split: Annotated[str, typer.Option(help="Which split; no model must have learned from it.")] = "val",
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Compare by this one; repeatable. Default: all but METEOR.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="For captions and page. Default: A-B-SPLIT.comparison.")
    ] = None,
    others: external.With = None,
    external_settings: external.SettingsFile = None,
    budget: external.BudgetLimit = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Say which captioner is really better, and on which pictures.

    Each is set beside the first: the difference of every score with its 95 % interval and p-value, by paired bootstrap.
    A file of captions is captions.jsonl as evaluate keeps it, COCO's results, or a CSV with columns image and caption.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        paid = external.chosen(others, external_settings, budget)
        with ExitStack() as stack:
            # What it cost is told also where it ends early.
            stack.callback(paid.summary, output)
            everyone: list[Source] = [*models, *paid.open(stack)]
            found, folder = api.compare(everyone, dataset, split=split, metrics=metric, out=out, report=output.report)
        _tell(output, found, folder)


def _tell(output: Output, found: Comparison, folder: Place) -> None:
    page = str(folder / "comparison.html")
    output.record({**found.to_json(), "folder": str(folder), "page": page})
    for line in comparison_lines(found):
        output.say(line)
    output.say(f"page: {page}")


def comparison_lines(found: Comparison) -> Iterator[str]:
    """What a terminal shows of a comparison."""
    yield f"{found.images:,} pictures of split {found.split}"
    rows = [["score", *(entrant.contestant.name for entrant in found.entrants)]]
    for scores in zip(*(entrant.scores for entrant in found.entrants), strict=True):
        rows.append([scores[0].name, *(f"{score.value:.3f}" for score in scores)])
    yield from _table(rows)
    for pair in found.pairs:
        yield ""
        yield from _pair_lines(pair)
    if found.notes:
        yield ""
    for note in found.notes:
        yield f"note: {note}"


def _pair_lines(pair: Pair) -> Iterator[str]:
    yield pair.verdict
    rows = [["score", "difference", "95 % interval", "p", "higher in"]]
    for own in pair.differences:
        reach = f"{own.difference.low:+.4f} to {own.difference.high:+.4f}"
        share = f"{100 * own.better:.1f} % of resamples"
        rows.append([own.metric, f"{own.difference.value:+.4f}", reach, f"{own.corrected:.3f}", share])
    yield from _table(rows)
    yield (
        f"by CIDEr-D {pair.other} is better on {pair.wins:,} pictures, worse on {pair.losses:,}, "
        f"the same on {pair.ties:,}"
    )
    for title, side in (("ahead", pair.gained), ("behind", pair.lost)):
        if side:
            yield f"farthest {title}:"
        for apart in side[:_SHOWN]:
            yield from _apart_lines(apart, pair)


def _apart_lines(apart: Apart, pair: Pair) -> Iterator[str]:
    yield f"  {apart.image}  {apart.difference:+.3f}"
    yield f"    {pair.other}: {apart.other or '(no caption)'}"
    yield f"    {pair.first}: {apart.first or '(no caption)'}"


def _table(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
