"""Our captions as Azure puts them: a phrase without a capital or a full stop, and always a confidence.

Enters: an `Answer` that has a caption. Leaves: phrases with confidences in 0..1, the best first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mezzetin.records import Caption, ModelInfo
from mezzetin.text import tokenise

# A probability that was rounded away is not nothing.
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Phrase:
    """A caption in Azure's style; `log_probability` is the beam's (nats), of the whole."""

    text: str
    confidence: float
    log_probability: float


def phrases_of(caption: Caption) -> list[Phrase]:
    """The caption and its alternatives.

    The caption's confidence is the calibrated one; where the model has none, the geometric mean of its words'
    probabilities. An alternative has that times its own mean over the caption's mean, and never more than the phrase
    before it.
    """
    first = sum(math.log(max(token.probability, _LEAST)) for token in caption.tokens)
    mean = first / max(1, len(caption.tokens))
    confidence = math.exp(mean) if caption.confidence is None else caption.confidence
    phrases = [Phrase(_styled(caption.text or ""), _rounded(confidence), first)]
    for other in caption.alternatives:
        words = max(1, len(tokenise(other.text)))
        likely = confidence * math.exp(min(0.0, other.log_probability / words - mean))
        within = min(_rounded(likely), phrases[-1].confidence)
        phrases.append(Phrase(_styled(other.text), within, other.log_probability))
    return phrases


def version_of(model: ModelInfo) -> str:
    """What `modelVersion` says: NAME/VERSION."""
    return f"{model.name}/{model.version}"


def _styled(text: str) -> str:
    text = text.strip().removesuffix(".")
    return text[:1].lower() + text[1:]


def _rounded(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 6)
