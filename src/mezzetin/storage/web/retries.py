"""Further tries: which failures of a fetch deserve one, and how long to wait before it.

Enters: a failure and the server's Retry-After. Leaves: seconds to wait. Whether there is time for them is for the
caller to say.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mezzetin.errors import FetchError

_FIRST_WAIT_S = 0.25
_GROWTH = 3.0


class Again(Exception):
    """Says that one more try may help; `error` is what to raise when there is none left."""

    def __init__(self, error: FetchError, after: bytes | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


def wait_before(tries: int, retry_after: bytes | None) -> float:
    """Return the seconds to wait after `tries` tries: what Retry-After asks for, or more."""
    return max(_FIRST_WAIT_S * _GROWTH ** (tries - 1), asked_wait(retry_after) or 0.0)


def asked_wait(retry_after: bytes | None) -> float | None:
    """Return the seconds that a Retry-After asks for (RFC 9110, 10.2.3); None where there is none that can be read."""
    text = (retry_after or b"").decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
