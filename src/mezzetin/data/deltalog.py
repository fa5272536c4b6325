"""The log of a Delta table: which of a folder's files are the table, version by version.

Enters: a place. Leaves: a `DeltaLog`, pinned to one version, and new versions, each of which appears whole or not at
all. Only the log goes through deltalake; data files are read and written as any others, by `Place`. Format: the Delta
transaction log protocol, reader version 1 and writer version 2 for the tables that are made here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from mezzetin.errors import DatasetError, EnvironmentProblem, MissingExtra, StoreUnreachable
from mezzetin.storage.address import is_address
from mezzetin.storage.delta import reaching
from mezzetin.storage.paths import Place

LOG = "_delta_log"
#: The log is small, and says of every version where its rows are from.
_KEPT = "interval 3650 days"


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a table's version: its path in the table's folder, bytes, the columns that its path stands for.

    `keep` says of each row whether it is still there, where rows were deleted without writing the file again.
    """

    path: str
    size: int
    shared: Mapping[str, Any]
    keep: tuple[bool, ...] | None = None


@dataclass(frozen=True, slots=True)
class NewFile:
    """A data file that is in place and is to become part of a table: `statistics` are those of the log, as JSON."""

    path: str
    size: int
    modified_ms: int
    statistics: str


class DeltaLog:
    """One version of a table; `DeltaLog.open` finds it."""

    def __init__(self, place: Place, table: Any) -> None:
        self.place, self._table = place, table
        self.version = int(table.version())
        self.id = str(table.metadata().id)

    def __str__(self) -> str:
        return f"{self.place} (version {self.version})"

    @classmethod
    def open(cls, place: Place, version: int | None = None) -> DeltaLog | None:
        """Open a version of the table at `place`, the newest with None; None where there is no table.

        Raises:
            DatasetError: the log is broken, does not go back to that version, or needs a newer deltalake.
            MissingExtra: `mezzetin[delta]` is not installed.
            EnvironmentProblem: the store refuses or does not answer.

        """
        delta = _deltalake()
        # Asked first, because the store's own words are better than deltalake's.
        if not (place / LOG).is_folder():
            return None
        with _reading(place, f"version {version}" if version is not None else "the newest version"):
            with reaching(place) as (uri, options):
                table = delta.DeltaTable(uri, version=version, storage_options=options)
            log = cls(place, table)
        mapping = table.metadata().configuration.get("delta.columnMapping.mode", "none")
        if mapping != "none":
            raise DatasetError(
                f"{log} names its columns otherwise in its files (column mapping by {mapping}): copy it to a table "
                "without column mapping"
            )
        return log

    @property
    def columns(self) -> dict[str, str]:
        """The table's columns and their types, as the log writes these."""
        return _types(self._table.schema())

    def files(self) -> list[DataFile]:
        """Return the files of this version in the order of their paths; nothing else in the folder is the table.

        Raises:
            DatasetError: the log can't be read to its end, or names a file elsewhere, as a shallow clone's does.

        """
        import pyarrow as pa

        with _reading(self.place, f"version {self.version}"):
            actions = pa.table(self._table.get_add_actions()).to_pylist()
            keep = self._kept()
        files = []
        for action in actions:
            # The log writes paths as URLs do.
            path = unquote(action["path"])
            if is_address(path) or path.startswith("/") or ".." in path.split("/"):
                raise DatasetError(f"{self} names files outside its folder, as a shallow clone does: copy it whole")
            mask = next((kept for uri, kept in keep.items() if unquote(uri).endswith(f"/{path}")), None)
            files.append(DataFile(path, int(action["size_bytes"]), action.get("partition") or {}, mask))
        return sorted(files, key=lambda file: file.path)

    def _kept(self) -> dict[str, tuple[bool, ...]]:
        if "deletionVectors" not in (self._table.protocol().reader_features or ()):
            return {}
        import pyarrow as pa

        vectors = pa.RecordBatchReader.from_stream(self._table.deletion_vectors())
        return {
            row["filepath"]: tuple(map(bool, row["selection_vector"])) for batch in vectors for row in batch.to_pylist()
        }

    def told(self) -> Iterator[tuple[dict[str, Any], bool]]:
        """Yield the `facts` of each version, the newest first, and whether it wrote over all that was there."""
        with _reading(self.place, "its history"):
            history = self._table.history()
        for entry in history:
            facts: dict[str, Any] = {}
            # Others write there what they like.
            with suppress(ValueError, TypeError, KeyError):
                facts = dict(json.loads(entry["userMetadata"]))
            if entry.get("version", 0) <= self.version:
                yield facts, entry.get("operationParameters", {}).get("mode") == "Overwrite"

    def written(self, application: str) -> int | None:
        """Return the number under which an application last wrote (the protocol's `txn`), or None."""
        found: int | None = self._table.transaction_version(application)
        return found

    def commit(
        self, files: Sequence[NewFile], schema: Any, *, overwrite: bool, facts: Mapping[str, Any], mark: tuple[str, int]
    ) -> int:
        """Make the next version, of these files and, unless `overwrite`, of those that are there; return its number.

        `schema` is Arrow's; `facts` are kept in the log; `mark` is an application and its number, see `written`.

        Raises:
            DatasetError: somebody else wrote the same at the same time.

        """
        with _writing(self.place):
            self._table.create_write_transaction(
                _actions(files),
                "overwrite" if overwrite else "append",
                _deltalake().Schema.from_arrow(schema),
                commit_properties=_properties(facts, mark),
            )
        made = DeltaLog.open(self.place)
        return self.version + 1 if made is None else made.version


