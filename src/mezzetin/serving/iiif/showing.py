"""What of the collection a IIIF client gets: the gallery's rules, and the addresses that its documents have.

Enters: a request. Leaves: a `Showing`, which reads pictures with the texts that may be seen, and answers that a viewer
on another site may read where anybody may.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mezzetin.collection.opening import Reader
from mezzetin.publication.iiif import Addresses
from mezzetin.publication.iiif.documents import PRESENTATION, Json
from mezzetin.publication.rows import Published, Selection, published, published_one
from mezzetin.serving.core import core_of, desk_of
from mezzetin.serving.desk import Desk
from mezzetin.serving.gallery.asked import Wanted
from mezzetin.serving.gallery.entering import sight_of
from mezzetin.serving.gallery.sight import Sight
from mezzetin.serving.problems import Problem

PREFIX = "/iiif"


@dataclass(frozen=True, slots=True)
class Showing:
    """One request's view of the collection; `everybodys`: what anybody sees, so that any site may read it."""

    desk: Desk
    sight: Sight
    addresses: Addresses
    everybodys: bool

    @classmethod
    def of(cls, request: Request) -> Showing:
        """The view of whoever asks.

        Raises:
            Problem: nobody has signed in, and the gallery is not for everybody.

        """
        sight = sight_of(request, Wanted({}))
        settings = core_of(request).settings
        base = (settings.public_url or str(request.base_url)).rstrip("/")
        everybodys = settings.gallery == "public" and not sight.inside
        return cls(desk_of(request), sight, Addresses(base + PREFIX, searchable=True), everybodys)

    @property
    def selection(self) -> Selection:
        """The same as the gallery shows, as a choice of texts."""
        return Selection("all" if self.sight.machine else "approved", with_restricted=self.sight.inside)

    @property
    def title(self) -> str:
        """What the collection is called."""
        row = self.desk.collection.one("SELECT value FROM facts WHERE name = 'title'")
        return (row["value"] if row else "") or self.desk.collection.path.stem

    def one(self, reader: Reader, picture_id: int) -> Published:
        """A picture with its texts.

        Raises:
            Problem: 404, there is none that may be seen.

        """
        found = published_one(reader, picture_id, self.selection)
        if found is None or not self.sight.sees(reader, found.picture):
            raise Problem(404, "not_found", "there is no such picture in this collection")
        return found

    def after(self, reader: Reader, picture_id: int) -> Iterator[Published]:
        """The pictures above a number that may be seen."""
        return (
            one for one in published(reader, self.selection, after=picture_id) if self.sight.sees(reader, one.picture)
        )

    def answer(self, request: Request, document: Json) -> Response:
        """A document as JSON-LD, or as plain JSON for whoever asks for that alone (Presentation 3, section 7.2)."""
        accepted = request.headers.get("accept", "")
        plain = "application/json" in accepted and "ld+json" not in accepted
        context = document.get("@context", PRESENTATION)
        kind = "application/json" if plain else f'application/ld+json;profile="{context}"'
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return self.opened(Response(body, media_type=kind))

    def opened(self, answer: Response) -> Response:
        """The same answer, for viewers on other sites where everybody may see it."""
        answer.headers["Vary"] = "Accept, Cookie"
        if self.everybodys:
            # A stranger's answer is the same for all: no site learns more by asking through somebody's browser.
            answer.headers["Access-Control-Allow-Origin"] = "*"
            answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer
