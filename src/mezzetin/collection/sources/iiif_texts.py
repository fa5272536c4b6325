"""What IIIF says in words: labels, metadata and descriptions in one of several languages, as plain text.

Presentation 3 holds language maps (`{"en": ["…"], "none": ["…"]}`), Presentation 2 strings, values with `@language`,
and lists of both. Where a value is HTML, its tags are left out.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from mezzetin.collection.sources.mapping import text_of

_TAG = re.compile(r"<[^<>]*>")
_MOST_PAIRS = 40
_ARTIST = frozenset(
    {"artist", "creator", "author", "maker", "photographer", "artist/maker", "künstler", "urheber", "artiste", "auteur"}
)
_DATE = frozenset({"date", "date created", "created", "dated", "datum", "datierung", "date de création", "object date"})
_ALT = frozenset({"alt", "alt text", "alt-text", "alternative text", "alternativtext", "texte alternatif"})


def spoken(value: Any, wanted: str) -> tuple[str, str]:
    """The text of a value and its language: in `wanted` (a BCP 47 tag) if it is there, else the first."""
    versions = list(_versions(value))
    if not versions:
        return "", ""
    chosen = min(range(len(versions)), key=lambda place: (_distance(versions[place][1], wanted), place))
    tag = versions[chosen][1]
    return "; ".join(text for text, own in versions if own == tag and text), tag


def words(value: Any, wanted: str) -> str:
    """The text of a value alone."""
    return spoken(value, wanted)[0]


def pairs(value: Any, wanted: str) -> dict[str, str]:
    """A list of `{label, value}` as a table; a label that comes twice has both values."""
    found: dict[str, str] = {}
    for pair in (value if isinstance(value, list) else [])[:_MOST_PAIRS]:
        if not isinstance(pair, dict):
            continue
        label, text = words(pair.get("label"), wanted), words(pair.get("value"), wanted)
        if label and text:
            found[label] = f"{found[label]}; {text}" if label in found else text
    return found


def artist_of(metadata: dict[str, str]) -> str:
    """Who made the work, where a label says so."""
    return _labelled(metadata, _ARTIST)


def date_of(metadata: dict[str, str]) -> str:
    """When it was made, where a label says so."""
    return _labelled(metadata, _DATE)


def alt_text_of(metadata: dict[str, str]) -> str:
    """The alt text, where a label says that it is one."""
    return _labelled(metadata, _ALT)


def _labelled(metadata: dict[str, str], labels: frozenset[str]) -> str:
    return next((text for label, text in metadata.items() if label.strip(" :").lower() in labels), "")


def _versions(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for one in value[:_MOST_PAIRS]:
            yield from _versions(one)
    elif isinstance(value, dict) and "@value" in value:
        text, tag = _plain(value["@value"]), value.get("@language")
        if text:
            yield text, tag if isinstance(tag, str) else ""
    elif isinstance(value, dict):
        for tag, texts in value.items():
            for text in texts if isinstance(texts, list) else [texts]:
                if said := _plain(text):
                    yield said, "" if tag in ("none", "@none") else str(tag)
    elif said := _plain(value):
        yield said, ""


def _plain(value: Any) -> str:
    if not isinstance(value, str | int | float):
        return ""
    text = text_of(value)
    # By the specification a value is HTML exactly when it begins with < and ends with >.
    return html.unescape(_TAG.sub(" ", text)).strip() if text.startswith("<") and text.endswith(">") else text


def _distance(tag: str, wanted: str) -> int:
    own, other = tag.lower(), wanted.lower()
    if own == other:
        return 0
    if own.partition("-")[0] == other.partition("-")[0]:
        return 1
    return 2 if own == "" else 3
