"""Writing the page: everything into one file, and what does not fit under 5 MB left out.

Enters: an `EvaluationPage`. Leaves: a file. Text goes first, then pictures in the order in which they stand, as long as
there is room; captions are cut short only where the text alone would not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import escape

from mezzetin.evaluation.report.page import EvaluationPage, JudgedPicture
from mezzetin.evaluation.report.sections import values_of
from mezzetin.evaluation.report.tiles import Tile
from mezzetin.pages import data_uri, render
from mezzetin.storage.files import write_atomically

LARGEST_PAGE = 5_000_000
_SHORTER = (2_000, 200)
_MOST_REFERENCES = 20


def write_report(path: Path, report: EvaluationPage) -> None:
    """Write the page of an evaluation; thumbnails that would take it past 5 MB are left out.

    Raises:
        OSError: `path` can't be written.

    """
    values = values_of(report)
    for length in _SHORTER:
        everything = {tile.slot for tile in _tiles(values)}
        bare = _page(values, everything)
        if len(bare) < LARGEST_PAGE - 1000:
            break
        values = values_of(_shortened(report, length))
    else:
        bare = _page(values, {tile.slot for tile in _tiles(values)})
    room, left_out = LARGEST_PAGE - len(bare) - 1000, set()
    for tile in _tiles(values):
        size = _size(tile)
        if size > room:
            left_out.add(tile.slot)
        else:
            room -= size
    write_atomically(path, _page(values, left_out))


def _tiles(values: dict[str, Any]) -> Iterator[Tile]:
    """Every picture of the page, those first that it is least without."""
    for gallery in values["galleries"]:
        yield from gallery["tiles"]
    for looked in values["looked"]:
        yield from (looked["tile"], *looked["tiles"])
    for example in values["examples"]:
        yield from example["tiles"]


def _size(tile: Tile) -> int:
    """What a picture's element adds to the page, in bytes: its data and its alt text."""
    return len(data_uri(tile.jpeg)) + len(escape(tile.alt).encode(errors="replace")) + 200 if tile.jpeg else 0


def _page(values: dict[str, Any], left_out: set[str]) -> bytes:
    missing = sum(tile.jpeg is not None for tile in _tiles(values) if tile.slot in left_out)
    return render("evaluation.html", {**values, "left_out": left_out, "missing": missing})


def _shortened(report: EvaluationPage, length: int) -> EvaluationPage:
    def cut(text: str) -> str:
        return text if len(text) <= length else text[: length - 1] + "…"

    def shorter(pictures: tuple[JudgedPicture, ...]) -> tuple[JudgedPicture, ...]:
        return tuple(
            replace(
                picture,
                name=cut(picture.name),
                hypothesis=cut(picture.hypothesis),
                references=tuple(map(cut, picture.references[:_MOST_REFERENCES])),
            )
            for picture in pictures
        )

    return replace(
        report,
        best=shorter(report.best),
        median=shorter(report.median),
        worst=shorter(report.worst),
        mistakes=shorter(report.mistakes),
        named=shorter(report.named),
    )
