"""Why there is no answer, in Azure's words: what an API allows of a picture, and what a refusal of ours becomes."""

from __future__ import annotations

from dataclasses import dataclass

from mezzetin.records import ItemError
from mezzetin.serving.answers import DEADLINE, Answer, Limits
from mezzetin.serving.problems import Problem

#: What is wrong with the picture itself, whichever way it came; all else that a picture by URL lacks is its URL's.
_PICTURE = {
    "undecodable": (400, "InvalidImageFormat"),
    "unsupported_format": (400, "InvalidImageFormat"),
    "too_many_pixels": (400, "InvalidImageSize"),
    "side_too_short": (400, "InvalidImageSize"),
    "side_too_long": (400, "InvalidImageSize"),
    # The picture is at fault: told that the server is, an SDK would send it again.
    "image_crashed": (400, "NotSupportedImage"),
    "image_timeout": (400, "NotSupportedImage"),
    "model_failed": (500, "FailedToProcess"),
    "no_caption": (500, "FailedToProcess"),
    "unavailable": (503, "ServiceUnavailable"),
    DEADLINE: (504, "Timeout"),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What one API takes: bytes at most, pixels a side, and its answers to a wrong size and to a wrong media type."""

    limits: Limits
    wrong_bytes: tuple[int, str]
    wrong_media: tuple[int, str]


def check_bytes(count: int, rules: Rules) -> None:
    """Refuse a picture of no bytes, or of too many.

    Raises:
        Problem: it is one.

    """
    most = rules.limits.most_bytes
    if count == 0:
        raise Problem(*rules.wrong_bytes, "the picture is empty (0 bytes): send its file as the body")
    if count > most:
        raise Problem(*rules.wrong_bytes, f"the picture is larger than {most:,} bytes: send a smaller copy")


def check_answer(answer: Answer, rules: Rules, *, by_url: bool) -> None:
    """Refuse what was not captioned.

    Raises:
        Problem: there is no caption.

    """
    if answer.error is not None:
        raise _problem(answer.error, rules, by_url=by_url)


def _problem(error: ItemError, rules: Rules, *, by_url: bool) -> Problem:
    if error.code in ("empty", "too_large"):
        return Problem(*rules.wrong_bytes, error.message)
    otherwise = (400, "InvalidImageUrl") if by_url else (500, "FailedToProcess")
    return Problem(*_PICTURE.get(error.code, otherwise), error.message)