def create_table(
    place: Place,
    files: Sequence[NewFile],
    schema: Any,
    *,
    name: str,
    description: str,
    facts: Mapping[str, Any],
    mark: tuple[str, int],
) -> int:
    """Make a table with its first version, 0, of these files; return that number.

    Raises:
        DatasetError: somebody else made one there at the same time.
        EnvironmentProblem: the store refuses or does not answer.

    """
    delta = _deltalake()
    from deltalake.transaction import create_table_with_add_actions

    with _writing(place), reaching(place) as (uri, options):
        create_table_with_add_actions(
            uri,
            delta.Schema.from_arrow(schema),
            _actions(files),
            name=name,
            description=description,
            configuration={"delta.logRetentionDuration": _KEPT},
            storage_options=options,
            commit_properties=_properties(facts, mark),
        )
    return 0


def column_types(schema: Any) -> dict[str, str]:
    """The columns of an Arrow schema and their types, as a table's log would write these."""
    return _types(_deltalake().Schema.from_arrow(schema))


def _types(schema: Any) -> dict[str, str]:
    fields = json.loads(schema.to_json())["fields"]
    # Whether a column or list may hold nulls is no difference for who reads.
    plain = {"array": lambda kind: f"array<{kind['elementType']}>"}
    return {
        field["name"]: kind if isinstance(kind := field["type"], str) else plain.get(kind["type"], json.dumps)(kind)
        for field in fields
    }


def _actions(files: Sequence[NewFile]) -> list[Any]:
    from deltalake.transaction import AddAction

    return [AddAction(f.path, f.size, {}, f.modified_ms, True, f.statistics) for f in files]


def _properties(facts: Mapping[str, Any], mark: tuple[str, int]) -> Any:
    delta = _deltalake()
    # `userMetadata` is what DESCRIBE HISTORY shows.
    told = {"userMetadata": json.dumps(facts, ensure_ascii=False, sort_keys=True)}
    return delta.CommitProperties(custom_metadata=told, app_transactions=[delta.Transaction(*mark)])


def _deltalake() -> Any:
    try:
        import deltalake
    except ImportError as error:
        raise MissingExtra("delta", "Delta tables") from error
    return deltalake


@contextmanager
def _reading(place: Place, what: str) -> Iterator[None]:
    """Turn deltalake's exceptions into ours; its own texts hold URLs and are not repeated."""
    _deltalake()
    from deltalake.exceptions import DeltaError

    try:
        yield
    except DeltaError as error:
        raise DatasetError(
            f"{place}: {what} can't be read from its {LOG}: name a version that it keeps, or update with "
            "pip install -U deltalake"
        ) from error
    except OSError as error:
        raise StoreUnreachable(_unreachable(place)) from error


@contextmanager
def _writing(place: Place) -> Iterator[None]:
    """As `_reading`, where a version is written."""
    _deltalake()
    from deltalake.exceptions import CommitFailedError, DeltaError

    try:
        yield
    except CommitFailedError as error:
        raise DatasetError(
            f"{place} was written by somebody else at the same time: run the same command again"
        ) from error
    except DeltaError as error:
        raise EnvironmentProblem(
            f"{place}: no version could be added to its {LOG}: check that it may be written, then run the same "
            "command again"
        ) from error
    except OSError as error:
        raise StoreUnreachable(_unreachable(place)) from error


def _unreachable(place: Place) -> str:
    return (
        f"{place}: its {LOG} could not be reached: check the credentials and the network, then run the same command "
        "again"
    )
