"""The verb `caption` on Spark: places of pictures in, a table of captions out, or the captions one by one.

Enters: what a person names, a loaded captioner, a session. Leaves: a folder of Parquet files that other tools open, or
a Delta table; without a place for one, captions as `caption` yields them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mezzetin.captioner import BundleCaptioner
from mezzetin.errors import InputError
from mezzetin.records import Alternative, Caption, ItemError, ModelInfo, Progress, Token
from mezzetin.spark import job
from mezzetin.spark.hiding import Secrets
from mezzetin.spark.isolation import PATIENCE_S, settings_of
from mezzetin.spark.listing import Entry, digest_of, parts, stamp_of
from mezzetin.spark.session import DATABRICKS, checked
from mezzetin.spark.shipping import ship
from mezzetin.spark.tables import Table, check_target, finish
from mezzetin.spark.tasks import CaptionPart, read_part
from mezzetin.storage.cache import cache_folder
from mezzetin.storage.paths import Place
from mezzetin.storage.pictures import find_pictures


def _silent(progress: Progress) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Wanted:
    """How pictures are described: the captioner, the least confidence that it was loaded with, and the patience.

    `patience` is how many seconds a batch of eight pictures may take before the one at fault is looked for.
    """

    captioner: BundleCaptioner
    min_confidence: float | None = None
    patience: float = PATIENCE_S

    @property
    def digest(self) -> str:
        """The same for what gives the same captions."""
        settings = settings_of(self.captioner, self.min_confidence)
        return digest_of(settings | {"bundle": self.captioner.bundle.digest})


def describe(
    session: Any, work: Place, entries: Iterable[Entry], wanted: Wanted, report: job.Report = _silent
) -> job.Done:
    """Describe listed pictures into the folder `work`, as far as that is not done yet.

    Raises:
        EnvironmentProblem: the job ended; the same call goes on.

    """
    secrets = Secrets()

    def task() -> CaptionPart:
        shipment = ship(session, wanted.captioner.bundle)
        settings = settings_of(wanted.captioner, wanted.min_confidence) | {"bundle": ""}
        return CaptionPart(_address(work), settings, shipment, secrets.all(), wanted.patience)

    return job.run(session, work, parts(entries, secrets, wanted.digest), task, report, "caption")


def caption_table(
    session: Any,
    places: Iterable[str | Path],
    table: str | Path,
    wanted: Wanted,
    *,
    delta: bool = False,
    report: job.Report = _silent,
) -> Table:
    """Caption what paths, addresses and folders name and keep it as Parquet files, or as a version of a Delta table.

    The same call goes on where it was cut off, and describes only what is new or changed when it is made again.

    Raises:
        InputError: there is no picture, or `table` holds something else.
        MissingExtra: `mezzetin[delta]` is not installed.
        EnvironmentProblem: the job ended; the same call goes on.

    """
    target = Place.of(table)
    check_target(target, delta=delta)
    done = describe(session, target, entries(places), wanted, report)
    return finish(target, done, wanted.captioner.info, delta=delta)


def caption_rows(
    session: Any, places: Iterable[str | Path], wanted: Wanted, *, report: job.Report = _silent
) -> Iterator[tuple[str, Caption]]:
    """Caption what paths, addresses and folders name, on this machine's Spark: (name, caption) in order.

    Raises:
        InputError: there is no picture in any of them.
        EnvironmentProblem: the job ended; the same call goes on.

    """
    named = [str(place) for place in places]
    key = digest_of({"places": [str(Place.of(name)) for name in named if name.strip()], "how": wanted.digest})
    work = Place.of(cache_folder("spark") / f"job-{key[:24]}")
    done = describe(session, work, entries(named), wanted, report)
    for name, _ in done.parts:
        for row in read_part(work, name):
            yield row["uri"], caption_of(row)
    job.clear(work)


def entries(places: Iterable[str | Path]) -> Iterator[Entry]:
    """The pictures that places name, as a job lists them."""
    for name, picture in find_pictures(places):
        if isinstance(picture, ItemError):
            yield Entry(name, None, about={"error": [picture.code, picture.message]})
        else:
            yield Entry(name, picture, stamp_of(picture))


def caption_of(row: Mapping[str, Any]) -> Caption:
    """A row of a table as the record that the captioner gives."""
    model = row["model"] or dict.fromkeys(("name", "version", "signature", "licence"), "")
    return Caption(
        text=row["caption"],
        language=row["language"] or "und",
        model=ModelInfo(**model),
        confidence=row["confidence"],
        unlike_training=row["unlike_training"],
        alternatives=tuple(Alternative(**one) for one in row["alternatives"] or ()),
        tokens=tuple(Token(**one) for one in row["tokens"] or ()),
        error=None if row["error"] is None else ItemError(**row["error"]),
    )


def check_shared(master: str, place: str | None, option: str) -> None:
    """Refuse a cluster's job without a place that all of its machines see.

    Raises:
        InputError: the master is none, or is a cluster and no place is named.

    """
    if master != DATABRICKS:
        checked(master)
    if place is None and not master.startswith("local"):
        raise InputError(f"--spark {master} needs a place that all machines share: name one with {option} (/Volumes/…)")


def _address(place: Place) -> str:
    return str(place.local_path()) if place.is_local else place.unredacted()
