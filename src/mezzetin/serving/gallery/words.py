"""What the gallery says of texts and of what was asked for, in words."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from mezzetin.collection.rows import Text
from mezzetin.serving.review.words import KINDS, language, mark

__all__ = ["KINDS", "STATUSES", "briefly", "chip", "found", "is_link", "language", "mark", "who"]

STATUSES = {
    "person": "A person",
    "museum": "The museum",
    "sample": "A machine, approved by sample",
    "machine": "A machine",
}
"""Who wrote a text, as the filter names it."""
OF = {"edited": "person", "approved": "person", "given": "museum", "sampled": "sample", "machine": "machine"}
"""The filter's name of each status that a text which counts can have."""
_FOUND = {"words": "its words", "meaning": "its meaning", "picture": "the picture itself"}
_LIMITS = {"artist": "Artist: ", "from": "From ", "to": "To ", "source": "Collected from ", "status": "Text by: "}


def who(text: Text) -> str:
    """Who wrote a text, and who has looked at it."""
    if text.status == "approved":
        return "Read and approved by a person" + (", written by a machine" if text.machine_text is not None else "")
    return {
        "edited": "Written by a person",
        "given": "It came with the museum’s record",
        "sampled": "Written by a machine. Texts like it were approved by sample; nobody has read this one",
    }.get(text.status, "Written by a machine, and nobody has checked it")


def briefly(text: Text) -> str:
    """The same in a word or two."""
    return {
        "edited": "By a person",
        "approved": "Read by a person",
        "given": "By the museum",
        "sampled": "Machine, approved by sample",
    }.get(text.status, "Machine, unchecked")


def found(why: Sequence[str]) -> str:
    """By what a picture was found."""
    names = [_FOUND[one] for one in why if one in _FOUND]
    return f"Found by {' and '.join(names)}" if names else ""


def chip(name: str, value: str) -> str:
    """A limit, as it stands above what was found."""
    if name == "lang":
        return f"Text in {language(value)}"
    if name == "as":
        return "As the public sees it"
    return f"{_LIMITS[name]}{STATUSES.get(value, value)}"


def is_link(value: str) -> bool:
    """Say whether a licence or a right is the address of one."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.netloc) and not any(one.isspace() for one in value)
