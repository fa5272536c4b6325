"""What a sample says of the band that it was drawn from: an exact interval for a share of finitely many.

Clopper and Pearson's interval (1934) with the hypergeometric distribution in the place of the binomial: a sample drawn
without putting back. It holds the true share at least as often as `level` says, whatever that share is, and shrinks to
a point where all were judged.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, lgamma

from mezzetin.errors import InputError

LEVEL = 0.95


def interval(good: int, judged: int, population: int, level: float = LEVEL) -> tuple[int, int]:
    """How many of `population` are good, at least and at most, where `good` of `judged` drawn ones are.

    Raises:
        InputError: the numbers don't fit together.

    """
    if not 0 <= good <= judged <= population or not 0 < level < 1:
        raise InputError("a sample is part of its population, and what is good in it part of the sample")
    tail = (1 - level) / 2
    fewest, most = good, population - (judged - good)
    low = _first(fewest, most, lambda held: _at_least(good, judged, held, population) > tail)
    # What is not good is counted the same way.
    bad = judged - good
    worst = _first(bad, population - good, lambda held: _at_least(bad, judged, held, population) > tail)
    return low, population - worst


def size_for(width: float, population: int, *, share: float = 0.5, level: float = LEVEL) -> int:
    """How many to judge so that the interval is no wider than `width` (0..1) where the share turns out as foreseen.

    A share of 0.5 asks for the most: with it the interval is never wider. The share of so many is rounded to whole
    texts, so that a few fewer may do as well.

    Raises:
        InputError: `width` or `share` is not between 0 and 1, or there is nothing to judge.

    """
    if not 0 < width < 1 or not 0 <= share <= 1 or population < 1:
        raise InputError("a width between 0 and 1 and a share from 0 to 1 are asked for, of at least one text")

    def narrow(judged: int) -> bool:
        low, high = interval(round(share * judged), judged, population, level)
        return high - low <= width * population

    return _first(1, population, narrow)


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest number in low..high for which it holds, where it holds from there on; `high` where it never does."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _at_least(good: int, judged: int, held: int, population: int) -> float:
    """The probability to draw `good` or more where `held` of the population are."""
    if good * population > judged * held:
        return _upper(good, judged, held, population)
    # Below the middle the other side is the short sum: `good - 1` or fewer good ones are so many more of the others.
    return 1.0 - _upper(judged - good + 1, judged, population - held, population)


def _upper(good: int, judged: int, held: int, population: int) -> float:
    """The same from the middle on, where each term is smaller than the one before."""
    top = min(judged, held)
    if good > top:
        return 0.0
    if judged - good > population - held:
        return 1.0
    log = _choose(held, good) + _choose(population - held, judged - good) - _choose(population, judged)
    total, ratio = 0.0, 1.0
    for number in range(good, top + 1):
        total += ratio
        ratio *= (held - number) * (judged - number)
        ratio /= (number + 1) * (population - held - judged + number + 1)
        if ratio < total * 1e-16:
            break
    return min(1.0, exp(log) * total)


def _choose(of: int, many: int) -> float:
    return lgamma(of + 1) - lgamma(many + 1) - lgamma(of - many + 1)
