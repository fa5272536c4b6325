"""The documents of IIIF Presentation 3, from pictures and their texts.

Enters: a picture with the texts that may be published, where its copy is, and the address below which all of it will
stand. Leaves: plain dictionaries, ready for JSON. The same functions make a folder of files and a server's answers.

An alternative text is an annotation with the motivation `describing` (W3C Web Annotation Vocabulary): its author
describes the picture, which neither comments on it (`commenting`) nor repeats what is written in it (`supplementing`);
`accessibility` on its body says whether it is the short text or the long one. docs/iiif.md says how that was chosen.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mezzetin.collection.rows import KINDS, Picture, Text
from mezzetin.publication.licences import licence_address
from mezzetin.publication.provenance import FEATURES, KIND_NAMES, is_vouched_for, model_of, name_of, sentence
from mezzetin.publication.rows import Published

Json = dict[str, Any]
PRESENTATION = "http://iiif.io/api/presentation/3/context.json"
SEARCH = "http://iiif.io/api/search/2/context.json"
PART = 1000
"""Numbers of pictures that one part of a collection covers: the parts keep their addresses as pictures come and go."""


@dataclass(frozen=True, slots=True)
class PaintedImage:
    """A picture as it is shown: the address of a JPEG, its width and height in pixels."""

    address: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the documents are: below `root` (without a slash at its end); `searchable`: a server answers searches."""

    root: str
    searchable: bool = False

    @property
    def collection(self) -> str:
        """The collection over everything."""
        return f"{self.root}/collection.json"

    def part(self, number: int) -> str:
        """One of the collections in it, counted from 1."""
        return f"{self.root}/collection-{number}.json"

    def manifest(self, picture_id: int) -> str:
        """The manifest of a picture."""
        return f"{self.root}/{picture_id}/manifest.json"

    def annotations(self, picture_id: int) -> str:
        """The annotation page of a picture."""
        return f"{self.root}/{picture_id}/annotations.json"

    def canvas(self, picture_id: int) -> str:
        """The canvas of a picture, which is part of its manifest."""
        return f"{self.root}/{picture_id}/canvas"

    def search(self, picture_id: int | None = None) -> str:
        """Where to search, in everything or in what is said of one picture."""
        return f"{self.root}/search" if picture_id is None else f"{self.root}/{picture_id}/search"


def manifest(shown: Published, image: PaintedImage, addresses: Addresses) -> Json:
    """The manifest of a picture: one canvas, its image, and all its texts as annotations."""
    picture = shown.picture
    document: Json = {
        "@context": PRESENTATION,
        "id": addresses.manifest(picture.id),
        "type": "Manifest",
        "label": {"none": [name_of(picture)]},
        "metadata": _metadata(picture, shown.texts),
        "summary": _summary(shown.texts),
        "rights": licence_address(picture.licence),
        "requiredStatement": _statement(picture),
        "homepage": _homepage(picture),
        "thumbnail": [_image(image)],
        "service": _services(addresses, picture.id),
        "partOf": [{"id": addresses.collection, "type": "Collection"}],
        "items": [_canvas(shown, image, addresses)],
    }
    return {name: value for name, value in document.items() if value}


def annotation_page(shown: Published, addresses: Addresses, *, alone: bool = True) -> Json:
    """The texts of a picture as an annotation page; not `alone` where it stands inside a manifest."""
    canvas = addresses.canvas(shown.picture.id)
    page: Json = {"@context": PRESENTATION} if alone else {}
    return page | {
        "id": addresses.annotations(shown.picture.id),
        "type": "AnnotationPage",
        "items": [annotation(text, canvas, addresses) for text in shown.texts],
    }


def annotation(text: Text, target: str | Json, addresses: Addresses) -> Json:
    """A text as an annotation of a canvas, saying in its label who stands behind it."""
    return {
        "id": f"{addresses.annotations(text.picture_id)}#text-{text.id}",
        "type": "Annotation",
        "motivation": "describing",
        "label": {"en": [f"{KIND_NAMES[text.kind]}, {sentence(text)}"]},
        "creator": _creator(text),
        "modified": text.changed.replace("+00:00", "Z"),
        "body": {
            "type": "TextualBody",
            "value": text.text or "",
            "format": "text/plain",
            "language": text.lang,
            "accessibility": FEATURES[text.kind],
        },
        "target": target,
    }


def collection(title: str, parts: Sequence[Json], addresses: Addresses) -> Json:
    """The collection over everything: `parts` are references to collections or manifests."""
    services = _services(addresses, None)
    return {
        "@context": PRESENTATION,
        "id": addresses.collection,
        "type": "Collection",
        "label": {"none": [title]},
        **({"service": services} if services else {}),
        "items": list(parts),
    }


