"""`mezzetin doctor`: what works here, what can be reached, and what to do about the rest."""

from __future__ import annotations

from typing import Annotated

import typer

from mezzetin.cli.output import AsJson, Plain, opened


def doctor(
    places: Annotated[
        list[str] | None, typer.Argument(metavar="URI…", help="Folders, stores or files to be read or written.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Try to write: put a small file into each place and delete it.")
    ] = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Say what works on this machine and what can be reached from it.

    Looks at versions, extras, GPU, Java, room, the model hub and accounts, and for each URI tries to list and read. The
    exit code is 1 when a place works in part, 3 when one does not at all.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        found = api.doctor(places or [], write=write, report=output.report)
        output.record(found.to_json())
        for line in found.lines():
            output.say(line)
    if found.exit_code:
        raise typer.Exit(found.exit_code)
