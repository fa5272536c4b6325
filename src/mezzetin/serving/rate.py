"""How often somebody may ask: a token bucket each.

A bucket holds as many tokens as two seconds give, at least one; each request takes one, and they come back at
`a_second`. Buckets of those who have been away long enough to be full again are forgotten.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict

_SECONDS = 2.0
_MOST_BUCKETS = 10_000


class Rate:
    """At most `a_second` requests a second for each who asks, after a burst of twice as many."""

    def __init__(self, a_second: float) -> None:
        self._a_second = a_second
        self._burst = max(1.0, _SECONDS * a_second)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, who: str, now: float | None = None) -> float:
        """Take a token: 0.0, or the seconds until there is one; `now` is on `time.monotonic()`."""
        now = time.monotonic() if now is None else now
        left, since = self._buckets.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._a_second)
        taken = left >= 1.0
        self._buckets[who] = (left - 1.0 if taken else left, now)
        self._forget(now)
        return 0.0 if taken else (1.0 - left) / self._a_second

    def _forget(self, now: float) -> None:
        """The one who was away for longest comes first; more than so many are not kept, come what may."""
        full_after = self._burst / self._a_second
        while self._buckets:
            _, since = next(iter(self._buckets.values()))
            if now - since < full_after and len(self._buckets) <= _MOST_BUCKETS:
                return
            self._buckets.popitem(last=False)


def whole_seconds(seconds: float) -> str:
    """As Retry-After says it."""
    return str(max(1, math.ceil(seconds)))
