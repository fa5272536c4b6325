"""Finishing a dataset: count the rows of its parts, name every defect, write the manifest last.

Enters: finished parts and what the source said. Leaves: `defects.jsonl` and `dataset.json`. All of it is told
from the parts and the source, without the pictures, so a resumed run reports what an uninterrupted one does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mezzetin.data.dataset import FORMAT, MANIFEST, VERSION, Dataset, open_part, read_group
from mezzetin.data.gather import Gathered, Gathering
from mezzetin.data.parts import Journal
from mezzetin.data.readers.record import Defect
from mezzetin.data.report import DEFECTS_FILE, NAMED, IngestReport, defects_to_json
from mezzetin.data.splits import UNUSED
from mezzetin.storage.manifest import write_manifest
from mezzetin.storage.paths import writing

_COLUMNS = ["image_id", "split", "sha256", "status", "error", "captions"]


def usable(folder: Path, journal: Journal) -> bool:
    """Say whether any row of the finished parts has a picture."""
    return any(row["status"] == "ok" for row in _rows(folder, journal))


def finish(
    folder: Path, gathering: Gathering, journal: Journal, told: dict[str, Any], made_from: dict[str, Any]
) -> IngestReport:
    """Write defects and manifest of the dataset whose parts the journal names; return its report.

    Raises:
        EnvironmentProblem: the disk is full, read-only or refuses.

    """
    tally = _Tally()
    kinds, first = _write_defects(folder, _defects(gathering, tally.watch(_rows(folder, journal))))
    content = {
        "source": {"layout": made_from["layout"], "fingerprint": made_from["fingerprint"]},
        **told,
        "rows": {split: dict(sorted(by.items())) for split, by in sorted(tally.counts.items())},
        "captions": tally.captions,
        "reduced": sum(part.reduced for part in journal.parts),
        "defects": defects_to_json(kinds, first),
        "provenance": {"made_from": made_from},
    }
    files = [*(part.name for part in journal.parts), DEFECTS_FILE]
    with writing(folder / MANIFEST):
        write_manifest(folder / MANIFEST, format=FORMAT, version=VERSION, content=content, files=files)
    journal.remove()
    return Dataset.open(folder).report()


class _Tally:
    """Counts rows by split and status, and the captions of usable pictures, while they pass."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.captions = 0

    def watch(self, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row in rows:
            self.counts.setdefault(row["split"], Counter())[row["status"]] += 1
            self.captions += len(row["captions"]) if row["status"] == "ok" else 0
            yield row


def _write_defects(folder: Path, defects: Iterator[Defect]) -> tuple[dict[str, int], tuple[Defect, ...]]:
    """Write every defect, and return their counts by kind and the first few of each kind."""
    kinds: Counter[str] = Counter()
    first: list[Defect] = []
    with writing(folder / DEFECTS_FILE), (folder / DEFECTS_FILE).open("w", encoding="utf-8") as stream:
        for defect in defects:
            kinds[defect.kind] += 1
            if kinds[defect.kind] <= NAMED:
                first.append(defect)
            line = {"kind": defect.kind, "name": defect.name, "detail": defect.detail}
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    return dict(sorted(kinds.items())), tuple(first)


def _rows(folder: Path, journal: Journal) -> Iterator[dict[str, Any]]:
    for part in journal.parts:
        path = folder / part.name
        with open_part(path) as opened:
            for group in range(opened.num_row_groups):
                yield from read_group(opened, path, group, _COLUMNS)


def _defects(gathering: Gathering, rows: Iterator[dict[str, Any]]) -> Iterator[Defect]:
    """The defects that belong to no picture, then those of each picture in the order of the rows."""
    yield from gathering.defects()
    for entry, row in zip(gathering, rows, strict=True):
        yield from entry.defects
        yield from _row_defects(gathering, entry, row)


def _row_defects(gathering: Gathering, entry: Gathered, row: dict[str, Any]) -> Iterator[Defect]:
    if row["status"] != "ok":
        yield Defect(row["status"], entry.image_id, row["error"])
    if gathering.from_source and row["split"] == UNUSED and row["status"] == "ok":
        yield Defect("in_no_split", entry.image_id, "the source puts it in no split")
    if row["status"] == "ok":
        original = gathering.first_with_content(row["sha256"], entry.image_id)
        if original != entry.image_id:
            yield Defect("duplicate_image", entry.image_id, f"the same picture as {original}")
