"""`mezzetin index`: a collection in, what a search by meaning reads of it out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from mezzetin.cli.output import AsJson, Model, Output, Plain, opened

if TYPE_CHECKING:
    from mezzetin.collection.indexing import Indexed


def index(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="What `mezzetin collect` made.")],
    model: Model = None,
    sentences: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="A sentence model's folder or name in the hub's cache; `none` goes without one."
        ),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--picture-source",
            metavar="LINK",
            help="A SAS link that pictures of the collection are read with: it does not keep signatures. Repeatable.",
        ),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Throw all vectors away first, those of other models too.")
    ] = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Make what a search by meaning still lacks: vectors of texts and of pictures.

    A collection that `mezzetin collect` made and people edit keeps itself up to date; this is for texts and pictures
    that came another way, and for a sentence model or a captioner that came later. Cut off, the same command goes on,
    without --rebuild. The exit code is 1 when pictures could not be read.
    """
    with opened(as_json=as_json, plain=plain, goes_on=not rebuild) as output:
        from mezzetin import api

        done = api.index(
            collection, model, sentences=sentences, sources=sources or (), rebuild=rebuild, report=output.report
        )
        _tell(output, done, collection)
        if done.has_failures:
            raise typer.Exit(1)


def _tell(output: Output, done: Indexed, collection: str) -> None:
    output.record({**done.to_json(), "collection": collection})
    for line in indexed_lines(done):
        output.say(line)
    for code, example in done.examples.items():
        output.tell(f"{code}: {example}")


def indexed_lines(done: Indexed) -> Iterator[str]:
    """What a terminal shows of a run."""
    if done.pictures or done.texts:
        yield f"{done.pictures:,} pictures and {done.texts:,} texts indexed in {done.seconds:,.1f} s"
    elif not done.has_failures:
        yield "nothing to do: every picture and text that can be indexed is"
    for code, number in done.failed.items():
        yield f"{number:,} failed: {code}"
    if done.failed_before:
        yield f"{done.failed_before:,} that `mezzetin collect` could not describe are left alone"
    if done.put_off:
        yield f"{done.put_off:,} put off, their host does not answer: run the same command later"
    for note in done.notes:
        yield f"note: {note}"
