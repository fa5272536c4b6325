"""Small finished datasets, made directly: parts of five rows in row groups of two, pictures of a few bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mezzetin.data.dataset import FORMAT, MANIFEST, VERSION, Dataset
from mezzetin.data.parts import SCHEMA
from mezzetin.records import Example
from mezzetin.storage.manifest import write_manifest

_IN_PART, _IN_GROUP = 5, 2


def small_dataset(folder: Path, count: int = 12, *, prefix: str = "", licence: str | None = None) -> Dataset:
    """Make a dataset in `folder`, named after it; its pictures are `PREFIXp000.jpg`…, the last three are in `val`.

    Every seventh row has no picture.
    """
    folder.mkdir()
    rows = [_row(f"{prefix}p{n:03}.jpg", "val" if n >= count - 3 else "train", n % 7 != 6) for n in range(count)]
    names: list[str] = []
    for start in range(0, count, _IN_PART):
        names.append(f"part-{len(names):05d}.parquet")
        table = pa.Table.from_pylist(rows[start : start + _IN_PART], schema=SCHEMA)
        pq.write_table(table, folder / names[-1], row_group_size=_IN_GROUP, version="2.6")
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        by_status = counts.setdefault(row["split"], {})
        by_status[row["status"]] = by_status.get(row["status"], 0) + 1
    content: dict[str, Any] = {
        "source": {"layout": "table", "fingerprint": "0" * 64},
        "language": "en",
        "licence": licence,
        "rows": counts,
        "captions": sum(len(row["captions"]) for row in rows if row["status"] == "ok"),
        "reduced": 0,
        "splits": {"made": "as the source gives them"},
        "defects": {},
        "warnings": [],
        "provenance": {},
    }
    write_manifest(folder / MANIFEST, format=FORMAT, version=VERSION, content=content, files=names)
    return Dataset.open(folder)


def every(dataset: Dataset) -> list[Example]:
    """All of its rows, those without a picture too."""
    return list(dataset.rows(every=True))


def actions(table: Path, version: int) -> dict[str, list[Any]]:
    """What the log of a Delta table says of a version, by kind."""
    found: dict[str, list[Any]] = {}
    for line in (table / "_delta_log" / f"{version:020}.json").read_text(encoding="utf-8").splitlines():
        for kind, action in json.loads(line).items():
            found.setdefault(kind, []).append(action)
    return found


def _row(name: str, split: str, usable: bool) -> dict[str, Any]:
    image = f"the picture {name}".encode()
    return {
        "image_id": name,
        "split": split,
        "image": image if usable else None,
        "format": "jpeg" if usable else None,
        "width": 48 if usable else None,
        "height": 32 if usable else None,
        "sha256": hashlib.sha256(image).hexdigest() if usable else None,
        "source_uri": f"Images/{name}",
        "captions": [f"blocks of {name}", "colours, “bright” ones"],
        "language": "en",
        "status": "ok" if usable else "missing",
        "error": None if usable else "the file is not there",
    }
