"""The inspection's page: the numbers, and the pictures that they are about.

Enters: an `Inspection` and the dataset that it is of. Leaves: one HTML page (WCAG 2.2 AA) without a script or a
second file, whose alt texts are the captions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mezzetin.data.dataset import Dataset
from mezzetin.data.inspection.captions import CaptionFacts
from mezzetin.data.inspection.findings import percent, remarks, warnings
from mezzetin.data.inspection.run import Inspection
from mezzetin.data.inspection.sharing import SharedPair
from mezzetin.data.inspection.themes import ThemeCount
from mezzetin.errors import ImageError
from mezzetin.pages import render
from mezzetin.pixels import thumbnail
from mezzetin.storage.paths import Place, writing

#: How many pairs of each kind are shown; JSON names a hundred.
PAIRS = 24
_SIDE, _QUALITY = 280, 78
_SPLITS_SHOWN = 4


def write_page(found: Inspection, dataset: Dataset, target: str | Path) -> None:
    """Write the page of an inspection to a file, which may lie in a store.

    Raises:
        DatasetError: a part of the dataset is truncated.
        EnvironmentProblem: `target` can't be written.

    """
    page, place = inspection_page(found, dataset), Place.of(target)
    with writing(place):
        place.write(page)


def inspection_page(found: Inspection, dataset: Dataset) -> bytes:
    """Return the page in UTF-8; reads the pictures that it shows, each about 10 kB in the page.

    Raises:
        DatasetError: a part of the dataset is truncated.

    """
    same, alike = found.shared.same_pairs[:PAIRS], found.shared.alike_pairs[:PAIRS]
    rows = {row for pair in (*same, *alike) for row in (pair.first, pair.second)}
    rows |= {row for count in found.themes.counts for row in count.examples}
    pictures = _thumbnails(dataset, rows)
    values = {
        "title": found.dataset.rstrip("/").rpartition("/")[2] or found.dataset,
        "found": found,
        "percent": percent,
        "warnings": warnings(found),
        "remarks": remarks(found),
        "splits": _splits(found),
        "columns": _columns(found),
        "facts": _facts(found),
        "themes": [_theme(found, count, pictures) for count in found.themes.counts],
        "lengths": _histogram(found.captions),
        "pairs": [("same", _pairs(found, same, pictures)), ("alike", _pairs(found, alike, pictures))],
    }
    return render("inspection.html", values)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A picture on the page."""

    name: str
    split: str
    caption: str
    language: str
    thumbnail: bytes | None


def _thumbnails(dataset: Dataset, rows: set[int]) -> dict[int, bytes | None]:
    pictures: dict[int, bytes | None] = {}
    last = max(rows, default=-1)
    for row, example in enumerate(dataset.rows()):
        if row > last:
            break
        if row in rows:
            try:
                pictures[row] = thumbnail(example.image or b"", _SIDE, quality=_QUALITY)
            except ImageError:
                pictures[row] = None
    return pictures


def _shown(found: Inspection, row: int, pictures: Mapping[int, bytes | None]) -> _Shown:
    sample = found.samples[row]
    return _Shown(sample.image_id, sample.split, sample.caption, sample.language, pictures.get(row))


def _pairs(
    found: Inspection, pairs: Sequence[SharedPair], pictures: Mapping[int, bytes | None]
) -> list[tuple[int, _Shown, _Shown]]:
    return [
        (pair.distance, _shown(found, pair.first, pictures), _shown(found, pair.second, pictures)) for pair in pairs
    ]


def _splits(found: Inspection) -> list[dict[str, Any]]:
    """A row of the table for each split: its usable pictures, its share, what else it has."""
    chosen = {split: by for split, by in found.ingest.rows.items() if found.split in (None, split)}
    total = sum(by.get("ok", 0) for by in chosen.values())
    return [
        {
            "name": split,
            "usable": by.get("ok", 0),
            "share": percent(by.get("ok", 0) / total),
            "lost": ", ".join(f"{status.replace('_', ' ')} {n:,}" for status, n in by.items() if status != "ok"),
        }
        for split, by in chosen.items()
    ]


def _facts(found: Inspection) -> list[tuple[str, str]]:
    pictures = found.pictures
    width, height = pictures.width, pictures.height
    return [
        ("Formats", ", ".join(f"{name.upper()} {count:,}" for name, count in pictures.formats.items())),
        ("Smallest", f"{width.least:,} pixels wide, {height.least:,} high"),
        ("Median", f"{width.median:,} × {height.median:,} pixels"),
        ("Largest", f"{width.most:,} pixels wide, {height.most:,} high"),
        ("A side under 64 pixels", f"{pictures.small:,}; under 32: {pictures.tiny:,}"),
        ("Bytes", f"{megabytes(pictures.total_bytes)}; the median picture {pictures.bytes.median / 1000:,.0f} kB"),
        ("Stored reduced", f"{found.ingest.reduced:,}"),
        ("Licence", found.ingest.licence or "none is named"),
    ]


def megabytes(size: int) -> str:
    """Return a size in bytes for people, in MB or GB."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _theme(found: Inspection, count: ThemeCount, pictures: Mapping[int, bytes | None]) -> dict[str, Any]:
    total = sum(found.themes.pictures.values())
    mostly = sum(count.mostly.values()) / total if total else 0.0
    return {
        "name": count.name,
        "part": count.part_of is not None,
        "named": count.total(),
        "share": found.themes.share(count.name),
        "mostly": mostly,
        "by_split": [percent(found.themes.share(count.name, split)) for split in _columns(found)],
        "examples": [_shown(found, row, pictures) for row in count.examples],
    }


def _columns(found: Inspection) -> list[str]:
    """The splits that the table of themes has columns for: more would not fit."""
    return list(found.themes.pictures)[:_SPLITS_SHOWN]


def _histogram(captions: CaptionFacts) -> dict[str, Any]:
    """Bars of the captions' lengths, up to the 99.9th percentile; heights in 0..100."""
    last = max(1, captions.percentiles["99.9"])
    counts = [captions.lengths.get(length, 0) for length in range(last + 1)]
    highest = max(counts) or 1
    return {
        "bars": [(length, f"{100 * count / highest:.2f}") for length, count in enumerate(counts)],
        "last": last,
        "most_common": counts.index(max(counts)),
    }
