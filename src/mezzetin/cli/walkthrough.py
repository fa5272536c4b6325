"""`mezzetin quickstart`: the whole road once, on generated pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from mezzetin.cli.output import AsJson, Plain, opened


def quickstart(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where everything goes.")] = "quickstart",
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Walk the whole road once, offline.

    Draws pictures, ingests them, trains, evaluates and captions new ones, in minutes.
    """
    with opened(as_json=as_json, plain=plain, goes_on=True) as output:
        from mezzetin.tour import quickstart as walk

        result = walk(folder, say=output.say, report=output.report)
        output.record(result.to_json())