def part(number: int, title: str, items: Iterable[Json], addresses: Addresses) -> Json:
    """One of the collections in it, with references to manifests."""
    return {
        "@context": PRESENTATION,
        "id": addresses.part(number),
        "type": "Collection",
        "label": _part_label(number, title),
        "partOf": [{"id": addresses.collection, "type": "Collection"}],
        "items": list(items),
    }


def part_reference(number: int, title: str, addresses: Addresses) -> Json:
    """What the collection over everything says of a part."""
    return {"id": addresses.part(number), "type": "Collection", "label": _part_label(number, title)}


def _part_label(number: int, title: str) -> Json:
    return {"en": [f"{title}: pictures {PART * (number - 1) + 1:,} to {PART * number:,}"]}


def reference(picture: Picture, addresses: Addresses, image: PaintedImage | None = None) -> Json:
    """What a collection says of a manifest."""
    found: Json = {"id": addresses.manifest(picture.id), "type": "Manifest", "label": {"none": [name_of(picture)]}}
    return found if image is None else {**found, "thumbnail": [_image(image)]}


def plain(words: str) -> str:
    """A value that no viewer takes for HTML: by the standard that is what begins with < and ends with >."""
    stripped = words.strip()
    return f"<span>{html.escape(words)}</span>" if stripped.startswith("<") and stripped.endswith(">") else words


def _canvas(shown: Published, image: PaintedImage, addresses: Addresses) -> Json:
    picture = shown.picture
    own = addresses.canvas(picture.id)
    painting = {
        "id": f"{own}/painting/1",
        "type": "Annotation",
        "motivation": "painting",
        "body": _image(image),
        "target": own,
    }
    return {
        "id": own,
        "type": "Canvas",
        "label": {"none": [name_of(picture)]},
        "width": picture.width or image.width,
        "height": picture.height or image.height,
        "items": [{"id": f"{own}/painting", "type": "AnnotationPage", "items": [painting]}],
        "annotations": [annotation_page(shown, addresses, alone=False)],
    }


def _image(image: PaintedImage) -> Json:
    return {
        "id": image.address,
        "type": "Image",
        "format": "image/jpeg",
        "width": image.width,
        "height": image.height,
    }


def _metadata(picture: Picture, texts: Sequence[Text]) -> list[Json]:
    """What viewers list beside a picture, the alternative texts among it: few of them show annotations unasked."""
    rows: list[Json] = []
    # Texts that nobody read carry their label everywhere, so that they have a row of their own.
    for vouched in (True, False):
        alternatives = [text for text in texts if text.kind == "alt" and is_vouched_for(text) is vouched]
        if vouched and alternatives:
            rows.append(_row(KIND_NAMES["alt"], _by_language(alternatives)))
        for text in () if vouched else alternatives:
            rows.append(_row(f"{KIND_NAMES['alt']} ({sentence(text)})", _by_language([text])))
    told = (("Artist", picture.artist), ("Date", picture.date), ("Record", picture.record_id))
    rows += [_row(name, {"none": [plain(value)]}) for name, value in told if value]
    if picture.licence and licence_address(picture.licence) is None:
        rows.append(_row("Licence", {"none": [plain(picture.licence)]}))
    return rows


def _summary(texts: Sequence[Text]) -> Json:
    """The descriptions, else the alternative texts; never what nobody read, which a summary could not say."""
    for kind in reversed(KINDS):
        if found := [text for text in texts if text.kind == kind and is_vouched_for(text)]:
            return _by_language(found)
    return {}


def _row(label: str, value: Json) -> Json:
    return {"label": {"en": [label]}, "value": value}


def _by_language(texts: Iterable[Text]) -> Json:
    found: dict[str, list[str]] = {}
    for text in texts:
        found.setdefault(text.lang, []).append(plain(text.text or ""))
    return dict(found)


def _statement(picture: Picture) -> Json | None:
    return _row("Rights", {"none": [plain(picture.rights)]}) if picture.rights else None


def _homepage(picture: Picture) -> list[Json] | None:
    page = picture.extra.get("page")
    if not isinstance(page, str) or not page.startswith(("http://", "https://")):
        return None
    return [{"id": page, "type": "Text", "label": {"none": [name_of(picture)]}, "format": "text/html"}]


def _services(addresses: Addresses, picture_id: int | None) -> list[Json]:
    if not addresses.searchable:
        return []
    return [
        {
            "@context": SEARCH,
            "id": addresses.search(picture_id),
            "type": "SearchService2",
            "profile": "http://iiif.io/api/search/2/search",
        }
    ]


def _creator(text: Text) -> Json:
    model = model_of(text)
    if model is not None:
        return {"type": "Software", "name": model}
    return {"type": "Organization"} if text.status == "given" else {"type": "Person"}
