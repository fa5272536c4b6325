"""The evaluation's page: scores with their protocol, and the best, the median and the worst pictures.

Enters: an `EvaluationPage`. Leaves: one HTML file under 5 MB without a script or a second file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import escape

from mezzetin.pages import data_uri, render
from mezzetin.records import ModelInfo, Score
from mezzetin.storage.files import write_atomically

LARGEST_PAGE = 5_000_000


@dataclass(frozen=True, slots=True)
class ProtocolFacts:
    """How the scores were made: without these facts a number can't be compared with another.

    `references` says how many there are a picture ("5 a picture"), `decoding` how captions were searched
    ("beam 3, at most 20 words"), `version` is Mezzetin's.
    """

    dataset: str
    split: str
    images: int
    tokeniser: str
    references: str
    decoding: str
    version: str


@dataclass(frozen=True, slots=True)
class JudgedPicture:
    """A picture with what the model said, what people wrote, and its CIDEr-D (0..10)."""

    name: str
    thumbnail: bytes | None
    hypothesis: str
    references: tuple[str, ...]
    cider_d: float


@dataclass(frozen=True, slots=True)
class EvaluationPage:
    """All that the page shows; `notes` are sentences, for example why METEOR is absent; `language` is the
    captions' (BCP 47).
    """

    title: str
    model: ModelInfo
    protocol: ProtocolFacts
    scores: tuple[Score, ...]
    best: tuple[JudgedPicture, ...]
    median: tuple[JudgedPicture, ...]
    worst: tuple[JudgedPicture, ...]
    notes: tuple[str, ...] = ()
    language: str = "en"


def write_report(path: Path, report: EvaluationPage) -> None:
    """Write the page of an evaluation; thumbnails that would take it past 5 MB are left out.

    Raises:
        OSError: `path` can't be written.

    """
    everything = (*report.best, *report.median, *report.worst)
    names = {picture.name for picture in everything if picture.thumbnail}
    room = LARGEST_PAGE - len(_page(report, names)) - 1000
    left_out: set[str] = set()
    for picture in everything:
        size = _size_of_thumbnail(picture)
        if size > room:
            left_out.add(picture.name)
        else:
            room -= size
    write_atomically(path, _page(report, left_out))


def _size_of_thumbnail(picture: JudgedPicture) -> int:
    """What the picture's element adds to the page, in bytes: its data and its alt text."""
    if picture.thumbnail is None:
        return 0
    return len(data_uri(picture.thumbnail)) + len(escape(picture.hypothesis).encode(errors="replace")) + 200


def _page(report: EvaluationPage, left_out: set[str]) -> bytes:
    sections = (
        ("Best pictures", "Where the caption agrees most with what people wrote.", report.best),
        ("Median pictures", "Half of all captions are better than these, half are worse.", report.median),
        ("Worst pictures", "Where it agrees least: look here for what the model can't do.", report.worst),
    )
    values = {
        "title": report.title,
        "report": report,
        "language": report.language,
        "rows": [_row(score) for score in report.scores],
        "facts": _facts(report),
        "sections": sections,
        "left_out": left_out,
    }
    return render("evaluation.html", values)


def _facts(report: EvaluationPage) -> list[tuple[str, str]]:
    protocol = report.protocol
    return [
        ("Dataset", protocol.dataset),
        ("Split", protocol.split),
        ("Pictures", f"{protocol.images:,}"),
        ("References", protocol.references),
        ("Tokeniser", protocol.tokeniser),
        ("Decoding", protocol.decoding),
        ("Model", f"{report.model.name} {report.model.version}"),
        ("Mezzetin", protocol.version),
    ]


def _row(score: Score) -> dict[str, Any]:
    # CIDEr-D is defined up to 10, but a bar on that scale would show nothing of a score near 0.5.
    scale = max(1, math.ceil(max(score.value, score.high, 0.0)))
    left, at, right = (
        f"{100 * min(max(value, 0.0), scale) / scale:.2f}" for value in (score.low, score.value, score.high)
    )
    return {"score": score, "left": left, "at": at, "right": right, "scale": scale}
