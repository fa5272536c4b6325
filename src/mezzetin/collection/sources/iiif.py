"""IIIF: manifests and collections of the Presentation API, versions 2 and 3, as a stream of pictures.

A collection is followed into its manifests and further collections, page by page where it has pages; a manifest that
can't be read costs its own pictures. Every address in them is fetched by the safe fetch, at a polite pace. Each image
that is painted on a canvas is a picture; its words are those of the canvas, then those of the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from mezzetin.collection.sources.iiif_image import needs_login, picture_of
from mezzetin.collection.sources.iiif_texts import alt_text_of, artist_of, date_of, pairs, spoken, words
from mezzetin.collection.sources.options import SourceOptions, is_there, name_of, stamp_of
from mezzetin.collection.sources.record import Skip, SourceRecord
from mezzetin.collection.sources.web import PutOff, parsed
from mezzetin.errors import FetchError
from mezzetin.storage.address import without_secrets
from mezzetin.storage.paths import Place, reading

LOOKS_FOR = "a IIIF manifest or collection (a URL or a .json file)"
_TABLES = (".csv", ".tsv", ".tab", ".psv", ".txt", ".jsonl", ".ndjson")
_DEEPEST = 12
_LARGEST = 64 << 20
Json = dict[str, Any]


@dataclass(slots=True)
class Iiif:
    """One manifest or collection, already read: `document`."""

    place: Place
    document: Json
    options: SourceOptions
    _seen: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        """See `Source`."""
        return name_of(self.place)

    def records(self) -> Iterator[SourceRecord | Skip]:
        """See `Source`."""
        self._seen.clear()
        yield from self._walk(self.document, self._base(), 0)

    def count(self) -> int | None:
        """See `Source`; of a collection nobody knows."""
        return len(_canvases(self.document)) if _is(self.document, "Manifest") else None

    def still_there(self, uri: str) -> bool:
        """See `Source`."""
        return is_there(uri)

    def _base(self) -> str:
        own = self.document.get("id") or self.document.get("@id")
        return own if isinstance(own, str) else self.place.unredacted()

    def _walk(self, document: Json, base: str, depth: int) -> Iterator[SourceRecord | Skip]:
        if _is(document, "Manifest"):
            yield from self._pictures(document, base)
            return
        for member in _members(document):
            if isinstance(member, dict) and _is(member, "Manifest") and _canvases(member):
                yield from self._pictures(member, base)
            else:
                yield from self._followed(member, base, depth)
        after = document.get("next") or (None if _members(document) else document.get("first"))
        if after is not None:
            # A page is no level of its own: a collection may have thousands of them.
            yield from self._followed(after, base, depth, is_page=True)

    def _followed(self, member: Any, base: str, depth: int, *, is_page: bool = False) -> Iterator[SourceRecord | Skip]:
        address = _id(member)
        if not address:
            yield Skip("bad_manifest", without_secrets(base), "a member of it has no address")
            return
        url = urljoin(base, address)
        if depth >= _DEEPEST and not is_page:
            yield Skip("bad_manifest", without_secrets(url), "collections within collections go too deep", hides=True)
            return
        if hash(url) in self._seen:
            return
        self._seen.add(hash(url))
        try:
            document = self.options.web.json(url)
        except (FetchError, PutOff) as error:
            yield Skip("bad_manifest", without_secrets(url), str(error), hides=True)
            return
        if not isinstance(document, dict):
            yield Skip("bad_manifest", without_secrets(url), "it is no IIIF manifest", hides=True)
            return
        yield from self._walk(document, url, depth + (not is_page))

    def _pictures(self, manifest: Json, base: str) -> Iterator[SourceRecord | Skip]:
        canvases = _canvases(manifest)
        about = _about(manifest, self.options.lang)
        for canvas in canvases:
            key = _id(canvas)
            if not key:
                yield Skip("bad_row", without_secrets(base), "a canvas of it has no id")
                continue
            try:
                images = [one for one in self._painted(canvas, base) if isinstance(one, dict)]
            except (FetchError, PutOff) as error:
                yield Skip("bad_manifest", key, str(error), hides=True)
                continue
            if not images:
                yield Skip("no_picture", key, "nothing is painted on this canvas", is_defect=False)
            for number, image in enumerate(images, start=1):
                name = key if number == 1 else f"{key}#image={number}"
                yield self._record(name, image, canvas, about, alone=len(canvases) == 1)

    def _record(self, key: str, image: Json, canvas: Json, about: _About, *, alone: bool) -> SourceRecord | Skip:
        lang = self.options.lang
        picture = picture_of(image)
        if picture is None:
            return Skip("no_picture", key, "its image has no address", is_defect=False)
        own, metadata = words(canvas.get("label"), lang), {**about.metadata, **pairs(canvas.get("metadata"), lang)}
        said, tag = spoken(canvas.get("summary") or canvas.get("description"), lang)
        if not said and alone:
            said, tag = about.description
        title = about.title if alone else ", ".join(part for part in (about.title, own) if part)
        return SourceRecord(
            picture=picture,
            uri=str(picture),
            record_id=key,
            stamp=stamp_of(picture),
            page=about.page,
            title=title or own,
            artist=artist_of(metadata),
            date=date_of(metadata) or str(canvas.get("navDate") or ""),
            licence=_licence(image) or _licence(canvas) or about.licence,
            restricted=needs_login(image) or None,
            alt_text=alt_text_of(metadata),
            description=said,
            lang=tag,
            extra=metadata,
        )

    def _painted(self, canvas: Json, base: str) -> Iterator[Any]:
        """The image resources of a canvas: of a choice the first, which is the one that viewers show."""
        for note in _list(canvas.get("images")):
            yield _first_choice(note.get("resource")) if isinstance(note, dict) else None
        for page in _list(canvas.get("items")):
            for note in _list(self._page(page, base)):
                if isinstance(note, dict) and "painting" in str(note.get("motivation", "painting")):
                    bodies = note.get("body")
                    for body in bodies if isinstance(bodies, list) else [bodies]:
                        chosen = _first_choice(body)
                        if isinstance(chosen, dict) and chosen.get("type", "Image") == "Image":
                            yield chosen

    def _page(self, page: Any, base: str) -> Any:
        """The annotations of a page: in it, or where it says that they are."""
        if isinstance(page, dict) and "items" not in page and _id(page):
            page = self.options.web.json(urljoin(base, _id(page)))
        return page.get("items") if isinstance(page, dict) else None


@dataclass(frozen=True, slots=True)
class _About:
    """What a manifest says of all its pictures."""

    title: str
    description: tuple[str, str]
    licence: str
    page: str
    metadata: dict[str, str]


def open_iiif(place: Place, options: SourceOptions) -> Iiif | None:
    """Return a place as a IIIF source; None where it is something else.

    Raises:
        FetchError: it is on the web and can't be fetched.

    """
    name = place.address.path.lower()
    if place.address.kind == "web":
        if name.endswith(_TABLES):
            return None
        document = parsed(options.web.fetch(place.unredacted()).data, str(place))
    elif name.endswith(".json") and place.is_file() and place.size() <= _LARGEST:
        with reading(place):
            content = place.read_bytes()
        try:
            document = parsed(content, str(place))
        except FetchError:
            return None
    else:
        return None
    is_iiif = isinstance(document, dict) and (_is(document, "Manifest") or _is(document, "Collection"))
    return Iiif(place, document, options) if is_iiif else None


def _about(manifest: Json, lang: str) -> _About:
    metadata = pairs(manifest.get("metadata"), lang)
    statement = manifest.get("requiredStatement")
    credit = words(statement.get("value") if isinstance(statement, dict) else manifest.get("attribution"), lang)
    if credit:
        metadata.setdefault("attribution", credit)
    home = next(iter(_list(manifest.get("homepage") or manifest.get("related"))), None)
    return _About(
        title=words(manifest.get("label"), lang),
        description=spoken(manifest.get("summary") or manifest.get("description"), lang),
        licence=_licence(manifest),
        page=_id(home) or _id(manifest),
        metadata=metadata,
    )


def _licence(value: Json) -> str:
    said = value.get("rights") or value.get("license")
    return next((one for one in _list(said) if isinstance(one, str)), "")


def _canvases(manifest: Json) -> list[Json]:
    """The canvases; of several sequences the first, for the others are further orders of the same."""
    sequences = _list(manifest.get("sequences"))
    found = sequences[0].get("canvases") if sequences and isinstance(sequences[0], dict) else manifest.get("items")
    return [one for one in _list(found) if isinstance(one, dict) and not _is(one, "Manifest")]


def _members(collection: Json) -> list[Any]:
    # `members` repeats `manifests` and `collections` in one order; addresses that come twice are followed once.
    names = ("items",) if "items" in collection else ("members", "collections", "manifests")
    return [one for name in names for one in _list(collection.get(name))]


def _is(document: Any, kind: str) -> bool:
    if not isinstance(document, dict):
        return False
    return str(document.get("type") or document.get("@type") or "").rpartition(":")[2] == kind


def _first_choice(body: Any) -> Any:
    if isinstance(body, dict) and body.get("type") == "Choice":
        return next(iter(_list(body.get("items"))), None)
    if isinstance(body, dict) and str(body.get("@type", "")).endswith("Choice"):
        return body.get("default")
    return body


def _id(value: Any) -> str:
    found = (value.get("id") or value.get("@id")) if isinstance(value, dict) else value
    return found if isinstance(found, str) else ""


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
