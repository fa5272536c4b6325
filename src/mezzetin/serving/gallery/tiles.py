"""Tiles: a picture with the one text that stands for it, chosen among those that may be seen.

Enters: pictures and a sight. Leaves: values for the templates.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mezzetin.collection.opening import Reader
from mezzetin.collection.rows import Picture, Text
from mezzetin.collection.texts import text_of
from mezzetin.retrieval.filters import speaks
from mezzetin.serving.gallery.asked import Wanted
from mezzetin.serving.gallery.sight import Sight

_STANDING = {"edited": 0, "approved": 0, "given": 0, "sampled": 1, "machine": 2}
_LONGEST_ALT = 1000


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture, its text, if anybody has described it, and by what a search found it."""

    picture: Picture
    text: Text | None
    why: Sequence[str] = ()

    @property
    def alt(self) -> str:
        """The alternative text of its image: the real one."""
        if self.text is None or self.text.text is None:
            return "Nobody has described this picture yet"
        words = self.text.text
        return words if len(words) <= _LONGEST_ALT else f"{words[: _LONGEST_ALT - 1]}…"


def texts_of(reader: Reader, sight: Sight, pictures: Iterable[int]) -> dict[int, list[Text]]:
    """The texts of each picture that count and may be seen: short ones first, those that people vouch for first."""
    found: dict[int, list[Text]] = {number: [] for number in pictures}
    for row in reader.rows(
        "SELECT chosen_texts.* FROM chosen_texts WHERE picture_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(found)),),
    ):
        found[row["picture_id"]].append(text_of(row))
    return {number: sorted(sight.texts(texts), key=_place) for number, texts in found.items()}


def tiles(
    reader: Reader,
    sight: Sight,
    pictures: Sequence[Picture],
    *,
    wanted: Wanted,
    why: Mapping[int, Sequence[str]] | None = None,
) -> list[Tile]:
    """The tiles of pictures, in their order, each with a text as it was asked for where there is one."""
    said = texts_of(reader, sight, [picture.id for picture in pictures])
    return [Tile(one, best(said[one.id], wanted), (why or {}).get(one.id, ())) for one in pictures]


def best(texts: Sequence[Text], wanted: Wanted) -> Text | None:
    """The text that stands for a picture."""
    lang, statuses = wanted.fields.get("lang"), wanted.statuses

    def place(text: Text) -> tuple[bool, bool, bool, int, bool, str]:
        return (
            lang is not None and not speaks(text.lang, lang),
            bool(statuses) and text.status not in statuses,
            *_place(text),
        )

    return min(texts, key=place, default=None)


def _place(text: Text) -> tuple[bool, int, bool, str]:
    return (text.kind != "alt", _STANDING[text.status], text.lang != "en", text.lang)
