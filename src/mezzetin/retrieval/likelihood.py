"""The first hits once more: how likely is the question as a caption of each picture, by the captioner's own account?

Enters: a ranking. Leaves: the same pictures, the first of them in a new order. The pictures are read where they lie;
one that can't be read keeps its place among the others by what was known of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from mezzetin.captioner import BundleCaptioner
from mezzetin.collection.collecting.content import Content, read
from mezzetin.collection.opening import Reader
from mezzetin.collection.sources import SourceRecord, Web
from mezzetin.data.readers.source import Url
from mezzetin.errors import InputError
from mezzetin.storage.paths import Place

MOST_RERANKED = 50
WEIGHT = 0.15
"""What a nat a word counts beside the score."""
_TOGETHER = 8


def by_likelihood(
    reader: Reader, captioner: BundleCaptioner | None, question: str, ranked: list[tuple[int, float]], first: int
) -> tuple[list[tuple[int, float]], list[str]]:
    """Order the `first` hits again, and say what could not be done."""
    if captioner is None:
        return ranked, []
    chosen, rest = ranked[:first], ranked[first:]
    places = {
        row["id"]: (row["uri"], row["page"])
        for row in reader.rows(
            "SELECT id, uri, page FROM pictures WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps([number for number, _ in chosen]),),
        )
    }
    likely: dict[int, float] = {}
    asked = [number for number, _ in chosen if number in places]
    with Web() as web:
        for start in range(0, len(asked), _TOGETHER):
            some = list(_contents(asked[start : start + _TOGETHER], places, web))
            found = captioner.likelihood([content.page(places[number][1]) for number, content in some], question)
            likely |= {number: value for (number, _), value in zip(some, found, strict=True) if value is not None}
    if not likely:
        return ranked, ["not ranked again: the captioner knows no word of the question, or no picture could be read"]
    usual = sum(likely.values()) / len(likely)
    # The rest stays below: what was ranked again is moved among itself alone.
    lowest = min(score for _, score in chosen)
    again = sorted(
        ((number, score + WEIGHT * likely.get(number, usual)) for number, score in chosen), key=lambda one: -one[1]
    )
    shift = min(0.0, again[-1][1] - lowest)
    unread = len(chosen) - len(likely)
    notes = [f"{unread} of the first {len(chosen)} pictures could not be read again"] if unread else []
    return [(number, score - shift) for number, score in again] + rest, notes


def _contents(numbers: list[int], places: dict[int, tuple[str, int]], web: Web) -> Iterator[tuple[int, Content]]:
    for number in numbers:
        uri = places[number][0]
        try:
            place = Place.of(uri)
        except InputError:
            continue
        outcome = read(SourceRecord(picture=Url(uri) if place.address.kind == "web" else place, uri=uri), web)
        if isinstance(outcome, Content):
            yield number, outcome
