"""The verb `ingest` on Spark: executors read, prove and reduce the pictures, the driver writes the dataset.

Enters: a source of captioned pictures, a session. Leaves: the dataset that `ingest` makes on one machine, to the byte.
The pictures of a part lie in the job's folder until the driver has taken them into the dataset.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar, Unpack

from mezzetin.data.gather import Gathered
from mezzetin.data.ingest import Options
from mezzetin.data.ingest import ingest as ingest_here
from mezzetin.data.loading import Loading
from mezzetin.data.picture import NO_CAPTIONS, Picture
from mezzetin.data.readers.record import Defect
from mezzetin.data.readers.source import to_text
from mezzetin.data.report import IngestReport
from mezzetin.errors import InputError
from mezzetin.records import Progress
from mezzetin.spark import job
from mezzetin.spark.hiding import Secrets, found
from mezzetin.spark.listing import Entry, parts, stamp_of
from mezzetin.spark.tasks import entries_of
from mezzetin.storage.paths import Place, writing

T = TypeVar("T")
_MEAN = 256
_TOGETHER = 16
_HOW = "pictures of a dataset, 1"
_MISSING = Picture("missing", "the file is not there")


def ingest(
    session: Any,
    source: str | Path,
    dataset: str | Path,
    *,
    work: str | Path | None = None,
    report: job.Report = lambda progress: None,
    **options: Unpack[Options],
) -> IngestReport:
    """Make a dataset of captioned pictures with Spark; the arguments are those of `mezzetin.ingest`.

    `work` is a folder that all machines see; by default it lies beside the dataset.

    Raises:
        DatasetError: the source can't be used, or `dataset` holds something else.
        EnvironmentProblem: the job ended, or the disk is full; the same call goes on.

    """
    folder = Place.of(work) if work is not None else beside(Place.of(dataset))
    loading = SparkLoading(session, folder, report)
    made = ingest_here(
        source,
        dataset,
        progress=lambda done, total: report(Progress("ingest", done, total)),
        loading=loading,
        **options,
    )
    job.clear(folder)
    return made


def beside(place: Place) -> Place:
    """The folder of a job whose result is to lie at `place`.

    Raises:
        InputError: it is a whole container.

    """
    if not place.address.path:
        raise InputError(f"{place} is a whole container: name a folder for the job's parts with --work")
    return place.parent / f"{place.name}.spark"


class SparkLoading(Loading):
    """Loads pictures on the executors of a session."""

    def __init__(self, session: Any, work: Place, report: job.Report) -> None:
        super().__init__(1)
        self._session, self._work, self._report = session, work, report

    def expecting(self, records: Iterable[T]) -> Iterator[T]:
        """Pass records on; nothing is started here."""
        return iter(records)

    def pictures(self, entries: Iterable[Gathered], count: int) -> Iterator[tuple[Gathered, Picture]]:
        """See `Loading`; the pictures come when all of them are done.

        Raises:
            EnvironmentProblem: the job ended.

        """
        secrets = Secrets()

        def task() -> LoadPart:
            work = self._work
            return LoadPart(str(work.local_path()) if work.is_local else work.unredacted(), secrets.all())

        listing = parts(map(_entry, entries), secrets, _HOW, _MEAN)
        done = job.run(self._session, self._work, listing, task, self._report, "load")
        for name, _ in done.parts:
            yield from _pictures(self._work, name)


@dataclass(frozen=True)
class LoadPart:
    """The pictures of a part; `work` is the job's folder with its signature, which is never shown."""

    work: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"LoadPart({Place.of(self.work)})"

    def __call__(self, name: str) -> int:
        """Do the part unless it is done; return how many rows it has."""
        from mezzetin.spark.loading import load

        work = Place.of(self.work)
        lines = entries_of(work, name)
        if job.part_file(work, name).file_entry() is not None:
            return len(lines)
        pictures = load([to_text(found(line["where"], self.secrets)) for line in lines if line["where"]])
        told = ((line["about"], next(pictures) if line["where"] else None) for line in lines)
        with tempfile.TemporaryDirectory(prefix="mezzetin-") as folder, writing(work):
            path = Path(folder) / "part"
            _write(path, told)
            job.part_file(work, name).put(path)
        return len(lines)


def _entry(entry: Gathered) -> Entry:
    """An entry for the listing; what needs no loading, or has nothing to load, goes along without a source."""
    source = entry.image if entry.captions else None
    about = {name: value for name, value in asdict(entry).items() if name != "place"}
    return Entry(entry.image_id, source, stamp_of(source), about)


def _write(path: Path, told: Iterator[tuple[dict[str, Any], Picture | None]]) -> None:
    """Write what was loaded, a few pictures in memory at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("about", pa.string()), ("facts", pa.string()), ("image", pa.binary())])
    with pq.ParquetWriter(path, schema, compression="none") as table:
        rows: list[dict[str, Any]] = []
        for about, picture in told:
            facts = None
            if picture is not None:
                facts = json.dumps({name: value for name, value in asdict(picture).items() if name != "image"})
            image = None if picture is None else picture.image
            rows.append({"about": json.dumps(about), "facts": facts, "image": image})
            if len(rows) >= _TOGETHER:
                table.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows = []
        if rows:
            table.write_table(pa.Table.from_pylist(rows, schema=schema))


def _pictures(work: Place, name: str) -> Iterator[tuple[Gathered, Picture]]:
    """The entries of a part that is done, with their pictures."""
    import pyarrow.parquet as pq

    with job.part_file(work, name).content(-1) as path, pq.ParquetFile(path) as table:
        for batch in table.iter_batches(_TOGETHER, use_threads=False):
            for row in batch.to_pylist():
                about = json.loads(row["about"])
                about["captions"] = tuple(about["captions"])
                about["defects"] = tuple(Defect(**one) for one in about["defects"])
                entry = Gathered(place=None, **about)
                if row["facts"] is None:
                    yield entry, _MISSING if entry.captions else NO_CAPTIONS
                else:
                    yield entry, Picture(image=row["image"], **json.loads(row["facts"]))
