"""`mezzetin ingest`: captioned pictures in, a dataset out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mezzetin.cli import clusters
from mezzetin.cli.output import AsJson, Output, Plain, opened
from mezzetin.errors import InputError

if TYPE_CHECKING:
    from mezzetin.data.report import IngestReport

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
        "tiny",
        "overlong_caption",
        "shared_image",
        "near_duplicate",
        "split_group",
        "ghost",
        "mended_row",
        "encoding",
        "precanned",
        "rejected",
        "untouched",
        "sampled",
        "given",
        "withheld",
    }
)

#: `mezzetin.data.readers.READERS`, which is not imported for a help text; a test compares them.
LAYOUTS = (
    "collection, karpathy, flickr8k, flickr8k-original, flickr30k, textcaps, vizwiz, coco, imagefolder, delta, "
    "parquet, webdataset, urls or table"
)


Layout = Annotated[str | None, typer.Option(help=f"{LAYOUTS}. Default: recognised.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=THEIRS", help="What a table calls image, caption, split…; repeatable."),
]
GroupBy = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Keep the pictures of one value on one side of the split.")
]
Shared = Annotated[
    bool, typer.Option("--allow-shared-images", help="Keep pictures that the source puts in several splits.")
]
Include = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="KIND", help="Of a collection also texts that are sampled or given. Repeatable."),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option("--leave-out", metavar="KIND", help="Of a collection no untouched texts: a machine's, as approved."),
]
Delta = Annotated[str | None, typer.Option(metavar="TABLE", help="Write the rows to this Delta table, too.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="With --delta: in place of the rows that the table has. Default: append.")
]


_NAMED_ALIKE = (
    "layout",
    "group_by",
    "language",
    "seed",
    "licence",
    "allow_shared_images",
    "delta",
    "overwrite",
    "spark",
    "work",
)
"""The parameters of `ingest` that are choices of the verb under the same name."""


def ingest(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder, table or address of captioned pictures.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="The folder to make, here or in a store.")],
    layout: Layout = None,
    columns: Columns = None,
    group_by: GroupBy = None,
    language: Annotated[
        str, typer.Option(help="Of captions that name none (BCP 47); of a collection: which are read.")
    ] = "en",
    seed: Annotated[int, typer.Option(help="Decides the splits of a source that has none.")] = 0,
    licence: Annotated[str | None, typer.Option(help="On what terms the pictures may be used.")] = None,
    allow_shared_images: Shared = False,
    include: Include = None,
    leave_out: LeaveOut = None,
    delta: Delta = None,
    overwrite: Overwrite = False,
    spark: clusters.Spark = None,
    work: clusters.Work = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Make a dataset from captioned pictures.

    Every defect is counted and named. Cut off, the same command goes on. The exit code is 1 when pictures or lines
    could not be used.
    """
    given = locals()
    with opened(as_json=as_json, plain=plain, goes_on=True) as output:
        from mezzetin import api

        clusters.check(spark, work=work)
        choices = {name: given[name] for name in _NAMED_ALIKE}
        choices |= {"include": tuple(include or ()), "leave_out": tuple(leave_out or ())}
        report = api.ingest(source, dataset, columns=_columns(columns or []), report=output.report, **choices)
        _tell(output, report)


def _tell(output: Output, report: IngestReport) -> None:
    for line in report.lines():
        output.say(line)
    output.record(report.to_json())
    if set(report.defect_counts) - HARMLESS:
        raise typer.Exit(1)


def _columns(given: list[str]) -> dict[str, str]:
    columns = {}
    for text in given:
        name, equals, theirs = text.partition("=")
        if name.strip() in columns:
            raise InputError(f"--column {name.strip()} is given twice: name one column")
        if not (name and equals and theirs):
            raise InputError(f"--column {text} names no column: write it as caption=THEIRS")
        columns[name.strip()] = theirs
    return columns
