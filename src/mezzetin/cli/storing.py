"""`mezzetin store`: files from one place to another, a report out."""

from __future__ import annotations

from typing import Annotated

import typer

from mezzetin.cli.output import AsJson, Output, Plain, opened


def store(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A file or folder: a path, a store, a URL of a file.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Where it goes; a last slash says that it is a folder.")],
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Files at a time.")] = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of other content.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only, and write nothing.")] = False,
    include: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only files such as '*.jpg'; may be given again.")
    ] = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Copy a file or folder between any two places.

    A folder's files keep their paths below TO. What is there with the same content is left, so that the same command
    goes on where it was cut off; what is there with other content is left and named, and the exit code is 1.
    """
    with opened(as_json=as_json, plain=plain, goes_on=True) as output:
        from mezzetin import api

        found = api.store(
            source,
            target,
            jobs=jobs,
            overwrite=overwrite,
            dry_run=dry_run,
            include=include,
            report=output.report,
        )
        counts, *problems = found.lines()
        output.record(found.to_json())
        output.say(counts)
        _tell(output, problems)
    if not found.complete:
        raise typer.Exit(1)


def _tell(output: Output, problems: list[str]) -> None:
    if not output.as_json:
        for line in problems:
            output.tell(line)
