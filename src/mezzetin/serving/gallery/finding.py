"""Looking in the collection: what was asked for in, the pictures that a search found and may be shown out.

The gallery's own limits go to the search, and what comes back is looked at once more: no mistake of an index shows a
picture to somebody who may not see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mezzetin.collection.rows import Picture
from mezzetin.retrieval.filters import Filter
from mezzetin.retrieval.finder import Finder
from mezzetin.retrieval.records import Found
from mezzetin.serving.desk import Desk
from mezzetin.serving.gallery.asked import Wanted
from mezzetin.serving.gallery.sight import Sight


@dataclass(frozen=True, slots=True)
class Ways:
    """In which ways this gallery can look: by words, and by what is like a picture."""

    finder: Finder | None
    alike: bool
    coming: bool = False

    @classmethod
    async def of(cls, desk: Desk, *, wait: bool) -> Ways:
        """The ways of one gallery; while its search is still being opened, those after that or, at once, none yet."""
        if desk.is_opening_finder and not wait:
            return cls(None, alike=False, coming=True)
        finder = await desk.finder()
        space = desk.captioner.space
        return cls(finder, finder is not None and space is not None and desk.tally.has_vectors(space))

    @property
    def values(self) -> dict[str, bool]:
        """What the templates call them."""
        return {"searchable": self.finder is not None or self.coming, "alike": self.alike}


@dataclass(frozen=True, slots=True)
class Findings:
    """A page of what was found, the best first, by what each was, and what is to be said of the search."""

    pictures: Sequence[Picture]
    why: Mapping[int, Sequence[str]]
    more: bool
    notes: Sequence[str]


def found_by_words(desk: Desk, finder: Finder, sight: Sight, wanted: Wanted, limit: int) -> Findings:
    """What the words of an address find."""
    found = finder.search(wanted.q, filter=limits_of(sight, wanted), limit=limit, offset=(wanted.page - 1) * limit)
    return _seen(desk, sight, found)


def found_like(desk: Desk, finder: Finder, sight: Sight, wanted: Wanted, picture_id: int, limit: int) -> Findings:
    """What is like a picture of the collection."""
    offset = (wanted.page - 1) * limit
    return _seen(desk, sight, finder.like(picture_id, filter=limits_of(sight, wanted), limit=limit, offset=offset))


def found_by_picture(desk: Desk, finder: Finder, sight: Sight, wanted: Wanted, image: bytes, limit: int) -> Findings:
    """What is like a picture that somebody brought."""
    return _seen(desk, sight, finder.by_picture(image, filter=limits_of(sight, wanted), limit=limit, offset=0))


def limits_of(sight: Sight, wanted: Wanted) -> Filter:
    """What may be seen and was asked for, as a search takes it."""
    return Filter(
        statuses=wanted.statuses,
        sources=(wanted.fields["source"],) if "source" in wanted.fields else (),
        artist=wanted.fields.get("artist"),
        date_from=wanted.fields.get("from"),
        date_to=wanted.fields.get("to"),
        lang=wanted.fields.get("lang"),
        approved_only=not sight.machine,
        with_restricted=sight.inside,
    )


def _seen(desk: Desk, sight: Sight, found: Found) -> Findings:
    with desk.collection.reading() as reader:
        hits = [hit for hit in found.hits if sight.sees(reader, hit.picture)]
    return Findings([hit.picture for hit in hits], {hit.picture.id: hit.why for hit in hits}, found.more, found.notes)
