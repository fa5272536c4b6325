"""Trees of files: made on a disk, read back from anywhere, and the counts of a copy."""

from __future__ import annotations

from pathlib import Path

from mezzetin.storage.copying.report import StoreReport
from mezzetin.storage.paths import Place

FILES = {"a.jpg": b"one", "deep/b c.JPG": b"", "deep/er/ü#?%.txt": b"three" * 1000, ".hidden": b"4"}


def make(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def held(place: Place | Path) -> dict[str, bytes]:
    """All files below a place."""
    root = Place.of(place)
    return {found.relative_to(root): found.read_bytes() for found in root.walk()}


def counts(report: StoreReport) -> tuple[int, int, int, int]:
    """Copied, already there, in conflict, failed."""
    return report.copied, report.there, report.conflicts, report.failed
