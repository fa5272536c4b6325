"""The report of an ingest: what came in, what is wrong with it, and what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mezzetin.data.readers.record import Defect

#: How many of each kind of defect are named in the manifest and the report; the rest are in `defects.jsonl`.
NAMED = 10
DEFECTS_FILE = "defects.jsonl"
_SHOWN = 3
_PLAIN = {
    "missing": "pictures that are not there",
    "empty": "pictures of 0 bytes",
    "unsupported_format": "files that are no picture that can be read",
    "undecodable": "pictures that can't be decoded",
    "too_many_pixels": "pictures with too many pixels",
    "unreadable": "files that can't be read",
    "no_captions": "pictures without captions",
    "empty_caption": "empty captions (left out)",
    "duplicate_caption": "captions that repeat one of the same picture (kept)",
    "duplicate_image": "pictures that are copies of another (kept)",
    "other_language": "pictures with captions in a further language (left out)",
    "two_splits": "pictures that the source puts in several splits",
    "in_no_split": "pictures that the source puts in no split (kept as split 'unused')",
    "unreachable": "pictures that can't be fetched",
    "tiny": "pictures of less than 32 pixels a side (kept)",
    "overlong_caption": "captions of more than 50 words (kept)",
    "shared_image": "pictures that are in another split, too",
    "near_duplicate": "pictures that look like one in another split",
    "split_group": "groups that the source puts in several splits",
    "ghost": "pictures that the source is known to name without having them",
    "mended_row": "lines that were mended (kept)",
    "encoding": "texts that are not UTF-8 (read as the likeliest other encoding)",
    "precanned": "captions that say only that nobody could tell (left out)",
    "untouched": "captions that a machine wrote and a person approved as they stood (kept)",
    "sampled": "captions that were approved by sample (kept)",
    "given": "captions that came with the house's records (kept)",
    "withheld": "texts of the collection that are not for learning (left out)",
    "rejected": "captions that the source itself rejects (left out)",
    "bad_row": "lines that can't be used",
    "bad_name": "files whose names are not UTF-8",
}


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest made.

    `rows` counts pictures by split and status ("ok", or the defect that leaves the row without a picture);
    `defect_counts` counts every defect, `defects` names the first ten of each kind (all of them are in the
    dataset's `defects.jsonl`). `captions` are those of usable pictures. `state` is "made", "resumed" (an
    interrupted run was finished) or "found" (it was there already). `table` says which Delta table was
    written, too, and what it holds.
    """

    dataset: str
    digest: str
    layout: str
    language: str
    licence: str | None
    rows: Mapping[str, Mapping[str, int]]
    captions: int
    reduced: int
    splits: Mapping[str, Any]
    defect_counts: Mapping[str, int]
    defects: tuple[Defect, ...]
    warnings: tuple[str, ...]
    table: str | None = None
    state: Literal["made", "resumed", "found"] = "made"

    @property
    def images(self) -> int:
        """How many pictures can be used."""
        return sum(by_status.get("ok", 0) for by_status in self.rows.values())

    def lines(self) -> list[str]:
        """Return the report for a terminal: a few lines, the first of each kind of defect named."""
        state = {
            "made": "",
            "resumed": " (an interrupted run, taken up again)",
            "found": " (there already, from the same source: nothing to do)",
        }[self.state]
        first = f"{self.dataset}: {self.images:,} pictures, {self.captions:,} captions{state}"
        counts = ", ".join(f"{split} {by.get('ok', 0):,}" for split, by in self.rows.items())
        lines = [first, f"splits: {counts} ({self.splits['made']})"]
        if self.reduced:
            lines.append(f"{self.reduced:,} large pictures are stored reduced, with the original's digest")
        lines.extend(self._defect_lines())
        if self.table is not None:
            lines.append(f"Delta table: {self.table}")
        lines.extend(f"warning: {warning}" for warning in self.warnings)
        return lines

    def _defect_lines(self) -> Iterator[str]:
        for kind, count in self.defect_counts.items():
            names = [defect.name for defect in self.defects if defect.kind == kind][:_SHOWN]
            more = ", …" if count > len(names) else ""
            yield f"{_PLAIN.get(kind, kind)}: {count:,} ({', '.join(names)}{more})"
        if any(count > _SHOWN for count in self.defect_counts.values()):
            yield f"all of them by name: {self.dataset}/{DEFECTS_FILE}"

    def to_json(self) -> dict[str, Any]:
        """Return the report as a plain dict, ready for `json.dumps`."""
        return {
            "dataset": self.dataset,
            "digest": self.digest,
            "state": self.state,
            "layout": self.layout,
            "language": self.language,
            "licence": self.licence,
            "images": self.images,
            "captions": self.captions,
            "rows": {split: dict(by_status) for split, by_status in self.rows.items()},
            "reduced": self.reduced,
            "splits": dict(self.splits),
            "defects": defects_to_json(self.defect_counts, self.defects),
            "warnings": list(self.warnings),
            "table": self.table,
        }


def defects_to_json(counts: Mapping[str, int], defects: tuple[Defect, ...]) -> dict[str, Any]:
    """Return the defects by kind: how many, and the first of them by name."""
    return {
        kind: {
            "count": count,
            "first": [{"name": d.name, "detail": d.detail} for d in defects if d.kind == kind],
        }
        for kind, count in counts.items()
    }
