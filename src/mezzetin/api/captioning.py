"""The verbs that caption: pictures in, captions or a page of them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from mezzetin.api.reporting import Report, silent
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.contactsheet import sheet_items, write_contact_sheet
from mezzetin.pixels import DEFAULT_MAX_PIXELS
from mezzetin.records import Caption
from mezzetin.storage.paths import writing
from mezzetin.storage.pictures import find_pictures
from mezzetin.worker import caption_pictures

if TYPE_CHECKING:
    from mezzetin.decoding.options import DecodingChanges
    from mezzetin.spark.tables import Table


def caption(
    places: Iterable[str | Path],
    model: str | Path | None = None,
    *,
    beam: int | None = None,
    alternatives: int = 0,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    min_confidence: float | None = None,
    captioner: BundleCaptioner | None = None,
    spark: str | None = None,
    report: Report = silent,
    **decoding: Unpack[DecodingChanges],
) -> Iterator[tuple[str, Caption]]:
    """Caption the pictures that paths and folders name: (name, caption) in order, errors as captions with `error`.

    `captioner` spares the loading of `model` when one is loaded already; the rest is that of `load_captioner`. With
    `spark`, a master on this machine, its workers caption, and the captions come when all are there.
    """
    if captioner is None:
        captioner = load_captioner(
            model,
            beam=beam,
            alternatives=alternatives,
            max_pixels=max_pixels,
            min_confidence=min_confidence,
            **decoding,
        )
    if spark is None:
        yield from caption_pictures(captioner, find_pictures(places))
        return
    from mezzetin.spark.captioning import Wanted, caption_rows, check_shared
    from mezzetin.spark.session import opened

    check_shared(spark, None, "--table")
    with opened(spark) as session:
        yield from caption_rows(session, places, Wanted(captioner, min_confidence), report=report)


def caption_table(
    places: Iterable[str | Path],
    table: str | Path,
    *,
    spark: str,
    captioner: BundleCaptioner | None = None,
    min_confidence: float | None = None,
    delta: bool = False,
    report: Report = silent,
) -> Table:
    """Caption the pictures that places name with Spark, as a folder of Parquet files or, with `delta`, a Delta table.

    `spark` is a master or "databricks"; `min_confidence` is what `captioner` was loaded with. The same call goes on
    where it was cut off, and describes only what is new or changed when it is made again.

    Raises:
        InputError: there is no picture, or `table` holds something else.
        MissingExtra: `mezzetin[spark]` or `mezzetin[delta]` is not installed.
        EnvironmentProblem: the job ended; the same call goes on.

    """
    from mezzetin.spark import captioning
    from mezzetin.spark.session import opened

    own = captioner or load_captioner(min_confidence=min_confidence)
    with opened(spark) as session:
        wanted = captioning.Wanted(own, min_confidence)
        return captioning.caption_table(session, places, table, wanted, delta=delta, report=report)


def contact_sheet(
    rows: Iterable[tuple[str, Caption]],
    target: str | Path,
    *,
    places: Iterable[str | Path] = (),
    title: str = "Captions",
    notice: str = "",
) -> Path:
    """Write captioned pictures as one HTML page with their captions as alt texts.

    `places` are what `caption` was given: they tell how to reach pictures in a store again, which the names don't.
    """
    items = sheet_items(rows, places)
    target = Path(target)
    with writing(target):
        write_contact_sheet(target, items, title=title, notice=notice)
    return target
