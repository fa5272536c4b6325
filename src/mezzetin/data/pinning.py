"""Which version of a Delta table a run reads: one and the same from its first process to its last, and when it goes on.

Enters: a path that may be a Delta table, and the folder that a run keeps its scratch in. Leaves: a version's number,
written down there, or None for what has no versions; a dataset opened at it.
"""

from __future__ import annotations

import json
from pathlib import Path

from mezzetin.data.dataset import MANIFEST, Dataset
from mezzetin.data.deltalog import LOG, DeltaLog
from mezzetin.errors import DatasetError
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import Place, writing

_NOTE = "table.json"


def pinned_version(path: str | Path | Place, folder: Path | None = None, *, version: int | None = None) -> int | None:
    """Return the version that a run reads: the one asked for, the one it began with, or the newest.

    `folder` is where an unfinished run wrote down the one that it began with. None: `path` has no versions.

    Raises:
        DatasetError: a version was asked for of what is no Delta table, or it can't be read.
        MissingExtra: `mezzetin[delta]` is not installed.
        EnvironmentProblem: the store refuses or does not answer.

    """
    place = Place.of(path)
    log = None if (place / MANIFEST).exists() else _log(place, version)
    if log is None:
        if version is not None:
            raise DatasetError(f"{place} is no Delta table and has no version {version}: leave out the version")
        return None
    begun = None if version is not None or folder is None else _begun(folder / _NOTE, log.id)
    return log.version if begun is None else begun


def open_version(path: str | Path | Place, version: int | None) -> Dataset:
    """Open a dataset, or a Delta table at `version`; see `Dataset.open` and `open_delta`."""
    if version is None:
        return Dataset.open(path)
    from mezzetin.data.deltatable import open_delta

    return open_delta(path, version)


def write_down(dataset: Dataset, folder: Path) -> None:
    """Write down in a run's folder which version of which table it has begun with.

    Raises:
        EnvironmentProblem: the folder can't be written.

    """
    told = dataset.manifest.provenance.get("delta")
    if told is not None:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / _NOTE, json.dumps({key: told[key] for key in ("table", "version")}).encode())


def _log(place: Place, version: int | None) -> DeltaLog | None:
    return DeltaLog.open(place, version) if (place / LOG).is_folder() else None


def _begun(note: Path, table: str) -> int | None:
    try:
        told = json.loads(note.read_bytes())
        return int(told["version"]) if told["table"] == table else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
