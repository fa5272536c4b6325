"""What the linter can find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "look"]

#: Every finding, and what it means.
CODES: dict[str, str] = {
    "empty": "there is no text",
    "too_long": "longer than a text of its kind may be",
    "long": "longer than most readers want",
    "opening": "begins by saying that it is a picture",
    "full_stop": "does not end as a sentence does, so a screen reader runs on",
    "repetition": "says something twice",
    "title": "only repeats the title",
    "same": "stands under other pictures too, which nobody can tell apart by it",
    "unsure": "says that it is not sure what there is, which helps nobody",
    "file_name": "holds the name of a file",
    "markup": "holds markup, an address or characters that can't be seen",
    "capitals": "is written in capitals, which some screen readers spell out",
    "instead": "uses a word for which the house has another",
    "gender": "says somebody's gender",
    "identity": "says somebody's age, origin, faith, health or looks",
    "low_confidence": "the captioner is not sure",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at: `start` and `end` are characters of the text; an "error" should not be published."""

    code: str
    severity: Severity
    message: str
    start: int
    end: int
