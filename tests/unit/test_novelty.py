"""Novelty: pictures like the training's score low, foreign ones high, whatever the shape of the data."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mezzetin.novelty import DIRECTIONS, PREFIX, FeatureSpace, fit_feature_space

CHANNELS = 200
Floats = NDArray[np.float32]


def planted(count: int, seed: int, *, channels: int = CHANNELS, spread: float = 1.0, shift: float = 0.0) -> Floats:
    """Gists whose signed roots are Gaussian about 3, with 20 strong directions and weak noise in the others."""
    axes = np.linalg.qr(np.random.default_rng(99).normal(size=(channels, min(20, channels // 2))))[0]
    random = np.random.default_rng(seed)
    strong = random.normal(size=(count, axes.shape[1])) * np.linspace(2.0, 0.5, axes.shape[1]) * spread
    roots = 3 + shift + strong @ axes.T + 0.1 * random.normal(size=(count, channels)) * spread
    return np.asarray(np.sign(roots) * roots**2, np.float32)


@pytest.fixture(scope="module")
def space() -> FeatureSpace:
    return fit_feature_space(planted(1500, 1), planted(500, 2))


def test_the_planted_gaussian_is_recovered(space: FeatureSpace) -> None:
    fresh = space.distance(planted(2000, 3))
    assert abs(float(fresh.mean()) - 1) < 0.1
    assert np.abs(space.mean_C - 3).max() < 0.25
    assert space.directions_RC.shape == (DIRECTIONS, CHANNELS)
    # A direction is scaled to unit variance, so its length is one over the planted deviation.
    lengths = 1 / np.linalg.norm(space.directions_RC[:20], axis=1)
    assert np.allclose(lengths, np.linspace(2.0, 0.5, 20), rtol=0.15)


def test_half_of_the_like_score_zero_and_a_hundredth_above_a_half(space: FeatureSpace) -> None:
    fresh = space.unlike(planted(4000, 4))
    assert 0.4 < float((fresh == 0).mean()) < 0.6
    assert 0.003 < float((fresh > 0.5).mean()) < 0.03
    assert fresh.dtype == np.float32 and fresh.min() >= 0 and fresh.max() <= 1


@pytest.mark.parametrize("foreign", [{"shift": 2.0}, {"spread": 3.0}], ids=["elsewhere", "wider"])
def test_foreign_points_score_above_a_half(space: FeatureSpace, foreign: dict[str, float]) -> None:
    assert float((space.unlike(planted(200, 5, **foreign)) > 0.5).mean()) > 0.99  # type: ignore[arg-type]


def test_what_leaves_only_the_weak_directions_is_foreign_too(space: FeatureSpace) -> None:
    random = np.random.default_rng(6)
    roots = np.sqrt(planted(200, 7)) + 0.6 * random.normal(size=(200, CHANNELS))
    assert float((space.unlike(np.asarray(roots**2, np.float32)) > 0.5).mean()) > 0.99


def test_there_and_back_through_half_precision(space: FeatureSpace) -> None:
    stored = {name: array.astype(np.float16) for name, array in space.tensors().items()}
    assert all(name.startswith(PREFIX) for name in stored)
    again = FeatureSpace.read(stored, space.numbers())
    gists = planted(50, 8, spread=1.5)
    assert np.array_equal(again.unlike(gists), space.unlike(gists))


@pytest.mark.parametrize("count", [2, 3, 10, 60])
def test_fewer_points_than_directions(count: int) -> None:
    fresh, foreign = planted(100, 1), planted(100, 2, shift=30.0)
    like: list[float] = []
    for seed in range(100, 140, 2):
        space = fit_feature_space(planted(count, seed), planted(max(count // 4, 1), seed + 1))
        assert space.unlike(foreign).min() == 1
        assert space.distance(foreign).min() > 20 * space.distance(fresh).max()
        like.append(float(space.unlike(fresh).mean()))
    # Where one held-out picture is the whole scale, chance decides how unlike a fresh one seems: single draws say
    # anything from 0 to 1, and only their average is a promise.
    assert float(np.mean(like)) < 0.5


@pytest.mark.parametrize("channels", [8, 40, 64, 65])
def test_fewer_channels_than_directions(channels: int) -> None:
    space = fit_feature_space(planted(1500, 1, channels=channels), planted(500, 2, channels=channels))
    fresh = space.unlike(planted(1000, 3, channels=channels))
    assert float((fresh > 0.5).mean()) < 0.05
    assert float((space.unlike(planted(200, 4, channels=channels, shift=3.0)) > 0.5).mean()) > 0.99


@pytest.mark.parametrize("value", [0.0, 0.3, 4.0, 1000.0])
def test_identical_points_are_like_each_other_and_others_are_not(value: float) -> None:
    same = np.full((40, CHANNELS), value, np.float32)
    space = fit_feature_space(same[:30], same[30:])
    assert space.unlike(same).tolist() == [0.0] * 40
    assert space.unlike(planted(5, 1, shift=5.0)).tolist() == [1.0] * 5
