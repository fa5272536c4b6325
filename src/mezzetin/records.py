"""The records that stages hand to each other: frozen, typed, without behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a dataset: a picture and its reference captions.

    `image` holds the encoded bytes, or None in a row whose `status` is not "ok"; `width` and `height` are
    in pixels as the picture is shown (EXIF orientation applied); `sha256` is of the original file's bytes
    (hex); `language` is a BCP 47 tag. `status` is "ok" or the name of the defect, `error` its sentence.
    """

    image_id: str
    split: str
    image: bytes | None
    format: str | None
    width: int
    height: int
    sha256: str | None
    source_uri: str
    captions: tuple[str, ...]
    language: str
    status: str = "ok"
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why one item of a batch has no result: a stable `code` for programs, a `message` for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a caption and the probability that the decoder gave it, 0..1."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another caption of the same picture; `log_probability` is the sum over its tokens (nats)."""

    text: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Who wrote a caption: name and version, `signature` (the bundle's content digest), its licence."""

    name: str
    version: str
    signature: str
    licence: str


@dataclass(frozen=True, slots=True)
class Caption:
    """What a captioner says of one picture, or why it could not.

    `confidence` (calibrated) and `unlike_training` are in 0..1 or None where the captioner has none;
    `text` is None exactly when `error` is set.
    """

    text: str | None
    language: str
    model: ModelInfo
    confidence: float | None = None
    unlike_training: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    tokens: tuple[Token, ...] = ()
    error: ItemError | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """One metric over one set of captions, with its 95 % bootstrap interval.

    `value` is on the scale on which papers compute it (BLEU 0..1, CIDEr-D 0..10); `per_image` follows the
    order of the evaluated images.
    """

    name: str
    value: float
    low: float
    high: float
    signature: str
    per_image: tuple[float, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long task is: `done` of `total` (None where nobody knows), and a short note for people."""

    task: str
    done: int
    total: int | None
    note: str = ""


class Captioner(Protocol):
    """Anything that captions pictures: a bundle of ours, or somebody's service."""

    @property
    def info(self) -> ModelInfo:
        """Who is speaking."""

    def caption(self, images: Sequence[bytes | str | Path]) -> list[Caption]:
        """Caption encoded pictures (bytes, or paths of local files): one each, in order, errors included."""
