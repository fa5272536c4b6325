"""What the evaluation's page is made from."""

from __future__ import annotations

from dataclasses import dataclass, field

from mezzetin.evaluation.findings import Findings
from mezzetin.evaluation.gate import GateLine
from mezzetin.records import ModelInfo, Score


@dataclass(frozen=True, slots=True)
class ProtocolFacts:
    """How the scores were made: without these facts a number can't be compared with another.

    `references` says how many there are a picture ("5 a picture"), `decoding` how captions were searched
    ("beam 3, at most 20 words"), `version` is Mezzetin's.
    """

    dataset: str
    split: str
    images: int
    tokeniser: str
    references: str
    decoding: str
    version: str


@dataclass(frozen=True, slots=True)
class JudgedPicture:
    """A picture with what the model said, what people wrote, its CIDEr-D (0..10) and its warnings (0..1 or None)."""

    name: str
    thumbnail: bytes | None
    hypothesis: str
    references: tuple[str, ...]
    cider_d: float
    confidence: float | None = None
    unlike_training: float | None = None


@dataclass(frozen=True, slots=True)
class EvaluationPage:
    """All that the page shows.

    `mistakes` are the worst captions among the most confident; `named` are the pictures that `findings` point to by
    their ids. `notes` are sentences, for example why METEOR is absent; `language` is the captions' (BCP 47).
    """

    title: str
    model: ModelInfo
    protocol: ProtocolFacts
    scores: tuple[Score, ...]
    best: tuple[JudgedPicture, ...]
    median: tuple[JudgedPicture, ...]
    worst: tuple[JudgedPicture, ...]
    notes: tuple[str, ...] = ()
    language: str = "en"
    findings: Findings = field(default_factory=Findings)
    mistakes: tuple[JudgedPicture, ...] = ()
    named: tuple[JudgedPicture, ...] = ()
    gate: tuple[GateLine, ...] = ()
