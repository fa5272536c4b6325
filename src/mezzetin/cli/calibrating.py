"""`mezzetin calibrate`: confidence from what curators decided."""

from __future__ import annotations

from typing import Annotated

import typer

from mezzetin.cli.output import AsJson, Model, Plain, opened
from mezzetin.cli.safekeeping import InCollection


def calibrate(
    collection: InCollection,
    out: Annotated[str, typer.Option("--out", metavar="BUNDLE", help="The new bundle's folder.")],
    model: Model = None,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Also change the confidence of the machine texts in the collection.")
    ] = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Fit a captioner's confidence to what people approved, edited and rejected.

    Takes at least 100 decisions on texts of MODEL. Says how far confidence was off before and is now, on decisions
    that the fit did not see. `mezzetin undo COLLECTION --run RUN` takes a rescoring back.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        found = api.calibrate(collection, out, model=model, rescore_texts=rescore, report=output.report)
        output.record(
            {
                "bundle": str(found.bundle.folder),
                "signature": found.bundle.info.signature,
                "decisions": found.decisions,
                "judged": found.judged,
                "acceptable": found.acceptable,
                "error_before": found.error_before,
                "error_after": found.error_after,
                "run": found.run,
                "rescored": found.rescored,
            }
        )
        output.say(f"{found.decisions:,} decisions, {found.judged:,} of them in samples; {found.bundle.folder} written")
        if found.error_before is not None:
            output.say(f"confidence was off by {_error(found.error_before)}")
        output.say(f"now by {_error(found.error_after)}")
        if found.run is not None:
            output.say(f"{found.rescored:,} texts have a new confidence (run {found.run})")


def _error(error: tuple[float, float, float]) -> str:
    return f"{error[0]:.3f} ({error[1]:.3f}-{error[2]:.3f})"
