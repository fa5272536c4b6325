"""Who stands behind a text, in words for people and as the kind of agent for programs.

Enters: a text that counts. Leaves: a sentence, and who made the words: a person, a museum or software. A name of
somebody in the house is never among it; all of it is about the text, never about how the picture came to be.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from mezzetin.collection.rows import Picture, Text
from mezzetin.publication.rows import label

KIND_NAMES = {"alt": "Alternative text", "description": "Description"}
"""The two kinds of text, as a heading."""
FEATURES = {"alt": "alternativeText", "description": "longDescription"}
"""The two kinds in the vocabulary of accessibility (schema.org accessibilityFeature)."""
_SENTENCES = {
    "person": "written by a person",
    "museum": "given with the museum's record",
    "approved": "read and approved by a person",
    "sampled": "approved by sample; nobody has read this one",
    "machine": "nobody has read it",
}


def sentence(text: Text) -> str:
    """Say who stands behind a text: "written by a machine (small 1), read and approved by a person"."""
    name = model_of(text)
    said = _SENTENCES[label(text)]
    return said if name is None else f"written by a machine ({name}), {said}"


def model_of(text: Text) -> str | None:
    """The model whose words these are, with its version; None where a person or a museum wrote them."""
    if text.machine_text is None or text.status == "edited":
        return None
    return " ".join(part for part in (text.model or text.source, text.model_version) if part)


def is_vouched_for(text: Text) -> bool:
    """Whether somebody wrote or read this very text."""
    return label(text) in ("person", "approved", "museum")


def name_of(picture: Picture) -> str:
    """What a picture is called: its title, the house's number, or else the name of its file."""
    path = unquote(urlsplit(picture.uri).path) if "://" in picture.uri else picture.uri
    return picture.title or picture.record_id or PurePosixPath(path).name or f"Picture {picture.id}"
