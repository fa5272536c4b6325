"""Delays against whoever tries passwords out: each failure beyond the first few doubles the wait.

Enters: a name and an address that a password came with. Leaves: how long they must wait. Counted are the failures of
a name from one address, those of an address, and those of a name from everywhere; unknown names count as known ones
do. A success clears the first. Kept in memory: a restart forgets.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict

_LONGEST_WAIT = 900.0
_FORGOTTEN_AFTER = 24 * 3600.0
_MOST = 20_000
#: How many failures cost nothing.
_FREE = {"both": 5, "address": 20, "name": 50}


class Delays:
    """The failures that one server has seen."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def wait(self, name: str, address: str, now: float | None = None) -> float:
        """Seconds until a password may be tried; `now` is on `time.monotonic()`."""
        now = time.monotonic() if now is None else now
        return max(self._left(place, now) for place in _places(name, address))

    def failed(self, name: str, address: str, now: float | None = None) -> None:
        """A password was wrong, or is about to be looked at: `succeeded` takes it back."""
        now = time.monotonic() if now is None else now
        for place in _places(name, address):
            count, last = self._failures.pop(place, (0, now))
            self._failures[place] = (1 if now - last > _FORGOTTEN_AFTER else count + 1, now)
        while len(self._failures) > _MOST:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """It was right: one failure less of the address and the name, none of both together."""
        for place in _places(name, address):
            count, last = self._failures.pop(place, (0, 0.0))
            if place[0] != "both" and count > 1:
                self._failures[place] = (count - 1, last)

    def _left(self, place: tuple[str, str], now: float) -> float:
        count, last = self._failures.get(place, (0, now))
        beyond = count - _FREE[place[0]]
        if beyond < 0 or now - last > _FORGOTTEN_AFTER:
            return 0.0
        return max(0.0, last + min(_LONGEST_WAIT, math.ldexp(1.0, min(beyond, 20))) - now)


def _places(name: str, address: str) -> tuple[tuple[str, str], ...]:
    # A name may be as long as a form allows: its digest is not.
    digest = hashlib.sha256(name.casefold().encode("utf-8", "replace")).hexdigest()
    return ("both", f"{digest}|{address}"), ("address", address), ("name", digest)
