"""What the engine takes and gives: sources of pictures in, one `Answer` each out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from mezzetin.errors import MezzetinError
from mezzetin.records import Caption, ItemError
from mezzetin.serving.attention import Attention
from mezzetin.storage.paths import Place

#: A picture as a door hands it in: encoded bytes, a request's URL, a stranger's place, or why there is none.
Source = bytes | str | Place | ItemError

DEADLINE = "deadline"
"""The error code of a picture whose request ran out of time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a door takes besides what the server does: bytes of a file, and pixels of a side as it is shown."""

    most_bytes: int = sys.maxsize
    least_side: int = 0
    most_side: int | None = None


#: A door that has none of its own.
NO_LIMITS = Limits()


class Overloaded(MezzetinError):
    """The server has as much to do as it can hold; `retry_after` is in whole seconds. Doors answer 503."""

    def __init__(self, retry_after: int, message: str = "the server is busy: try again in a moment") -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(slots=True)
class Timings:
    """Seconds that a picture spent in each stage; None where it did not get that far."""

    fetch: float | None = None
    decode: float | None = None
    caption: float | None = None
    external: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One picture's result.

    `caption.error` says why there is none. `format`, `width` and `height` (pixels, as shown) and `sha256` (of the
    encoded bytes) are None where the picture was not read that far. `external` has a caption, possibly one with an
    error, for each external captioner that was asked. `attention` is None where nobody asked for it or the model has
    none.
    """

    caption: Caption
    format: str | None = None
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    external: Mapping[str, Caption] = field(default_factory=dict)
    attention: Attention | None = None
    timings: Timings = field(default_factory=Timings)

    @property
    def error(self) -> ItemError | None:
        """Why there is no caption."""
        return self.caption.error


class Observer:
    """Hears of what the engine does, on the event loop: override what is wanted and return at once."""

    def answered(self, answer: Answer) -> None:
        """A picture has its answer, good or bad."""

    def batched(self, size: int, seconds: float) -> None:
        """A forward pass of `size` pictures took `seconds`."""

    def refused(self) -> None:
        """A request found the queue full."""

    def decoder_ended(self, why: str) -> None:
        """A decoding process ended: `why` is "time" (it was killed at its limit) or "died"."""
