"""The verb `collect`: captioners are opened here, and the work is done by `collecting`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.records import Progress

if TYPE_CHECKING:
    from mezzetin.collection.collecting.options import CollectChoices, Collected, Forecast
    from mezzetin.external import External

ALTERNATIVES = 4
"""How many further captions of each picture are kept, for search."""
Captioners = Sequence[BundleCaptioner] | None


def _silent(progress: Progress) -> None:
    pass


def collect(
    source: str | Path,
    collection: str | Path,
    *,
    captioners: Captioners = None,
    others: Mapping[str, External] | None = None,
    report: Callable[[Progress], None] = _silent,
    **choices: Unpack[CollectChoices],
) -> Collected:
    """Describe every picture of a source and keep the result as one SQLite file; the same call goes on and renews.

    `source` is a folder, a container or a SAS link, a table of museum records, or a IIIF manifest or collection.
    `captioners` are bundles that were loaded (the bundled one where there are none), `others` external captioners by
    name; each keeps texts of its own. `choices` are those of `CollectOptions`. What people wrote, approved or deleted
    in the collection stays as it is.

    Raises:
        InputError: the source is none, or has no pictures.
        FormatError: `collection` is something else, or of a newer format.
        EnvironmentProblem: a store refuses or does not answer, or the disk is full; the same call goes on.

    """
    from mezzetin.collection.collecting.options import CollectOptions
    from mezzetin.collection.collecting.run import collect as run

    own = _opened(captioners)
    return run(source, collection, own=own, others=others, options=CollectOptions(**choices), report=report)


def foresee(
    source: str | Path,
    collection: str | Path,
    *,
    captioners: Captioners = None,
    others: Mapping[str, External] | None = None,
    report: Callable[[Progress], None] = _silent,
    **choices: Unpack[CollectChoices],
) -> Forecast:
    """Say what `collect` would do with the same arguments, and how long it would take; nothing is written.

    Raises:
        InputError: the source is none, or has no pictures.
        EnvironmentProblem: a store refuses or does not answer.

    """
    from mezzetin.collection.collecting.options import CollectOptions
    from mezzetin.collection.collecting.run import foresee as run

    own = _opened(captioners)
    return run(source, collection, own=own, others=others, options=CollectOptions(**choices), report=report)


def _opened(captioners: Captioners) -> Sequence[BundleCaptioner]:
    return [load_captioner(alternatives=ALTERNATIVES)] if captioners is None else captioners
