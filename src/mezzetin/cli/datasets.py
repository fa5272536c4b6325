"""`mezzetin ingest`: captioned pictures in, a dataset out."""

from __future__ import annotations

from typing import Annotated

import typer

from mezzetin.cli.output import AsJson, Plain, opened

#: Defects of which nothing failed: the picture is kept, or was never meant to be learned from.
HARMLESS = frozenset(
    {
        "no_captions",
        "empty_caption",
        "duplicate_caption",
        "duplicate_image",
        "other_language",
        "two_splits",
        "in_no_split",
    }
)


def ingest(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder or table of captioned pictures.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="The folder to make.")],
    layout: Annotated[str | None, typer.Option(help="flickr8k or table. Default: recognised.")] = None,
    language: Annotated[str, typer.Option(help="Language of captions that name none (BCP 47).")] = "en",
    seed: Annotated[int, typer.Option(help="Decides the splits of a source that has none.")] = 0,
    licence: Annotated[str | None, typer.Option(help="On what terms the pictures may be used.")] = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Make a dataset from captioned pictures.

    Every defect is counted and named. Cut off, the same command goes on. The exit code is 1 when pictures or lines
    could not be used.
    """
    with opened(as_json=as_json, plain=plain, goes_on=True) as output:
        from mezzetin import api

        report = api.ingest(
            source, dataset, layout=layout, language=language, seed=seed, licence=licence, report=output.report
        )
        for line in report.lines():
            output.say(line)
        output.record(report.to_json())
    if set(report.defect_counts) - HARMLESS:
        raise typer.Exit(1)
