"""What the verdicts of a sample say of its band: a share, its interval, and the sentence for it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from mezzetin.collection.intervals import interval
from mezzetin.collection.lots import FROM, JUDGED, UNCHANGED, Sample, there
from mezzetin.collection.opening import Reader
from mezzetin.collection.queue import Filter

_Shares = tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sample says: of `population` texts a `share` (0..1) is acceptable, `low` to `high` at the level of 95 %.

    `judged` of `drawn` texts have a verdict and `good` of these are acceptable; texts that changed before they were
    judged are in none of the numbers. `twice` texts have several verdicts, `agreed` of them the same. Shares are None
    where nothing was judged.
    """

    population: int
    drawn: int
    judged: int
    good: int
    share: float | None
    low: float | None
    high: float | None
    twice: int
    agreed: int
    sentence: str

    @property
    def left(self) -> int:
        """How many are still to be judged."""
        return self.drawn - self.judged


def estimate(reader: Reader, sample_id: int) -> Estimate:
    """What the verdicts so far say of the band.

    Raises:
        InputError: there is no such sample.

    """
    sample = there(reader, sample_id)
    # What the run changed that approved the band by this sample is as it was drawn.
    lost = reader.one(
        f"SELECT count(*), count(place) {FROM} WHERE sample_id = ? AND NOT ({UNCHANGED}) AND NOT {JUDGED}"  # noqa: S608
        " AND texts.id NOT IN (SELECT text_id FROM acts JOIN history ON history.act_id = acts.id WHERE run_id = ?)",
        (sample_id, sample.run),
    )
    said = reader.one(
        "SELECT count(*), sum(bad = 0), sum(said > 1), sum(said > 1 AND bad IN (0, said)) FROM ("
        "SELECT count(*) AS said, sum(verdict = 'not') AS bad FROM verdicts WHERE sample_id = ? GROUP BY text_id)",
        (sample_id,),
    )
    if lost is None or said is None:
        raise LookupError(sample_id)
    judged, good, twice, agreed = (number or 0 for number in said)
    population, taken = sample.population - lost[0], sample.size - lost[1]
    low, high = interval(good, judged, population) if judged else (0, population)
    shares: _Shares = (good / judged, low / population, high / population) if judged else None
    told = (*(shares or (None, None, None)), twice, agreed, _sentence(sample, population, shares))
    return Estimate(population, taken, judged, good, *told)


def _sentence(sample: Sample, population: int, shares: _Shares) -> str:
    band = f"of {population:,} {'captions' if sample.filter.kind == 'alt' else 'texts'}{_band(sample.filter)}"
    if shares is None:
        return f"{band}, none has been judged yet"
    # Outwards, so that the sentence never says more than the numbers do.
    share, low, high = shares
    bounds = f"{floor(low * 100 + 1e-9)}-{ceil(high * 100 - 1e-9)}"
    return f"{band}, {share * 100:.0f} % ({bounds}) acceptable"


def _band(wanted: Filter) -> str:
    low, high = wanted.min_confidence, wanted.max_confidence
    if high is not None and high >= 1:
        high = None
    match low, high:
        case None, None:
            return ""
        case _, None:
            return f" above {low:g}"
        case None, _:
            return f" below {high:g}"
    return f" from {low:g} to {high:g}"
