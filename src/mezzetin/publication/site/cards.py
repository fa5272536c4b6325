"""What the pages of a site show of a picture.

Enters: a picture with its texts and copies. Leaves: a `Card` for the templates, and its entry in the search index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mezzetin.collection.rows import Picture, Text
from mezzetin.publication.provenance import KIND_NAMES, name_of, sentence
from mezzetin.publication.rows import Published, label
from mezzetin.publication.shrinking import LARGE, SMALL, Copies, Copy

_SHORT_NAME = 120


@dataclass(frozen=True, slots=True)
class Card:
    """A picture of a site: `text` is its alternative text, the first of its `texts` in the language of the site."""

    shown: Published
    small: Copy
    large: Copy
    text: Text

    @property
    def picture(self) -> Picture:
        """The picture."""
        return self.shown.picture

    @property
    def texts(self) -> Sequence[Text]:
        """Its texts, the alternative ones first."""
        return self.shown.texts

    @property
    def page(self) -> str:
        """The name of its page in the folder."""
        return f"pictures/{self.picture.id}.html"

    @property
    def name(self) -> str:
        """What it is called, shortened where somebody made a whole story of it."""
        name = name_of(self.picture)
        return name if len(name) <= _SHORT_NAME else f"{name[:_SHORT_NAME]}…"

    @property
    def by(self) -> str:
        """Who made it and when."""
        return ", ".join(part for part in (self.picture.artist, self.picture.date) if part)[:_SHORT_NAME]


def card_of(shown: Published, copies: Copies, langs: Sequence[str]) -> Card:
    """The card of a picture; `langs` are the languages of the site, the most wanted first."""
    return Card(shown, copies[SMALL], copies[LARGE], min(shown.texts, key=lambda text: _rank(text, langs)))


def briefly(text: Text) -> str:
    """Who stands behind a text, in a word or two."""
    return {
        "person": "By a person",
        "approved": "Read by a person",
        "sampled": "Machine, approved by sample",
        "museum": "By the museum",
        "machine": "Machine, nobody has read it",
    }[label(text)]


def fully(text: Text) -> str:
    """The same as a sentence."""
    said = sentence(text)
    return f"{said[0].upper()}{said[1:]}."


def entry_of(card: Card) -> list[Any]:
    """A picture in the search index: its number, name, maker, small copy, language and text, and the other words."""
    others = [text.text for text in card.texts if text is not card.text]
    words = [*others, card.picture.record_id, *_tags(card.picture)]
    return [
        card.picture.id,
        card.name,
        card.by,
        card.small.name,
        card.small.width,
        card.small.height,
        card.text.lang,
        card.text.text,
        briefly(card.text),
        " ".join(word for word in words if word),
    ]


def _tags(picture: Picture) -> list[str]:
    found = picture.extra.get("tags", [])
    values = found if isinstance(found, list) else [found]
    return [value for value in values if isinstance(value, str)]


def _rank(text: Text, langs: Sequence[str]) -> tuple[bool, int, str]:
    own = text.lang.lower()
    fits = [place for place, lang in enumerate(langs) if own == lang.lower() or own.startswith(f"{lang.lower()}-")]
    return text.kind != "alt", min(fits, default=len(langs)), text.lang


NAMES = KIND_NAMES
"""The two kinds of text, as a heading."""
