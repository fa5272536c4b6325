"""Tables of captions: the files of a job as something that other tools open.

Enters: a job that is done. Leaves: `_captions.json`, written last, which lists the files of a Parquet folder with
their digests; or a version of a Delta table that names them.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from mezzetin.errors import DatasetError
from mezzetin.records import ModelInfo
from mezzetin.spark.job import Done, names_there, part_file
from mezzetin.storage.manifest import write_manifest
from mezzetin.storage.paths import Place, writing

FORMAT = "mezzetin.captions"
VERSION = 1
MANIFEST = "_captions.json"
LOG = "_delta_log"
_DESCRIPTION = "Captions by Mezzetin: a row a picture, what was said of it or why nothing was."


@dataclass(frozen=True, slots=True)
class Table:
    """What a job made: where, how many rows in how many files, and how many of them have no caption, by code.

    `resumed` rows were there before; `version` is a Delta table's, None of Parquet files.
    """

    table: str
    rows: int
    files: int
    failed: dict[str, int]
    resumed: int
    version: int | None
    digest: str

    def lines(self) -> list[str]:
        """Return it for a terminal."""
        kind = "Parquet" if self.version is None else f"Delta, version {self.version}"
        told = [f"{self.table}: {self.rows:,} rows in {self.files:,} files ({kind})"]
        if self.resumed:
            told.append(f"{self.resumed:,} rows were there already")
        return told + [f"{count:,} without a caption: {code}" for code, count in sorted(self.failed.items())]

    def to_json(self) -> dict[str, Any]:
        """Return it as a plain dict, ready for `json.dumps`."""
        return asdict(self)


def check_target(target: Place, *, delta: bool) -> None:
    """Refuse a place that holds something else, before any work.

    Raises:
        DatasetError: it does.
        MissingExtra: `mezzetin[delta]` is not installed.

    """
    if delta:
        from mezzetin.data.deltalog import DeltaLog

        log = DeltaLog.open(target)
        if log is not None and "caption" not in log.columns:
            raise DatasetError(f"{target} is another Delta table: choose a folder of its own for captions")
    if not target.exists():
        return
    if not target.is_folder():
        raise DatasetError(f"{target} is a file: choose a folder of its own for captions")
    for child in target.children():
        if child.name == LOG and not delta:
            raise DatasetError(f"{target} is a Delta table: add --delta, or choose another folder")
        if not child.name.startswith(("part-", "_", ".")):
            raise DatasetError(f"{target} is not empty and holds no captions ({child.name}): choose a new folder")


def finish(target: Place, done: Done, model: ModelInfo, *, delta: bool) -> Table:
    """Make a table of a job's files.

    Raises:
        DatasetError: somebody else wrote the Delta table at the same time.
        EnvironmentProblem: the store refuses or does not answer.

    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    files: dict[str, tuple[int, str]] = {}
    failed: dict[str, int] = {}
    for name, _ in done.parts:
        content = part_file(target, name).read_bytes()
        files[part_file(target, name).name] = (len(content), _sha256(content))
        errors = pq.read_table(io.BytesIO(content), columns=["error"], use_threads=False).column("error")
        for code in pc.struct_field(errors.combine_chunks(), "code").drop_null().to_pylist():
            failed[code] = failed.get(code, 0) + 1
    made: dict[str, Any] = {"rows": done.rows, "failed": dict(sorted(failed.items())), "model": asdict(model)}
    version = None
    if delta:
        version = _commit(target, done, files, made)
        digest = str(made["digest"])
    else:
        _drop_others(target, done)
        with writing(target):
            digest = write_manifest(target / MANIFEST, format=FORMAT, version=VERSION, content=made, files=files)
    return Table(str(target), done.rows, len(files), made["failed"], done.resumed, version, digest)


def _drop_others(target: Place, done: Done) -> None:
    """Remove the files of pictures as they were before: who reads the folder would read them, too."""
    for name in set(names_there(target)) - {name for name, _ in done.parts}:
        part_file(target, name).delete()


def _commit(target: Place, done: Done, files: dict[str, tuple[int, str]], made: dict[str, Any]) -> int:
    from mezzetin.data.deltalog import DeltaLog, NewFile, create_table
    from mezzetin.spark.rows import SCHEMA
    from mezzetin.storage.manifest import content_digest

    entries = [{"name": name, "sha256": sha256} for name, (_, sha256) in files.items()]
    made["digest"] = content_digest({**made, "format": FORMAT}, entries)
    mark: tuple[str, int] = (f"mezzetin-captions:{made['digest']}", 1)
    log = DeltaLog.open(target)
    if log is not None and {file.path for file in log.files()} == set(files):
        return log.version
    rows = {part_file(target, name).name: count for name, count in done.parts}
    now = time.time_ns() // 1_000_000
    new = [NewFile(name, size, now, json.dumps({"numRecords": rows[name]})) for name, (size, _) in files.items()]
    facts = {f"mezzetin.{key}": value for key, value in made.items()}
    if log is None:
        return create_table(target, new, SCHEMA, name=target.name, description=_DESCRIPTION, facts=facts, mark=mark)
    return log.commit(new, SCHEMA, overwrite=True, facts=facts, mark=(mark[0], (log.written(mark[0]) or 0) + 1))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
