"""Rates of wrong statements, sorted for a reader: the captioner's own, people's beside them, and their parts.

Enters: the `truth` of `Findings`, where "colours.people" is people's rate of "colours", and "colour_red" a part of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mezzetin.evaluation.findings import Rate

_PEOPLE = ".people"
ENOUGH = 30
"""Occasions below which a share means little."""


def with_peoples(rates: Sequence[Rate]) -> list[tuple[Rate, Rate | None]]:
    """Each rate of the captioner's with people's own, where there is one."""
    peoples = {rate.name.removesuffix(_PEOPLE): rate for rate in rates if rate.name.endswith(_PEOPLE)}
    return [(rate, peoples.get(rate.name)) for rate in rates if not rate.name.endswith(_PEOPLE)]


def is_part(rate: Rate, rates: Sequence[Rate]) -> bool:
    """Whether another rate counts the whole of what this one counts a part of."""
    first, _, rest = rate.name.partition("_")
    return bool(rest) and any(other.name.rstrip("s") == first.rstrip("s") for other in rates)


def main_rates(rates: Sequence[Rate]) -> list[tuple[Rate, Rate | None]]:
    """The captioner's rates without their parts."""
    return [pair for pair in with_peoples(rates) if not is_part(pair[0], rates)]


def parts(rates: Sequence[Rate]) -> list[tuple[Rate, Rate | None]]:
    """The parts that have enough occasions, the most frequent first."""
    found = [pair for pair in with_peoples(rates) if is_part(pair[0], rates) and pair[0].of >= ENOUGH]
    return sorted(found, key=lambda pair: -(pair[0].share.value if pair[0].share else 0))
