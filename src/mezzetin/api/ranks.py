"""`train` in several processes: what starts them, and what each of them does. torch's launcher runs this as a module.

Enters: what `train` was called with, as a plan that goes through JSON. Leaves: the bundle. What each rank runs is
`train` itself, as under a `torchrun` that somebody started by hand.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mezzetin.api.reporting import Report, silent
from mezzetin.api.training import train
from mezzetin.bundle import MANIFEST, Bundle
from mezzetin.errors import EnvironmentProblem, InputError, MezzetinError
from mezzetin.storage.paths import Place
from mezzetin.training.launching import PLAN, Torchrun, launched, say, say_progress

if TYPE_CHECKING:
    from mezzetin.training.recipe import Recipe


def train_in_ranks(plan: Mapping[str, Any], *, ranks: int, spark: str | None, restarts: int, report: Report) -> Bundle:
    """Let `ranks` processes train together, here or, with `spark`, where that master's session has its executors.

    Raises:
        MezzetinError: see `train`.

    """
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        raise InputError("RANK and WORLD_SIZE are set, so torchrun has started the ranks: leave out --ranks")
    how: dict[str, Any] = {"ranks": ranks, "restarts": restarts, "report": report}
    if spark is None:
        launched(Torchrun(ranks, __name__), plan, **how)
    else:
        from mezzetin.spark.distributor import UnderSpark
        from mezzetin.spark.session import opened

        with opened(spark) as session:
            start = UnderSpark(session, ranks, work)
            start.check(Place.of(plan["bundle"]))
            launched(start, plan, **how)
    target = Place.of(plan["bundle"])
    if not (target / MANIFEST).exists():
        raise EnvironmentProblem(
            f"{target} was made on the machine of rank 0 and is not to be seen from here: name a folder that all "
            "machines share"
        )
    return Bundle.open(target)


def planned(
    dataset: str | Path, bundle: str | Path, recipe: Recipe, start: str | Path | None, **more: Any
) -> dict[str, Any]:
    """What each rank is told: paths in full, since a rank may begin elsewhere, and the recipe as it was read."""
    told = recipe.model_dump(mode="json")
    if told["encoder"]["weights"]:
        told["encoder"]["weights"] = _whole(told["encoder"]["weights"])
    return {
        "dataset": _whole(dataset),
        "bundle": _whole(bundle),
        "recipe": told,
        "start": _whole(start) if start is not None and Path(start).exists() else start,
        **more,
    }


def work(plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """Be one rank. Rank 0 says and returns what became of it: `bundle`, or `error` and its exit `code`.

    Raises:
        MezzetinError: another rank was lost: they must all be started again.

    """
    from mezzetin.training.ranks import LOST
    from mezzetin.training.recipe import Recipe

    leads, told = os.environ.get("RANK", "0") == "0", {"bundle": plan["bundle"]}
    try:
        recipe = Recipe.model_validate(plan["recipe"])
        train(**{**plan, "recipe": recipe}, report=say_progress if leads else silent)
    except MezzetinError as error:
        if str(error) == LOST:
            raise
        told = {"error": str(error), "code": error.exit_code}
    except SystemExit as end:
        # Of a rank that has nothing to add: what is wrong, rank 0 says.
        if end.code not in (InputError.exit_code, EnvironmentProblem.exit_code):
            raise
    if not leads:
        return None
    say(outcome=told)
    return told


def _whole(path: str | Path) -> str:
    place = Place.of(path)
    return str(Path(place.address.path).absolute()) if place.is_local else str(path)


if __name__ == "__main__":
    work(json.loads(os.environ[PLAN]))
