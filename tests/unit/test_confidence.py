"""Confidence: fitted on signals that tell something, it is as often right as it says, and never more than a share."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mezzetin.confidence import LEAST_PICTURES, SCENE, Calibration, Signals, Term, fit_calibration, scene_of, signals_of
from mezzetin.errors import BundleError, FormatError

NUMBERS = st.floats(-1e6, 1e6)


def planted(count: int, seed: int, *, strength: float = 1.0) -> tuple[list[Signals], NDArray[np.float64]]:
    """Signals of captions, and a CIDEr-D that hangs on them and on luck."""
    random = np.random.default_rng(seed)
    scores, doubts, scenes = (
        random.normal(-5, 1, count),
        random.normal(2, 0.5, count),
        random.normal(size=(count, SCENE)),
    )
    good = strength * (0.4 * (scores + 5) - 0.6 * (doubts - 2) + 0.2 * scenes[:, 3]) + random.normal(size=count)
    found: list[Signals] = [
        {"score": s, "hesitation": d, "unlike": 0.0, **{f"scene_{n + 1}": v for n, v in enumerate(row)}}
        for s, d, row in zip(scores.tolist(), doubts.tolist(), scenes.tolist(), strict=True)
    ]
    return found, np.maximum(0.5 + 0.3 * good, 0) ** 2


def fitted(count: int = 300, seed: int = 1, strength: float = 1.0) -> Calibration:
    signals, quality = planted(count, seed, strength=strength)
    found = fit_calibration(signals, quality, 0.4, decoding="beam=3")
    assert found is not None
    return found


CALIBRATION = fitted()


def test_it_is_as_often_right_as_it_says_on_captions_that_it_was_not_fitted_to() -> None:
    signals, quality = planted(10_000, 2)
    calibration = fitted(2000)
    sure = np.array([calibration.confidence(each) for each in signals])
    good = quality >= 0.4
    for places in np.array_split(np.argsort(sure), 10):
        assert sure[places].mean() == pytest.approx(good[places].mean(), abs=0.06)
    # Half of what can be known here is luck.
    assert sure[good].mean() - sure[~good].mean() > 0.1


def test_signals_that_tell_nothing_leave_the_share_of_acceptable_captions() -> None:
    signals, quality = planted(400, 3, strength=0.0)
    found = fit_calibration(signals, quality, 0.4)
    assert found is not None
    sure = [found.confidence(each) for each in planted(200, 4)[0]]
    assert np.mean(sure) == pytest.approx(found.acceptable, abs=0.05) and np.std(sure) < 0.1


@pytest.mark.parametrize(("name", "sign"), [("score", 1), ("hesitation", -1)])
@given(at=st.sampled_from(planted(50, 5)[0]), low=NUMBERS, step=st.floats(0, 1e6))
def test_it_is_monotone(name: str, sign: int, at: Signals, low: float, step: float) -> None:
    pair = [CALIBRATION.confidence({**at, name: value}) for value in (low, low + step)]
    assert pair == sorted(pair, reverse=sign < 0)


@given(values=st.dictionaries(st.sampled_from([t.name for t in CALIBRATION.terms]), NUMBERS), unlike=st.floats(0, 1))
def test_it_is_a_share_whatever_comes_and_falls_where_pictures_are_unlike(values: Signals, unlike: float) -> None:
    at = {**planted(1, 6)[0][0], **values}
    sure, usual = CALIBRATION.confidence({**at, "unlike": unlike}), CALIBRATION.confidence({**at, "unlike": 0.5})
    assert 0 <= sure <= 1 and sure <= usual
    assert sure == usual or unlike > 0.5
    assert CALIBRATION.confidence({**at, "unlike": 1.0}) == 0


def test_what_is_beyond_the_range_that_was_seen_counts_as_its_end() -> None:
    at = planted(1, 6)[0][0]
    (score,) = (term for term in CALIBRATION.terms if term.name == "score")
    end = CALIBRATION.confidence({**at, "score": score.mean + score.high * score.scale})
    assert CALIBRATION.confidence({**at, "score": 1e9}) == pytest.approx(end)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_pictures_does_not_matter(random: object) -> None:
    signals, quality = planted(120, 7)
    order = np.random.default_rng(random.randint(0, 10**9)).permutation(120)  # type: ignore[attr-defined]
    one = fit_calibration(signals, quality, 0.4)
    other = fit_calibration([signals[place] for place in order], quality[order], 0.4)
    assert one is not None and other is not None
    for left, right in zip(one.terms, other.terms, strict=True):
        assert left.name == right.name and left[1:] == pytest.approx(right[1:], abs=2e-6)
    assert (one.offset, one.slope) == pytest.approx((other.offset, other.slope), abs=2e-6)


def test_a_signal_that_seems_to_say_the_opposite_is_left_out() -> None:
    signals, quality = planted(200, 8)
    turned = [{**each, "hesitation": -each["hesitation"]} for each in signals]
    found = fit_calibration(turned, quality, 0.4)
    assert found is not None
    assert {"score", "hesitation"} & {term.name for term in found.terms} == {"score"}


def test_too_few_pictures_or_too_few_of_a_kind_fit_nothing() -> None:
    signals, quality = planted(LEAST_PICTURES, 9)
    assert fit_calibration(signals, quality, 0.4) is not None
    assert fit_calibration(signals[1:], quality[1:], 0.4) is None
    assert fit_calibration(signals, quality, 99.0) is None
    assert fit_calibration(signals, quality, 0.0) is None


def test_captions_that_a_step_could_tell_apart_fit_a_finite_curve() -> None:
    signals, _ = planted(200, 10)
    found = fit_calibration(signals, [9.0 if each["score"] > -5 else 0.1 for each in signals], 1.0)
    assert found is not None and np.isfinite([found.offset, found.slope]).all()
    assert {found.confidence(each) > 0.5 for each in signals if each["score"] > -4.5} == {True}


def test_json_and_back() -> None:
    again = Calibration.from_json(CALIBRATION.to_json())
    assert again == CALIBRATION
    assert again.to_json() == CALIBRATION.to_json()
    assert replace(again, terms=()).confidence({"unlike": 0.0}) == pytest.approx(1 / (1 + np.exp(-again.offset)))


BODY = json.loads(CALIBRATION.to_json())


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b"\xff",
        *(json.dumps({key: value for key, value in BODY.items() if key != gone}).encode() for gone in BODY),
        json.dumps({**BODY, "slope": None}).encode(),
        json.dumps({**BODY, "offset": True}).encode(),
        json.dumps({**BODY, "offset": float("nan")}).encode(),
        json.dumps({**BODY, "signals": [{**BODY["signals"][0], "scale": 0}]}).encode(),
        json.dumps({**BODY, "signals": 3}).encode(),
    ],
)
def test_a_damaged_one_is_one_line(damage: bytes) -> None:
    with pytest.raises(BundleError, match="fetch the bundle again") as caught:
        Calibration.from_json(damage)
    assert "\n" not in str(caught.value)


def test_a_newer_one_is_refused_by_name() -> None:
    with pytest.raises(FormatError, match="newer version"):
        Calibration.from_json(json.dumps({"version": 2}).encode())


def test_rare_words_weigh_more_and_the_end_none() -> None:
    def hesitation(openness: list[float]) -> float:
        return signals_of([4, 900], [-1.0, -2.0, -0.5], openness, scene=[], unlike=0.2)["hesitation"]

    assert hesitation([9.0, 1.0, 9.0]) == pytest.approx(1.0, abs=0.01)
    assert hesitation([1.0, 9.0, 1.0]) == pytest.approx(9.0, abs=0.01)
    found = signals_of([4, 900], [-1.0, -2.0, -0.5], [1.0, 1.0, 1.0], scene=[0.5, -0.5], unlike=0.2, fit=0.3)
    assert found["score"] == pytest.approx(-3.5 / 3**0.6)
    assert {"scene_1": 0.5, "scene_2": -0.5, "unlike": 0.2, "fit": 0.3}.items() <= found.items()
    assert signals_of([], [-1.0], [0.7], scene=[], unlike=0.0)["hesitation"] == 0.7


def test_a_scene_is_measured_along_the_first_directions() -> None:
    gists = np.array([[4.0, -9.0, 1.0]], np.float32)
    assert scene_of(gists, np.array([1.0, 0, 0]), np.eye(3)).tolist() == [[1.0, -3.0, 1.0]]
    many = np.eye(40, dtype=np.float32)
    assert scene_of(many, np.zeros(40), many).shape == (40, SCENE)


def test_a_term_is_told_by_name() -> None:
    assert Term._fields == ("name", "mean", "scale", "low", "high", "weight")
    assert all(set(each) == set(Term._fields) for each in BODY["signals"])
