"""What a metric measured of one set of captions, resamples included: scores, and differences of scores, come from it.

Enters: the numbers. Leaves: a `Score` with its interval and signature.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mezzetin.metrics.bootstrap import percentile_interval
from mezzetin.metrics.corpus import Floats
from mezzetin.records import Score


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's `value` over all images, `per_image` (images,), and over each resampled set, `drawn` (resamples,).

    The same seed and number of images draw the same sets: the resamples of two captioners pair off. `details` say
    how it was computed, as they stand in a signature.
    """

    name: str
    value: float
    per_image: Floats = field(repr=False)
    drawn: Floats = field(repr=False)
    details: str

    def score(self, protocol: str) -> Score:
        """The score, its signature beginning with `protocol`."""
        low, high = percentile_interval(self.drawn)
        per_image = tuple(map(float, self.per_image))
        return Score(self.name, self.value, low, high, f"{protocol}|{self.details}", per_image)
