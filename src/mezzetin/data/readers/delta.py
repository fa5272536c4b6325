"""Delta: a table of the Delta Lake protocol, of which the log says which Parquet files are the table now.

Files that the folder holds besides are older versions' and are not read. Columns are those of the layout parquet.
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.deltalog import LOG, DeltaLog
from mezzetin.data.readers.parquet import Part, read_parts
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

LOOKS_FOR = "a Delta table (a folder with _delta_log/)"
PUBLISHED_SPLIT: str | None = None


def found(source: Place) -> bool:
    """Say whether `source` is a Delta table."""
    return (source / LOG).is_folder()


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a row of the table's newest version.

    Raises:
        MissingExtra: deltalake is not installed.
        DatasetError: it is no Delta table, or one that renames columns within its files.

    """
    log = DeltaLog.open(source)
    if log is None:
        raise DatasetError(f"{source} is no Delta table: name a folder that holds {LOG}/")
    parts = [Part(file.path, source / file.path, file.shared, file.keep) for file in log.files()]
    yield from read_parts(source, parts, options)
