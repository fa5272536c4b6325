"""The records of a collection: frozen, typed, as its tables hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mezzetin.records import Alternative, Caption, ModelInfo, Token

KINDS = ("alt", "description")
"""A short alternative text, and a longer description."""
STATUSES = ("machine", "given", "edited", "approved", "sampled", "rejected", "deleted", "withdrawn")
"""How a text stands; docs/collection.md says what each means."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes a collection: a person, or a machine (a model or an import)."""

    name: str
    is_person: bool

    @classmethod
    def person(cls, name: str) -> Actor:
        """Somebody who decides."""
        return cls(name, is_person=True)

    @classmethod
    def machine(cls, name: str) -> Actor:
        """Something that proposes."""
        return cls(name, is_person=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a collection: one page of one file."""

    id: int
    source: str
    uri: str
    page: int
    pages: int
    record_id: str | None
    sha256: str | None
    stamp: str | None
    size: int | None
    width: int | None
    height: int | None
    format: str | None
    title: str | None
    artist: str | None
    date: str | None
    licence: str | None
    rights: str | None
    restricted: bool
    extra: Mapping[str, Any]
    status: str
    error_code: str | None
    error_message: str | None
    attempts: int
    first_seen: str
    last_seen: str
    last_run: int | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a run knows of a picture that it came upon; None where it knows nothing and what is kept shall stay.

    `uri` and `source` carry no signature; `page` counts from 0; `sha256` is of the file's bytes (hex); `stamp` is what
    tells cheaply that a file is as it was.
    """

    source: str
    uri: str
    page: int = 0
    pages: int = 1
    record_id: str | None = None
    sha256: str | None = None
    stamp: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    title: str | None = None
    artist: str | None = None
    date: str | None = None
    licence: str | None = None
    rights: str | None = None
    restricted: bool | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sighting was: new, same, changed, moved, back, or forgotten (then without an id)."""

    id: int | None
    what: str


@dataclass(frozen=True, slots=True)
class PictureEvent:
    """What happened to a picture's file: moved, content, gone or back."""

    at: str
    what: str
    old: str | None
    new: str | None
    run_id: int | None


@dataclass(frozen=True, slots=True)
class Text:
    """What is said of a picture, how it stands and who said it.

    `confidence`, `unlike_training` (0..1), `alternatives` and `tokens` are of `machine_text`, which stays when a person
    edits. `changed` is an ISO 8601 time in UTC.
    """

    id: int
    picture_id: int
    kind: str
    lang: str
    source: str
    status: str
    text: str | None
    machine_text: str | None
    confidence: float | None
    unlike_training: float | None
    model: str | None
    model_version: str | None
    signature: str | None
    alternatives: tuple[Alternative, ...] = field(repr=False)
    tokens: tuple[Token, ...] = field(repr=False)
    of_sha256: str | None
    from_text_id: int | None
    from_version: int | None
    version: int
    changed: str
    changed_by: str
    changed_by_person: bool


@dataclass(frozen=True, slots=True)
class MachineText:
    """What a model says of a picture; `from_text` is what it translated, where it did."""

    text: str
    lang: str
    source: str
    kind: str = "alt"
    confidence: float | None = None
    unlike_training: float | None = None
    model: ModelInfo | None = None
    alternatives: tuple[Alternative, ...] = ()
    tokens: tuple[Token, ...] = ()
    from_text: Text | None = None

    @classmethod
    def of(cls, caption: Caption, source: str, kind: str = "alt") -> MachineText:
        """What a captioner said; ValueError where it said nothing."""
        if caption.text is None:
            raise ValueError("a caption without text is a failure of its picture")
        return cls(
            caption.text,
            caption.language,
            source,
            kind,
            caption.confidence,
            caption.unlike_training,
            caption.model,
            caption.alternatives,
            caption.tokens,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history: what a text was, what it became, who did it and when; `old_status` is None if new."""

    id: int
    picture_id: int
    text_id: int
    kind: str
    lang: str
    source: str
    version: int
    old_status: str | None
    new_status: str
    old_text: str | None
    new_text: str | None
    at: str
    who: str
    by_person: bool
    verb: str
    run_id: int | None
    undoes_change: int | None
    undoes_run: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """Work that goes over many pictures; `state` is running, done, failed or undone, `cursor` where it goes on."""

    id: int
    kind: str
    who: str
    model: str | None
    settings: Mapping[str, Any]
    state: str
    started: str
    finished: str | None
    cursor: int
    done: int
    failed: int
    note: str | None
