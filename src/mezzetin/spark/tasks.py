"""Tasks: what an executor does with one part of a job.

Enters: the name of a part. Leaves: its file. The pictures are read by `mezzetin.storage` in the executor's own name,
or with the signature that came with the function.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mezzetin.errors import EnvironmentProblem
from mezzetin.records import ItemError
from mezzetin.spark.isolation import Item, kept_describer
from mezzetin.spark.job import listing_file, part_file
from mezzetin.spark.listing import lines_of
from mezzetin.spark.saying import error_row
from mezzetin.spark.shipping import Shipment
from mezzetin.storage.paths import Place, writing


@dataclass(frozen=True)
class CaptionPart:
    """Captions of a part's pictures; `work` is the job's folder with its signature, which is never shown."""

    work: str
    settings: Mapping[str, Any]
    shipment: Shipment
    secrets: tuple[str, ...]
    patience: float

    def __repr__(self) -> str:
        return f"CaptionPart({Place.of(self.work)})"

    def __call__(self, name: str) -> int:
        """Do the part unless it is done; return how many rows it has."""
        work = Place.of(self.work)
        lines = entries_of(work, name)
        if part_file(work, name).file_entry() is not None:
            return len(lines)
        described = kept_describer({**self.settings, "bundle": str(self.shipment.unpacked())}, self.patience)
        rows = described.rows(Item(where=line["where"], secrets=self.secrets) for line in lines if line["where"])
        told = (next(rows) if line["where"] else _unread(line) for line in lines)
        kept = [
            {**row, "uri": line["uri"], "stamp": line["stamp"] or None} for line, row in zip(lines, told, strict=True)
        ]
        rows.close()
        write_part(work, name, kept)
        return len(kept)


def _unread(line: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a picture that was missing when the pictures were listed."""
    return error_row(ItemError(*line["about"]["error"]), None, None) | {"page": 0, "pages": 1}


def entries_of(work: Place, name: str) -> list[dict[str, Any]]:
    """A part's entries, as the driver wrote them.

    Raises:
        EnvironmentProblem: the executors don't see what the driver writes.

    """
    try:
        return lines_of(listing_file(work, name).read_bytes())
    except FileNotFoundError as error:
        raise EnvironmentProblem(
            f"the executors do not see {work}: name a place that all machines share (/Volumes/…, az://…)"
        ) from error


def write_part(work: Place, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep a part's rows of captions."""
    import pyarrow.parquet as pq

    from mezzetin.spark.rows import to_table

    written = io.BytesIO()
    pq.write_table(to_table(rows), written, compression="zstd")
    with writing(work):
        part_file(work, name).write(written.getvalue())


def read_part(work: Place, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a part that is done."""
    import pyarrow.parquet as pq

    yield from pq.read_table(io.BytesIO(part_file(work, name).read_bytes()), use_threads=False).to_pylist()
