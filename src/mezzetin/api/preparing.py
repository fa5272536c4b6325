"""The verbs that prepare: pictures and captions in, a dataset or a look at one out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from mezzetin.api.reporting import Report, silent
from mezzetin.errors import InputError
from mezzetin.records import Progress

if TYPE_CHECKING:
    from mezzetin.data.ingest import Options
    from mezzetin.data.inspection import Inspection
    from mezzetin.data.report import IngestReport


def ingest(
    source: str | Path,
    dataset: str | Path,
    *,
    delta: str | Path | None = None,
    overwrite: bool = False,
    spark: str | None = None,
    work: str | Path | None = None,
    report: Report = silent,
    **options: Unpack[Options],
) -> IngestReport:
    """Make a dataset of captioned pictures, both anywhere; see `mezzetin.data.ingest` for the `options`.

    With `delta` its rows are also written to the Delta table there, behind those that it has or, with `overwrite`, in
    their place. With `spark`, a master or "databricks", executors read and prove the pictures; `work` is then a
    folder that all machines see.

    Raises:
        DatasetError: the source can't be used, has pictures in several splits, or `dataset` holds something else.
        MissingExtra: `mezzetin[delta]` is not installed.
        EnvironmentProblem: the disk is full, read-only or refuses, or a store does not answer; the same call goes on.

    """
    if overwrite and delta is None:
        raise InputError("--overwrite is for the rows of a Delta table: name one with --delta")
    if spark is not None:
        made = _ingest_on(spark, source, dataset, work, report, options)
    else:
        from mezzetin.data.ingest import ingest as make

        made = make(source, dataset, progress=lambda done, total: report(Progress("ingest", done, total)), **options)
    return made if delta is None else replace(made, table=_written(dataset, delta, overwrite, report))


def _written(dataset: str | Path, delta: str | Path, overwrite: bool, report: Report) -> str:
    """Put a dataset's rows into a Delta table, and say what was done."""
    from mezzetin.data.dataset import Dataset
    from mezzetin.data.delta import write_delta

    table = write_delta(
        Dataset.open(dataset),
        delta,
        mode="overwrite" if overwrite else "append",
        progress=lambda done, total: report(Progress("table", done, total)),
    )
    return table.lines()[0]


def _ingest_on(
    spark: str, source: str | Path, dataset: str | Path, work: str | Path | None, report: Report, options: Options
) -> IngestReport:
    from mezzetin.spark.captioning import check_shared
    from mezzetin.spark.ingesting import ingest as make
    from mezzetin.spark.session import opened
    from mezzetin.storage.paths import Place

    shared = work if work is not None else None if Place.of(dataset).is_local else dataset
    check_shared(spark, None if shared is None else str(shared), "--work")
    with opened(spark) as session:
        return make(session, source, dataset, work=work, report=report, **options)


def inspect(
    dataset: str | Path, *, html: str | Path | None = None, split: str | None = None, report: Report = silent
) -> Inspection:
    """Count what a dataset (or one split of it) holds, write it as the page `html`; see `mezzetin.data.inspection`."""
    from mezzetin.data.dataset import Dataset
    from mezzetin.data.inspection import inspect_dataset
    from mezzetin.data.inspection.page import write_page

    data = Dataset.open(dataset)
    found = inspect_dataset(data, split=split, report=report)
    if html is not None:
        write_page(found, data, html)
    return found
