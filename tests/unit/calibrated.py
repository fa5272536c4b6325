"""Copies of a bundle with a calibration of our own, or with none, for tests of what is made of confidence."""

from __future__ import annotations

from pathlib import Path

from mezzetin.bundle import CALIBRATION, MANIFEST, Bundle, reseal
from mezzetin.confidence import Calibration, Term

#: Surer the likelier a caption is, by nothing else.
BY_SCORE = Calibration(
    (Term("score", -4.0, 1.0, -3.0, 3.0, 1.0),),
    offset=0.0,
    slope=0.5,
    decoding="beam=3",
    images=300,
    acceptable=0.31,
    human_median=0.6,
)


def calibrated(bundle: Path, folder: Path, content: bytes | None = BY_SCORE.to_json()) -> Path:
    """A bundle of links to the files of another, but for this `calibration.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in bundle.iterdir():
        if path.name not in (MANIFEST, CALIBRATION):
            (folder / path.name).symlink_to(path)
    if content is not None:
        (folder / CALIBRATION).write_bytes(content)
    reseal(folder, Bundle.open(bundle).manifest)
    return folder
