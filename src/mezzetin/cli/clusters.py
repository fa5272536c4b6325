"""The options of commands that Spark can do: where it runs, and where its machines meet."""

from __future__ import annotations

from typing import Annotated

import typer

from mezzetin.errors import InputError

Spark = Annotated[
    str | None,
    typer.Option("--spark", metavar="MASTER", help="Do it with Spark: local, local[4], a cluster's URL or databricks."),
]
Work = Annotated[
    str | None,
    typer.Option("--work", metavar="PLACE", help="With --spark: a folder that all machines see, for finished parts."),
]
Table = Annotated[
    str | None,
    typer.Option("--table", metavar="PLACE", help="With --spark: keep the captions there as Parquet files."),
]
AsDelta = Annotated[bool, typer.Option("--delta", help="With --table: as a Delta table.")]


def check(spark: str | None, **only_with_spark: object) -> None:
    """Refuse options that mean nothing without Spark.

    Raises:
        InputError: one is given without --spark.

    """
    for name, value in only_with_spark.items():
        if value and spark is None:
            raise InputError(f"--{name} is for work that Spark does: add --spark, or leave it away")
