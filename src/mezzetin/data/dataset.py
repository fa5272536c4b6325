"""A dataset: the table of captioned pictures that `ingest` writes, read as a stream.

Enters: the folder of a finished dataset. Leaves: its manifest, typed, and its rows in file order, one row
group in memory at a time. The parts are plain Parquet with the columns of `records.Example`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from mezzetin.data.parts import SCHEMA
from mezzetin.data.readers.record import Defect
from mezzetin.data.report import IngestReport
from mezzetin.errors import DatasetError
from mezzetin.records import Example
from mezzetin.storage.cache import FileCache
from mezzetin.storage.manifest import read_manifest
from mezzetin.storage.paths import Place, reading

FORMAT = "mezzetin.dataset"
VERSION = 1
MANIFEST = "dataset.json"
_PART = re.compile(r"part-\d{5}\.parquet")


@dataclass(frozen=True, slots=True)
class DatasetManifest:
    """What `dataset.json` says.

    `parts` are file names in order with their sha256, `rows` counts pictures by split and status, `defects` names
    the first ten of each kind that `defect_counts` counts, `provenance` is outside the digest.
    """

    digest: str
    layout: str
    fingerprint: str
    language: str
    licence: str | None
    rows: Mapping[str, Mapping[str, int]]
    captions: int
    reduced: int
    splits: Mapping[str, Any]
    defect_counts: Mapping[str, int]
    defects: tuple[Defect, ...]
    warnings: tuple[str, ...]
    provenance: Mapping[str, Any]
    parts: Mapping[str, str]

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> DatasetManifest:
        """Build from the manifest's JSON; KeyError, TypeError or ValueError where it is no such thing."""
        counts = {split: {s: int(n) for s, n in by.items()} for split, by in body["rows"].items()}
        return cls(
            digest=str(body["digest"]),
            layout=str(body["source"]["layout"]),
            fingerprint=str(body["source"]["fingerprint"]),
            language=str(body["language"]),
            licence=body["licence"],
            rows=counts,
            captions=int(body["captions"]),
            reduced=int(body["reduced"]),
            splits=dict(body["splits"]),
            defect_counts={kind: int(entry["count"]) for kind, entry in body["defects"].items()},
            defects=tuple(
                Defect(kind, first["name"], first["detail"])
                for kind, entry in body["defects"].items()
                for first in entry["first"]
            ),
            warnings=tuple(body["warnings"]),
            provenance=dict(body["provenance"]),
            parts=dict(sorted((f["name"], f["sha256"]) for f in body["files"] if _PART.fullmatch(f["name"]))),
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """A finished dataset; `Dataset.open` makes one."""

    folder: Place
    manifest: DatasetManifest

    @classmethod
    def open(cls, path: str | Path | Place, *, verify: bool = False) -> Dataset:
        """Open the dataset in the folder `path`, checking that its files are there and of their size.

        A Delta table is opened at its newest version, and stays at it.

        With `verify` every file is read once and its sha256 compared. A folder in a store is read part by part
        through the cache of this machine, where the sha256 is always compared.

        Raises:
            DatasetError: there is no finished dataset, or a file of it is missing or altered.
            FormatError: it is of a newer or foreign format.
            EnvironmentProblem: the store refuses or does not answer.

        """
        folder = Place.of(path)
        if folder.is_local:
            folder = Place.of(folder.local_path())
        if not (folder / MANIFEST).exists() and (folder / "_delta_log").is_folder():
            from mezzetin.data.deltatable import open_delta

            return open_delta(folder)
        with reading(folder):
            body = read_manifest(folder / MANIFEST, format=FORMAT, version=VERSION, verify=verify)
        try:
            return cls(folder, DatasetManifest.from_json(body))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(
                f"{folder / MANIFEST} can't be read as the manifest of a dataset: make or fetch it again"
            ) from error

    @property
    def digest(self) -> str:
        """The hex sha256 of the dataset's content."""
        return self.manifest.digest

    def count(self, split: str | None = None) -> int:
        """Return how many usable pictures a split has (all splits with None)."""
        splits = self.manifest.rows if split is None else [split]
        return sum(self.manifest.rows.get(name, {}).get("ok", 0) for name in splits)

    def rows(
        self, splits: Collection[str] | None = None, *, images: bool = True, every: bool = False
    ) -> Iterator[Example]:
        """Yield rows in file order: those of `splits` (None: of all), usable ones only unless `every`.

        With `images` False no image bytes are read and `image` is None. A row without a picture has width
        and height 0.

        Raises:
            DatasetError: a part is truncated or is no table of ours.

        """
        for part, stream in self._parts():
            with stream:
                yield from _part_rows(part, stream, splits, images=images, every=every)

    def _parts(self) -> Iterator[tuple[Place, IO[bytes]]]:
        """The parts, opened, in order; of a remote dataset the next one is fetched meanwhile."""
        parts = [(self.folder / name, sha256) for name, sha256 in self.manifest.parts.items()]
        if self.folder.is_local:
            for part, _ in parts:
                with _parquet_trouble(part):
                    stream = part.open()
                yield part, stream
            return
        cache = FileCache.shared()
        with ThreadPoolExecutor(1, thread_name_prefix="parts") as pool:
            coming: deque[tuple[Place, Future[IO[bytes]]]] = deque()
            try:
                for part, sha256 in parts:
                    coming.append((part, pool.submit(cache.open, part, sha256)))
                    if len(coming) > 1:
                        first, opened = coming.popleft()
                        yield first, opened.result()
                while coming:
                    first, opened = coming.popleft()
                    yield first, opened.result()
            finally:
                for _, opened in coming:
                    if not opened.cancel():
                        opened.result().close()

    def report(self) -> IngestReport:
        """Return the report of the ingest that made this dataset."""
        made = self.manifest
        return IngestReport(
            dataset=str(self.folder),
            digest=made.digest,
            layout=made.layout,
            language=made.language,
            licence=made.licence,
            rows=made.rows,
            captions=made.captions,
            reduced=made.reduced,
            splits=made.splits,
            defect_counts=made.defect_counts,
            defects=made.defects,
            warnings=made.warnings,
        )


def _part_rows(
    path: Place, stream: IO[bytes], splits: Collection[str] | None, *, images: bool, every: bool
) -> Iterator[Example]:
    light = [column for column in SCHEMA.names if column != "image"]
    with open_part(path, stream) as part:
        for group in range(part.num_row_groups):
            rows = read_group(part, path, group, light)
            wanted = [
                index
                for index, row in enumerate(rows)
                if (splits is None or row["split"] in splits) and (every or row["status"] == "ok")
            ]
            pictures = _read(part, path, group, ["image"]).column(0) if images and wanted else None
            for index in wanted:
                yield _example(rows[index], None if pictures is None else pictures[index].as_py())


def _example(row: dict[str, Any], image: bytes | None) -> Example:
    return Example(
        image=image,
        **{
            **row,
            "captions": tuple(row["captions"] or ()),
            "width": row["width"] or 0,
            "height": row["height"] or 0,
        },
    )


@contextmanager
def open_part(file: Path | Place, stream: IO[bytes] | None = None) -> Iterator[Any]:
    """Open a part, or take one that is open; it must have the columns of a dataset.

    Of a remote one only what is read is fetched.

    Raises:
        DatasetError: it is missing, truncated or another table.

    """
    with ExitStack() as opened:
        with _parquet_trouble(file):
            stream = stream or opened.enter_context(file.open("rb") if isinstance(file, Path) else file.open())
            part = opened.enter_context(pq.ParquetFile(stream))
        if not part.schema_arrow.equals(SCHEMA):
            raise DatasetError(f"{file} is not a table that ingest wrote: make or fetch the dataset again")
        yield part


def read_group(part: Any, path: Path | Place, group: int, columns: list[str]) -> list[dict[str, Any]]:
    """Return the rows of one row group, of the named columns only.

    Raises:
        DatasetError: the file is damaged there.

    """
    rows: list[dict[str, Any]] = _read(part, path, group, columns).to_pylist()
    return rows


def _read(part: Any, path: Path | Place, group: int, columns: list[str]) -> Any:
    with _parquet_trouble(path):
        return part.read_row_group(group, columns=columns, use_threads=False)


@contextmanager
def _parquet_trouble(path: Path | Place) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} is truncated or altered: make or fetch the dataset again") from error
