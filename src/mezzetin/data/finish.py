"""Finishing a dataset: settle the splits, count the rows, name every defect, write the manifest last.

Enters: finished parts, the facts of their rows, and what the source said. Leaves: `defects.jsonl` and `dataset.json`.
Pictures are not read again; a part is, where a row of it must move to another split.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mezzetin.data.dataset import FORMAT, MANIFEST, VERSION, Dataset
from mezzetin.data.facts import Fact, Facts
from mezzetin.data.gather import Gathered, Gathering
from mezzetin.data.journal import Journal
from mezzetin.data.parts import with_splits
from mezzetin.data.readers.record import Defect
from mezzetin.data.report import DEFECTS_FILE, NAMED, IngestReport, defects_to_json
from mezzetin.data.sides import crossings
from mezzetin.data.splits import UNUSED
from mezzetin.data.target import Hashing, Target
from mezzetin.storage.manifest import write_manifest
from mezzetin.storage.paths import writing

TINY_SIDE = 32


@dataclass(frozen=True, slots=True)
class Finished:
    """All that an ingest has when its last part is written."""

    target: Target
    gathering: Gathering
    facts: Facts
    journal: Journal


def settle_splits(done: Finished) -> None:
    """Write the parts again of which rows were moved to another split.

    Raises:
        EnvironmentProblem: the disk is full, read-only or refuses.

    """
    first = 0
    for part in list(done.journal.parts):
        if done.facts.moved(first, part.rows):
            new = with_splits(done.target, part, iter(done.facts.splits(first, part.rows)))
            done.journal.will_replace(new)
            done.target.keep(part.name)
        first += part.rows


def finish(done: Finished, told: dict[str, Any], made_from: dict[str, Any]) -> IngestReport:
    """Write defects and manifest of the dataset whose parts the journal names; return its report.

    Raises:
        EnvironmentProblem: the disk is full, read-only or refuses.

    """
    tally = _Tally()
    kinds, first, files = _write_defects(done.target, _defects(done, tally))
    content = {
        "source": {"layout": made_from["layout"], "fingerprint": made_from["fingerprint"]},
        **told,
        "warnings": [*told["warnings"], *_warnings(kinds, tally)],
        "rows": {split: dict(sorted(by.items())) for split, by in sorted(tally.counts.items())},
        "captions": tally.captions,
        "reduced": sum(part.reduced for part in done.journal.parts),
        "defects": defects_to_json(kinds, first),
        "provenance": {"made_from": made_from},
    }
    files.update({part.name: (part.size, part.sha256) for part in done.journal.parts})
    manifest = done.target.place / MANIFEST
    with writing(manifest):
        write_manifest(manifest, format=FORMAT, version=VERSION, content=content, files=files)
    done.journal.remove()
    return Dataset.open(done.target.place).report()


class _Tally:
    """Counts rows by split and status, the captions of usable pictures, and why URLs could not be fetched."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.unreachable: Counter[str] = Counter()
        self.captions = 0

    def add(self, fact: Fact, entry: Gathered) -> None:
        self.counts.setdefault(fact.split, Counter())[fact.status] += 1
        self.captions += len(entry.captions) if fact.status == "ok" else 0
        if fact.status == "unreachable":
            self.unreachable[(fact.error or "").partition(":")[0]] += 1


def _warnings(kinds: dict[str, int], tally: _Tally) -> Iterator[str]:
    if tally.unreachable:
        codes = ", ".join(f"{code} {count:,}" for code, count in sorted(tally.unreachable.items()))
        yield f"{tally.unreachable.total():,} pictures could not be fetched ({codes})"
    if kinds.get("near_duplicate"):
        yield (
            f"{kinds['near_duplicate']:,} pictures look like one in another split (defects near_duplicate): "
            "scores may be too good"
        )
    if kinds.get("shared_image"):
        yield f"{kinds['shared_image']:,} pictures are in another split too, as was allowed: scores are too good"
    if kinds.get("split_group"):
        yield f"{kinds['split_group']:,} groups are in several of the source's splits: scores may be too good"


def _write_defects(
    target: Target, defects: Iterator[Defect]
) -> tuple[dict[str, int], tuple[Defect, ...], dict[str, tuple[int, str]]]:
    """Write every defect; return their counts by kind, the first few of each kind, and the file's size and sha256."""
    kinds: Counter[str] = Counter()
    first: list[Defect] = []
    with writing(target.place / DEFECTS_FILE):
        file = Hashing(target.beside(DEFECTS_FILE))
        try:
            for defect in defects:
                kinds[defect.kind] += 1
                if kinds[defect.kind] <= NAMED:
                    first.append(defect)
                line = {"kind": defect.kind, "name": defect.name, "detail": defect.detail}
                file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
            file.finish()
        finally:
            file.close()
    target.keep(DEFECTS_FILE)
    return dict(sorted(kinds.items())), tuple(first), {DEFECTS_FILE: (file.size, file.sha256)}


def _defects(done: Finished, tally: _Tally) -> Iterator[Defect]:
    """The defects that belong to no picture, those of each picture in the order of the rows, then those of pairs."""
    yield from done.gathering.defects()
    for entry, fact in zip(done.gathering, done.facts, strict=True):
        tally.add(fact, entry)
        yield from entry.defects
        yield from _row_defects(fact, from_source=done.gathering.from_source)
    for copies in done.facts.copies():
        for copy in copies[1:]:
            yield Defect("duplicate_image", copy.image_id, f"the same picture as {copies[0].image_id}")
    if done.gathering.from_source:
        yield from crossings(done.facts)


def _row_defects(fact: Fact, *, from_source: bool) -> Iterator[Defect]:
    if fact.status != "ok":
        yield Defect(fact.status, fact.image_id, fact.error or "")
        return
    if from_source and fact.split == UNUSED:
        yield Defect("in_no_split", fact.image_id, "the source puts it in no split")
    if min(fact.width, fact.height) < TINY_SIDE:
        yield Defect("tiny", fact.image_id, f"{fact.width} x {fact.height} pixels, kept")
