"""What is said of a picture, as JSON: the part of a row that does not depend on where the picture came from.

Enters: a caption, or why there is none. Leaves: plain dicts with the names of `collecting.merging.MergeRow`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mezzetin.records import Caption, ItemError

_NAMES = ("caption", "language", "confidence", "unlike_training", "alternatives", "tokens", "model", "error")


def to_row(caption: Caption) -> dict[str, Any]:
    """What is said of a picture, as JSON and Arrow take it."""
    row = {name: value for name, value in asdict(caption).items() if name in ("language", "model", "error")}
    return {
        **row,
        "caption": caption.text,
        "confidence": caption.confidence,
        "unlike_training": caption.unlike_training,
        "alternatives": [asdict(one) for one in caption.alternatives],
        "tokens": [asdict(one) for one in caption.tokens],
    }


def error_row(error: ItemError, model: Mapping[str, str] | None, language: str | None) -> dict[str, Any]:
    """The same of a picture of which nothing can be said."""
    return dict.fromkeys(_NAMES) | {
        "alternatives": [],
        "tokens": [],
        "language": language,
        "model": None if model is None else dict(model),
        "error": {"code": error.code, "message": error.message},
    }
