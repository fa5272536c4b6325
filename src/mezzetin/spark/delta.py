"""A Delta table in Spark without Delta's jars: the files that its log lists for one version, and no others.

Enters: a session, a table's place, a version. Leaves: a DataFrame of the version's rows. The log is read here, where
the driver is, by deltalake; Spark then reads plain Parquet. The folder is never globbed: it also holds the files of
earlier versions, and of no version at all, whose rows would come twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mezzetin.data.deltalog import DataFile, DeltaLog
from mezzetin.errors import DatasetError, InputError
from mezzetin.storage.paths import Place

_AZURE = re.compile(r"https://([a-z0-9]+)\.(?:blob|dfs)\.([a-z.]+)")
_VOLUMES = re.compile(r"/(Volumes|dbfs|mnt)/")


@dataclass(frozen=True, slots=True)
class TableVersion:
    """Which version of which table a DataFrame is: `table` is the table's id, `files` how many it has."""

    place: str
    table: str
    version: int
    files: int


def read_delta(session: Any, path: str | Path | Place, version: int | None = None) -> tuple[Any, TableVersion]:
    """Return a DataFrame of a version's rows (None: of the newest) and which version it is: keep it with the result.

    The DataFrame stays at that version, whatever is written to the table meanwhile. Spark reads the files with its own
    access to the store: a path of this machine, a volume, or `abfss://`, `s3://`, `gs://` where it has the jars.

    Raises:
        DatasetError: there is no table or not that version, or rows were deleted in it without writing its files anew.
        InputError: Spark has no such address.
        MissingExtra: `mezzetin[delta]` is not installed.
        EnvironmentProblem: the store refuses or does not answer.

    """
    place = Place.of(path)
    log = DeltaLog.open(place, version)
    if log is None:
        raise DatasetError(f"{place} is no Delta table: it has no folder _delta_log")
    files = log.files()
    if any(file.keep is not None and not all(file.keep) for file in files):
        raise DatasetError(
            f"{log} has deletion vectors, which only Delta's own jars read: REORG TABLE … APPLY (PURGE) writes it anew"
        )
    told = TableVersion(str(place), log.id, log.version, len(files))
    return _frame(session, log, files), told


def _frame(session: Any, log: DeltaLog, files: list[DataFile]) -> Any:
    schema = ", ".join(f"`{name}` {kind}" for name, kind in _columns(log).items())
    if not files:
        return session.createDataFrame([], schema)
    root = _root(session, log.place)
    reader = session.read.schema(schema)
    if any(file.shared for file in files):
        # The columns that a partitioned table's files lack are in their paths, below this one.
        reader = reader.option("basePath", root)
    from pyspark.errors import AnalysisException

    try:
        return reader.parquet(*(f"{root}/{_quoted(file.path)}" for file in files))
    except AnalysisException as error:
        raise DatasetError(
            f"Spark does not find the files of {log}, perhaps they are gone by VACUUM: open a newer version"
        ) from error


def _columns(log: DeltaLog) -> dict[str, str]:
    odd = {name: kind for name, kind in log.columns.items() if kind.startswith("{")}
    if odd:
        raise DatasetError(f"{log}: column {next(iter(odd))} is nested: only plain columns and lists of them are read")
    return {name: {"long": "bigint", "integer": "int"}.get(kind, kind) for name, kind in log.columns.items()}


def _root(session: Any, place: Place) -> str:
    """The table's folder as Spark names it."""
    address = place.address
    if address.kind == "local":
        path = str(place.local_path().absolute())
        master = str(session.conf.get("spark.master", ""))
        here = master.startswith("local") or _VOLUMES.match(path)
        if not here:
            raise InputError(f"{place} is a path of this machine: name one that the executors of {master} see too")
        # On Databricks a bare path is one of DBFS, except for volumes.
        return path if path.startswith("/Volumes/") else f"file://{_quoted(path)}"
    azure = _AZURE.fullmatch(address.endpoint)
    if address.kind == "azure" and azure is not None and not address.secret:
        return f"abfss://{address.container}@{azure[1]}.dfs.{azure[2]}/{_quoted(address.path)}".rstrip("/")
    if address.kind == "filesystem" and address.endpoint in ("s3", "gs"):
        return f"{address.endpoint}://{address.container}/{_quoted(address.path)}".rstrip("/")
    raise InputError(
        f"{place}: Spark reads with its own access: name a folder, a volume, s3://, gs:// or "
        "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/…"
    )


def _quoted(path: str) -> str:
    """A path as Hadoop takes it for itself: what its globs are made of is escaped."""
    return re.sub(r"([*?\[\]{}\\])", r"\\\1", path)
