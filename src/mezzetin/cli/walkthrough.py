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
    """Draw pictures, train on them, evaluate, caption: every step, offline, in minutes."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        result = api.quickstart(folder, say=output.say, report=output.report)
        output.record(result.to_json())
