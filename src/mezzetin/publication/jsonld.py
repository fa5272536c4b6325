"""schema.org as JSON-LD: an `ImageObject` a picture, as a file or for the script element of a page.

Enters: pictures with their texts, and where they can be seen. Leaves: objects for search engines and aggregators.

`caption` holds the alternative texts and `description` the long ones. A plain string (with its language, where there
are several) is a text that somebody wrote or read; what nobody read is a `TextObject` whose `creditText` says so and
whose `creativeWorkStatus` is Draft. Nothing here says how the image itself came to be: `creator` is the artist.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import KINDS, Text
from mezzetin.errors import InputError
from mezzetin.publication.licences import licence_address
from mezzetin.publication.order import Exported, Order
from mezzetin.publication.provenance import FEATURES, is_vouched_for, name_of, sentence
from mezzetin.publication.putting import chosen, counted, tally
from mezzetin.publication.rows import Published
from mezzetin.storage.paths import writing

Json = dict[str, Any]
CONTEXT = "https://schema.org"
_PROPERTIES = {"alt": "caption", "description": "description"}
_WEB = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?")


def image_object(shown: Published, *, where: Mapping[str, Any] | None = None) -> Json:
    """A picture as an ImageObject, without `@context`; `where` adds addresses (`contentUrl`, `thumbnailUrl`, `url`)."""
    picture = shown.picture
    languages = list(dict.fromkeys(text.lang for text in shown.texts))
    told: Json = {
        "@type": "ImageObject",
        "name": name_of(picture),
        "identifier": picture.record_id,
        "creator": {"@type": "Person", "name": picture.artist} if picture.artist else None,
        "dateCreated": picture.date,
        "license": licence_address(picture.licence) or _web(picture.licence),
        "copyrightNotice": picture.rights,
        "contentUrl": _web(picture.uri),
        "mainEntityOfPage": _web(picture.extra.get("page")),
        "width": _pixels(picture.width),
        "height": _pixels(picture.height),
        **_said(shown.texts, several=len(languages) > 1),
        "inLanguage": languages[0] if len(languages) == 1 else languages,
        "accessibilityFeature": [FEATURES[kind] for kind in KINDS if any(text.kind == kind for text in shown.texts)],
        **(where or {}),
    }
    return {name: value for name, value in told.items() if value}


def in_script(document: Json | list[Any]) -> str:
    """A document as the content of a script element: nothing in it ends the element or opens another."""
    text = json.dumps(document, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "replace").decode()


def write(collection: Collection, order: Order, done: Exported) -> None:
    """Write one file with all pictures in its `@graph`, seen whole or not at all; cut off, it is made anew.

    Raises:
        InputError: a file is there already, or a folder.
        EnvironmentProblem: it can't be written.

    """
    place = order.place()
    entry = place.entry()
    if entry is not None and entry.is_folder:
        raise InputError(f"{place} is a folder: name a file to write to, such as pictures.jsonld")
    if entry is not None and not order.overwrite:
        raise InputError(f"{place} is there already: name another file, or add --overwrite")
    with chosen(collection, order) as (found, total):
        if order.dry_run:
            tally(found, order, done, total)
            return
        with tempfile.TemporaryDirectory(prefix="mezzetin-") as scratch, writing(place):
            part = Path(scratch) / "graph"
            with part.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
                stream.write(f'{{"@context": {json.dumps(CONTEXT)}, "@graph": [')
                between = "\n"
                for one, _ in counted(((one, None) for one in found), order, done, total):
                    stream.write(between + in_script(image_object(one)))
                    between = ",\n"
                stream.write("\n]}\n")
            place.put(part)
    done.files["written"] += 1


def _said(texts: Sequence[Text], *, several: bool) -> Json:
    found: dict[str, list[Any]] = {}
    for text in texts:
        found.setdefault(_PROPERTIES[text.kind], []).append(_one(text, several=several))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _one(text: Text, *, several: bool) -> Any:
    words = text.text or ""
    if is_vouched_for(text):
        return {"@value": words, "@language": text.lang} if several else words
    credit = sentence(text)
    return {
        "@type": "TextObject",
        "text": words,
        "inLanguage": text.lang,
        "creditText": credit[0].upper() + credit[1:],
        "creativeWorkStatus": "Draft",
    }


def _web(address: object) -> str | None:
    return address if isinstance(address, str) and _WEB.fullmatch(address) else None


def _pixels(length: int | None) -> Json | None:
    # schema.org knows lengths with a unit; E37 is UN/CEFACT's code of the pixel.
    return {"@type": "QuantitativeValue", "value": length, "unitCode": "E37"} if length else None
