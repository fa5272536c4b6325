"""Pictures as the page shows them: galleries, examples of wrong statements, and what the model looked at.

Enters: an `EvaluationPage`. Leaves: tiles, each with an alternative text and a slot by which it may be left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mezzetin.errors import ImageError
from mezzetin.evaluation.findings import Looked
from mezzetin.evaluation.report.overlays import overlay, place_in_words
from mezzetin.evaluation.report.page import EvaluationPage, JudgedPicture
from mezzetin.evaluation.report.selection import EXAMPLES
from mezzetin.evaluation.report.statements import main_rates
from mezzetin.evaluation.report.words import percent


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture on the page: `slot` is unique, `rank` says which it is, `note` is a line of its own."""

    slot: str
    jpeg: bytes | None
    alt: str
    rank: str = ""
    note: str = ""
    picture: JudgedPicture | None = None


def galleries(page: EvaluationPage) -> list[dict[str, Any]]:
    """The sections of pictures that have some."""
    sections = (
        ("best", "Best pictures", "Where the caption agrees most with what people wrote.", page.best),
        ("median", "Median pictures", "Half of all captions are better than these, half are worse.", page.median),
        ("worst", "Worst pictures", "Where it agrees least: look here for what the model can’t do.", page.worst),
        (
            "mistakes",
            "Most confident mistakes",
            "The worst captions among the surest fifth: what confidence does not warn of.",
            page.mistakes,
        ),
    )
    return [
        {
            "name": name,
            "heading": heading,
            "sentence": sentence,
            "tiles": [
                _tile(
                    f"{name}-{number}", picture, f"{heading.split()[0] if name != 'mistakes' else 'Mistake'} {number}"
                )
                for number, picture in enumerate(pictures, 1)
            ],
        }
        for name, heading, sentence, pictures in sections
        if pictures
    ]


def examples(page: EvaluationPage) -> list[dict[str, Any]]:
    """For each rate of the captioner's, the pictures that show it best."""
    named = {picture.name: picture for picture in page.named}
    found = []
    for number, (rate, _) in enumerate(main_rates(page.findings.truth), 1):
        tiles = [
            _tile(f"example-{number}-{image_id}", named[image_id], "")
            for image_id in rate.examples[:EXAMPLES]
            if image_id in named
        ]
        if tiles:
            found.append({"title": rate.title, "tiles": tiles})
    return found


def looks(page: EvaluationPage) -> list[dict[str, Any]]:
    """For each picture with attention: the picture, and itself once a word, dark where nobody looked."""
    named = {picture.name: picture for picture in page.named}
    return [
        {"tile": _tile(f"look-{number}", named[looked.image_id], ""), "tiles": tiles}
        for number, looked in enumerate(page.findings.looked, 1)
        if looked.image_id in named and (tiles := _overlays(number, looked, named[looked.image_id]))
    ]


def _overlays(number: int, looked: Looked, picture: JudgedPicture) -> list[Tile]:
    if picture.thumbnail is None:
        return []
    tiles = []
    for place, (word, grid) in enumerate(zip(looked.words, looked.maps, strict=True), 1):
        where = place_in_words(grid)
        try:
            jpeg = overlay(picture.thumbnail, grid)
        except ImageError:
            return []
        tiles.append(Tile(f"look-{number}-{place}", jpeg, f"Before “{word}” it looked {_at(where)}.", word, where))
    return tiles


def _at(where: str) -> str:
    return where if where == "everywhere" else f"at the {where}"


def _tile(slot: str, picture: JudgedPicture, rank: str) -> Tile:
    notes = [f"CIDEr-D {picture.cider_d:.3f}"]
    if picture.confidence is not None:
        notes.append(f"confidence {percent(picture.confidence)}")
    if picture.unlike_training:
        notes.append(f"unlike training {picture.unlike_training:.2f}")
    alt = picture.hypothesis or f"No caption for {picture.name}"
    return Tile(slot, picture.thumbnail, alt, rank, " · ".join(notes), picture)
