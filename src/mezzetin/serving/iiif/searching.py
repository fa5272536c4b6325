"""IIIF Content Search 2: words in, a page of annotations out.

Enters: the parameters of a request. Leaves: an annotation page: what was found, the parts of the texts that matched
(`highlighting`), and under `ignored` the names of the parameters that this server does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from mezzetin.collection.rows import Text
from mezzetin.errors import InputError
from mezzetin.publication.iiif import annotation
from mezzetin.publication.iiif.documents import SEARCH, Json
from mezzetin.publication.provenance import name_of
from mezzetin.publication.rows import Published, published_one
from mezzetin.retrieval.filters import Filter
from mezzetin.retrieval.finder import Finder
from mezzetin.retrieval.query import Query
from mezzetin.serving.iiif.holding import holds, places
from mezzetin.serving.iiif.showing import Showing

PAGE = 40
"""Pictures on a page of results."""
_MOST_PAGES = 250
_LONGEST = 1000
_KNOWN = ("q", "motivation", "page")
_OWN = "describing"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: words, motivations, the page of the results; `ignored` are parameters of no meaning here."""

    q: str
    motivations: tuple[str, ...]
    page: int
    ignored: tuple[str, ...]

    @property
    def wants_ours(self) -> bool:
        """Whether the only motivation that there is here was asked for, or none in particular."""
        return not self.motivations or _OWN in self.motivations

    def address(self, service: str, page: int | None = None) -> str:
        """The address of a page of these results, without what was ignored; without a page, of all of them."""
        fields = {"q": self.q, "motivation": " ".join(self.motivations), "page": str(page) if page else ""}
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"{service}?{query}" if query else service


def asked_of(values: Mapping[str, Any]) -> Asked:
    """Read the parameters of a request.

    Raises:
        InputError: `page` is no number, or beyond what is answered.

    """
    page = str(values.get("page") or "1")
    if not page.isascii() or not page.isdigit() or not 1 <= int(page[:9]) <= _MOST_PAGES:
        raise InputError(f"page= takes a number from 1 to {_MOST_PAGES}: narrow the search to see what is beyond")
    return Asked(
        " ".join(str(values.get("q", ""))[:_LONGEST].split()),
        tuple(str(values.get("motivation", ""))[:_LONGEST].split()),
        int(page),
        # An empty parameter restricts nothing, but who sent it wants to know that it is not read.
        tuple(name[:100] for name in dict.fromkeys(values) if name not in _KNOWN)[:50],
    )


def search_all(showing: Showing, finder: Finder | None, asked: Asked) -> Json:
    """Search everything that may be seen for texts that hold all the words; without words everything is found.

    A picture whose title or artist holds them, and no text of it, is passed by: there is no annotation to answer.

    Raises:
        Problem: the search can't be used.

    """
    found, more = ([], False) if not asked.wants_ours else _found(showing, finder, asked)
    return _page(showing, showing.addresses.search(), asked, found, more=more)


def search_one(showing: Showing, picture_id: int, asked: Asked) -> Json:
    """Search what is said of one picture.

    Raises:
        Problem: there is no such picture.

    """
    with showing.desk.collection.reading() as reader:
        one = showing.one(reader, picture_id)
    query = Query.of(asked.q)
    texts = [text for text in one.texts if asked.wants_ours and asked.page == 1 and holds(text.text or "", query)]
    found = [(one, texts)] if texts else []
    return _page(showing, showing.addresses.search(picture_id), asked, found, more=False)


def _found(
    showing: Showing, finder: Finder | None, asked: Asked
) -> tuple[list[tuple[Published, Sequence[Text]]], bool]:
    first = (asked.page - 1) * PAGE
    with showing.desk.collection.reading() as reader:
        if not asked.q:
            every = list(islice(showing.after(reader, 0), first, first + PAGE + 1))
            return [(one, one.texts) for one in every[:PAGE]], len(every) > PAGE
    if finder is None:
        raise InputError("this server's search is not there at the moment: ask again later")
    limits = Filter(approved_only=not showing.sight.machine, with_restricted=showing.sight.inside)
    hits = finder.search(asked.q, filter=limits, limit=PAGE, offset=first, meaning=False)
    query = Query.of(asked.q)
    found: list[tuple[Published, Sequence[Text]]] = []
    with showing.desk.collection.reading() as reader:
        for hit in hits.hits:
            # Looked at once more: no mistake of an index shows what may not be seen.
            one = published_one(reader, hit.picture.id, showing.selection)
            if one is not None and showing.sight.sees(reader, one.picture):
                found.append((one, [text for text in one.texts if holds(text.text or "", query)]))
    return found, hits.more


def _page(
    showing: Showing, service: str, asked: Asked, found: Iterable[tuple[Published, Sequence[Text]]], *, more: bool
) -> Json:
    query = Query.of(asked.q)
    items: list[Json] = []
    marked: list[Json] = []
    for one, texts in found:
        target = _target(showing, one)
        for text in texts:
            items.append(annotation(text, target, showing.addresses))
            marked += _marked(items[-1]["id"], text, query)
    page: Json = {
        "@context": SEARCH,
        "id": asked.address(service, asked.page if asked.page > 1 or more else None),
        "type": "AnnotationPage",
        "ignored": list(asked.ignored),
        "items": items,
    }
    if more or asked.page > 1:
        first = {"id": asked.address(service, 1), "type": "AnnotationPage"}
        page["partOf"] = {"id": asked.address(service), "type": "AnnotationCollection", "first": first}
    if more:
        page["next"] = {"id": asked.address(service, asked.page + 1), "type": "AnnotationPage"}
    if asked.page > 1:
        page["prev"] = {"id": asked.address(service, asked.page - 1), "type": "AnnotationPage"}
    if marked:
        page["annotations"] = [{"id": f"{page['id']}#matches", "type": "AnnotationPage", "items": marked}]
    return {name: value for name, value in page.items() if value or name == "items"}


def _target(showing: Showing, one: Published) -> Json:
    manifest = {
        "id": showing.addresses.manifest(one.picture.id),
        "type": "Manifest",
        "label": {"none": [name_of(one.picture)]},
    }
    return {"id": showing.addresses.canvas(one.picture.id), "type": "Canvas", "partOf": [manifest]}


def _marked(source: str, text: Text, query: Query) -> list[Json]:
    """Where the words stand in a text: the exact words with some letters before and after (W3C TextQuoteSelector)."""
    words = text.text or ""
    selectors = [
        {
            "type": "TextQuoteSelector",
            "prefix": words[max(0, start - 30) : start],
            "exact": words[start:end],
            "suffix": words[end : end + 30],
        }
        for start, end in islice(places(words, query), 20)
    ]
    target = {"type": "SpecificResource", "source": source, "selector": selectors}
    own = {"id": f"{source}-match", "type": "Annotation", "motivation": "highlighting", "target": target}
    return [own] if selectors else []
