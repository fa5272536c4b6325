"""Buckets of tokens: who has asked too often, and for how long."""

from __future__ import annotations

import pytest

from mezzetin.serving.rate import Rate, whole_seconds


def test_tokens_come_back_and_buckets_are_forgotten() -> None:
    rate = Rate(2.0)
    assert [rate.wait("a", 0.0) for _ in range(5)] == [0.0] * 4 + [0.5]
    assert rate.wait("b", 0.0) == 0.0
    assert rate.wait("a", 0.25) == pytest.approx(0.25)
    assert rate.wait("a", 0.75) == 0.0
    for number in range(20_000):
        rate.wait(str(number), 1.0)
    assert len(rate._buckets) <= 10_001
    rate.wait("last", 100.0)
    assert list(rate._buckets) == ["last"]


@pytest.mark.parametrize(("seconds", "said"), [(0.01, "1"), (1.0, "1"), (1.2, "2"), (59.9, "60")])
def test_whoever_waits_as_long_as_it_says_gets_in(seconds: float, said: str) -> None:
    assert whole_seconds(seconds) == said
