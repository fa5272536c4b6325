from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.metrics import score
from mezzetin.metrics.bootstrap import percentile_interval, resampled_sums


def _corpus(seed: int, images: int = 60) -> tuple[list[list[list[str]]], list[list[str]]]:
    generator = np.random.default_rng(seed)
    words = np.array(["a", "the", "dog", "cat", "runs", "sits", "on", "red", "grass"])

    def caption() -> list[str]:
        return [str(word) for word in generator.choice(words, size=8)]

    return [[caption(), caption()] for _ in range(images)], [caption() for _ in range(images)]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_the_interval_surrounds_the_value_and_is_reproducible(seed: int) -> None:
    references, hypotheses = _corpus(seed)
    first = score(references, hypotheses, protocol="p", resamples=300, seed=seed)
    again = score(references, hypotheses, protocol="p", resamples=300, seed=seed)
    other = score(references, hypotheses, protocol="p", resamples=300, seed=seed + 1)
    assert first == again
    assert first != other
    for result, moved in zip(first, other, strict=True):
        assert result.low < result.high
        # A percentile interval of a ratio such as BLEU's is not centred on the value exactly.
        margin = 0.1 * (result.high - result.low)
        assert result.low - margin <= result.value <= result.high + margin
        assert result.value == moved.value


def test_the_interval_has_the_width_that_theory_gives_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=(400, 1))
    means = resampled_sums(values, resamples=4000, seed=1)[:, 0] / 400
    low, high = percentile_interval(means)
    expected = 2 * 1.96 * values.std() / np.sqrt(400)
    assert high - low == pytest.approx(expected, rel=0.06)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.01)


def test_more_images_make_a_narrower_interval() -> None:
    def width(images: int) -> float:
        (result,) = score(*_corpus(5, images), protocol="p", metrics=["ROUGE-L"])
        return result.high - result.low

    assert width(640) < 0.5 * width(40)


def test_columns_are_drawn_together() -> None:
    column = np.arange(50.0)
    sums = resampled_sums(np.stack([column, 2 * column, np.ones(50)], axis=1), resamples=30, seed=4)
    np.testing.assert_allclose(sums[:, 1], 2 * sums[:, 0])
    np.testing.assert_array_equal(sums[:, 2], 50)


def test_many_images_are_drawn_in_blocks() -> None:
    # 1,500,000 images leave room for two resamples at a time; the last block is a smaller one.
    sums = resampled_sums(np.ones((1_500_000, 1)), resamples=3, seed=0)
    np.testing.assert_array_equal(sums, 1_500_000)


def test_one_image_has_no_width() -> None:
    (result,) = score([[["a", "dog"]]], [["a", "cat"]], protocol="p", metrics=["ROUGE-L"])
    assert result.low == result.value == result.high == pytest.approx(0.5)
