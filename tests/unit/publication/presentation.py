"""What Presentation 3 demands of the documents that are made here, read from its text: an oracle of our own.

`iiif-prezi3` mends some of what it is given (a label without a language) before it looks, and so lets it pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_ADDRESS = re.compile(r"https?://[^\s<>\"{}|\\^`]+")
_LANGUAGE = re.compile(r"none|[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*")
_RIGHTS = re.compile(r"http://(creativecommons\.org/(licenses|publicdomain)/|rightsstatements\.org/vocab/).+")
_DEMANDED = {
    "Collection": {"id", "label", "items"},
    "Manifest": {"id", "label"},
    "Canvas": {"id", "items"},
    "AnnotationPage": {"id"},
    "Annotation": {"id", "target", "motivation"},
    "Image": {"id", "format"},
    "TextualBody": {"value"},
    "SearchService2": {"id", "profile"},
}
_LISTS = {"items", "annotations", "thumbnail", "service", "homepage", "partOf", "metadata"}


def faults(document: dict[str, Any]) -> list[str]:
    """What is wrong with a document and all that is in it; nothing, where it is as it should be."""
    found = [fault for part in _parts(document) for fault in _of(part)]
    whole = ("Annotation", "Canvas")
    ids = [part["id"] for part in _parts(document) if part.get("type") in whole and {"items", "motivation"} & set(part)]
    owned = [one for one in ids if ids.count(one) > 1]
    if "http://iiif.io/api/" not in str(document.get("@context")):
        found.append("no context")
    return found + [f"{one} comes twice" for one in owned]


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from _parts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _parts(one)


def _of(part: dict[str, Any]) -> Iterator[str]:
    kind = part.get("type")
    is_reference = "items" not in part and kind in ("Collection", "Manifest", "Canvas", "AnnotationPage")
    demanded = {"id"} if is_reference else _DEMANDED.get(str(kind), set())
    yield from (f"{kind} has no {name}" for name in demanded - set(part))
    if "id" in part and not _ADDRESS.fullmatch(part["id"]):
        yield f"{part['id']} is no address"
    for name in ("label", "summary"):
        yield from _of_words(part.get(name, {"none": [""]}), name)
    for name in _LISTS & set(part):
        # The page of a search names the collection that it is part of as the Web Annotation model does.
        if not isinstance(part[name], list) and (kind, name) != ("AnnotationPage", "partOf"):
            yield f"{name} is no list"
    if "rights" in part and not _RIGHTS.fullmatch(part["rights"]):
        yield f"{part['rights']} is no rights statement"
    for name in {"width", "height"} & set(part):
        if type(part[name]) is not int or part[name] < 1:
            yield f"{name} is {part[name]}"
    if kind == "Canvas" and not is_reference and not {"width", "height"} <= set(part):
        yield "a canvas has no size"


def _of_words(value: Any, name: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{name} is no language map"
        return
    for tag, words in value.items():
        if not _LANGUAGE.fullmatch(tag) or not isinstance(words, list) or not all(type(one) is str for one in words):
            yield f"{name} has {tag}: {words}"
