"""Claims: what is to stand in a picture's XMP, in which property and language, and who stands behind it.

Enters: the texts of a picture that may be published. Leaves: one claim a text, fit for XML. The provenance goes into a
property of our own: the fields by which a picture is declared to be made by AI are about the picture, which is not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mezzetin.collection.rows import Text
from mezzetin.publication.rows import label

PROPERTIES = {"alt": "AltTextAccessibility", "description": "ExtDescrAccessibility"}
"""The properties of the IPTC Photo Metadata Standard (2021.1 and later) by kind of text."""
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SAYS = {
    "person": "written by a person",
    "approved": "read and approved by a person",
    "sampled": "approved with others by a sample; nobody read this one",
    "museum": "given with the record of the picture",
    "machine": "written by a machine; nobody has read it",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One text for one property: `by` is its label, `says` the same as a sentence, with the model that wrote it."""

    name: str
    lang: str
    text: str
    by: str
    says: str


def claims_of(texts: Sequence[Text], langs: Sequence[str] = ()) -> tuple[Claim, ...]:
    """The claims of a picture, those first whose language stands for all (`x-default`).

    That is the first of `langs` that there is, otherwise English, otherwise the first by its tag.
    """
    wanted = [lang.casefold() for lang in langs] or ["en"]

    def rank(text: Text) -> tuple[str, int, str]:
        tag = f"{text.lang.casefold()}-"
        place = next((number for number, lang in enumerate(wanted) if tag.startswith(f"{lang}-")), len(wanted))
        return text.kind, place, tag

    found = sorted((text for text in texts if text.text), key=rank)
    return tuple(Claim(PROPERTIES[one.kind], one.lang, fit(one.text or ""), label(one), _says(one)) for one in found)


def fit(text: str) -> str:
    """A text without what XML can't hold: control characters and halves of characters."""
    return _NO_XML.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n").strip()


def digest(text: str) -> str:
    """By what a text in a file is known to be ours, however a program wrapped its lines: 16 hex digits."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:16]


def _says(text: Text) -> str:
    said = _SAYS[label(text)]
    if text.model and text.machine_text == text.text:
        version = f" {text.model_version}" if text.model_version else ""
        wrote = fit(f"{text.model}{version}")
        return f"{said} ({wrote})" if label(text) == "machine" else f"written by a machine ({wrote}), {said}"
    return said
