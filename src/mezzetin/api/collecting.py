"""The verb `collect`: pictures of a house in, a collection with their captions out, here or on Spark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from mezzetin.api.reporting import Report, silent
from mezzetin.captioner import load_captioner
from mezzetin.collection.collect import ALTERNATIVES, Captioners
from mezzetin.collection.collect import collect as collect_here

if TYPE_CHECKING:
    from mezzetin.collection.collecting.options import CollectChoices, Collected
    from mezzetin.external import External


def collect(
    source: str | Path,
    collection: str | Path,
    *,
    captioners: Captioners = None,
    others: Mapping[str, External] | None = None,
    spark: str | None = None,
    work: str | Path | None = None,
    report: Report = silent,
    **choices: Unpack[CollectChoices],
) -> Collected:
    """Describe every picture of a source and keep the result as one SQLite file; the same call goes on and renews.

    `source` is a folder, a container or a SAS link, a table of museum records, or a IIIF manifest or collection.
    `captioners` are bundles that were loaded (the bundled one where there are none), `others` external captioners by
    name; each keeps texts of its own. `choices` are those of `CollectOptions`. What people wrote, approved or deleted
    in the collection stays as it is. With `spark`, a master or "databricks", executors describe files and blobs;
    `work` is then a folder that all machines see.

    Raises:
        InputError: the source is none, or has no pictures.
        FormatError: `collection` is something else, or of a newer format.
        MissingExtra: `mezzetin[spark]` is not installed.
        EnvironmentProblem: a store refuses or does not answer, or the disk is full; the same call goes on.

    """
    if spark is None:
        return collect_here(source, collection, captioners=captioners, others=others, report=report, **choices)
    from mezzetin.spark.captioning import check_shared
    from mezzetin.spark.collecting import collect as collect_there
    from mezzetin.spark.session import opened

    check_shared(spark, None if work is None else str(work), "--work")
    own = [load_captioner(alternatives=ALTERNATIVES)] if captioners is None else captioners
    with opened(spark) as session:
        return collect_there(
            session, source, collection, captioners=own, others=others, work=work, report=report, **choices
        )
