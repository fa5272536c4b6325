"""How far a run is, how fast it goes and how long it will still take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from mezzetin.collection.collecting.options import Collected
from mezzetin.records import Progress

_WINDOW_S = 60.0
_EVERY_S = 0.2
_SURE_AFTER_S = 2.0


class Pace:
    """Tells the progress of a run; `expected` is how many pictures there are to describe, None where nobody knows."""

    def __init__(self, result: Collected, expected: int | None, report: Callable[[Progress], None]) -> None:
        self._result, self._expected, self._report = result, expected, report
        self._begun = self._told = time.monotonic()
        self._points: deque[tuple[float, int]] = deque([(self._begun, 0)])

    @property
    def seconds(self) -> float:
        """How long the run has taken."""
        return time.monotonic() - self._begun

    def tell(self) -> None:
        """Tell, now and then; cheap enough to be called for every picture."""
        now = time.monotonic()
        if now - self._told < _EVERY_S:
            return
        self._told = now
        done = self._done()
        self._points.append((now, done))
        while len(self._points) > 2 and now - self._points[0][0] > _WINDOW_S:
            self._points.popleft()
        known = self._expected if self._expected is not None and self._expected >= done else None
        self._report(Progress("collect", done, known, self._note(now, done, known)))

    def _done(self) -> int:
        return self._result.described + self._result.failed.total()

    def _note(self, now: float, done: int, expected: int | None) -> str:
        since, before = self._points[0]
        rate = (done - before) / max(now - since, 1e-9)
        parts = []
        if now - self._begun > _SURE_AFTER_S and rate > 0:
            parts.append(f"{rate:.1f} a second")
            if expected is not None:
                parts.append(f"{duration((expected - done) / rate)} left")
        if self._result.failed:
            parts.append(f"{self._result.failed.total():,} failed")
        if self._result.put_off:
            parts.append(f"{self._result.put_off:,} put off")
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
