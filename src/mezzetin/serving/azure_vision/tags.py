"""Tags: the nouns of the beam, each with the share of the beam's probability whose phrases name it.

Enters: the phrases of one picture. Leaves: nouns with confidences in 0..1, the surest first. Nothing else has looked at
the picture: a tag is as right as the captions are, and what no hypothesis says has none. English only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mezzetin.decoding.english import is_english
from mezzetin.serving.azure_vision.nouns import nouns_in
from mezzetin.serving.azure_vision.phrasing import Phrase
from mezzetin.text import tokenise

#: Of the beam's probability: what is named by less is noise, and Azure's `description.tags` would not show how little.
LEAST = 0.05


@dataclass(frozen=True, slots=True)
class Tag:
    """A thing that the captions name."""

    name: str
    confidence: float


def tags_of(phrases: Sequence[Phrase], language: str) -> list[Tag]:
    """The tags of a picture; none where its captions are not English."""
    if not phrases or not is_english(language):
        return []
    best = max(phrase.log_probability for phrase in phrases)
    weights = [math.exp(phrase.log_probability - best) for phrase in phrases]
    shares: dict[str, float] = {}
    for phrase, weight in zip(phrases, weights, strict=True):
        for noun in dict.fromkeys(nouns_in(tokenise(phrase.text))):
            shares[noun] = shares.get(noun, 0.0) + weight / sum(weights)
    # What is as sure stays in the order in which the best phrase says it.
    tags = [Tag(noun, round(min(1.0, share), 6)) for noun, share in shares.items()]
    return sorted((tag for tag in tags if tag.confidence >= LEAST), key=lambda tag: -tag.confidence)
