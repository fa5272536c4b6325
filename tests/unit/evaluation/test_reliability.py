"""What confidence is worth: known answers for made-up confidences, whatever the order of the pictures."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from mezzetin.evaluation.findings import Reliability
from mezzetin.evaluation.judged import Judged, Material
from mezzetin.evaluation.reliability import reliability
from mezzetin.metrics.acceptability import human_median

PEOPLE = [[["a", "dog", "runs", "fast"], ["a", "dog", "runs"]], [["a", "cat", "sits"], ["the", "cat", "sits", "there"]]]
BAR = human_median(PEOPLE * 1500) or 0.0


def material(confidence: list[float | None], cider: list[float]) -> Material:
    """Pictures with this CIDEr-D, in units of the bar."""
    references = [PEOPLE[number % 2] for number in range(len(cider))]
    pictures = tuple(Judged(str(n), "x", ("a", "b"), sure) for n, sure in enumerate(confidence))
    bar = human_median(references) or 0.0
    return Material(pictures, [["x"]] * len(cider), references, np.array(cider) * bar)


def measured(confidence: list[float], cider: list[float], resamples: int = 100) -> Reliability:
    found = reliability(material(list(confidence), cider), resamples=resamples)
    assert found is not None
    return found


def drawn(count: int, seed: int, *, overstated: float = 0.0) -> tuple[list[float], list[float]]:
    """Confidences that are right, but for what is `overstated`, and captions that are as good as those say."""
    random = np.random.default_rng(seed)
    true = random.uniform(0, 0.8, count)
    good = random.random(count) < true
    return (true + overstated).tolist(), np.where(good, 1 + random.random(count), true * random.random(count)).tolist()


def test_confidence_that_is_right_has_hardly_an_error() -> None:
    found = measured(*drawn(3000, 1), resamples=50)
    # As much as chance makes of 300 pictures a bin.
    assert found.error.value < 0.03
    assert found.human_median == pytest.approx(BAR)
    assert found.acceptable.value == pytest.approx(0.4, abs=0.03)


def test_confidence_that_is_overstated_has_that_error() -> None:
    found = measured(*drawn(3000, 2, overstated=0.2), resamples=50)
    assert found.error.value == pytest.approx(0.2, abs=0.03)
    assert found.error.low < 0.2 < found.error.high


def test_an_interval_holds_its_value() -> None:
    for seed in range(5):
        found = measured(*drawn(300, seed))
        for each in (found.error, found.auroc, found.acceptable, found.lowest_fifth):
            assert each.low <= each.value <= each.high


@pytest.mark.parametrize(
    ("confidence", "auroc"),
    [([0.9, 0.8, 0.2, 0.1], 1.0), ([0.1, 0.2, 0.8, 0.9], 0.0), ([0.5] * 4, 0.5), ([0.9, 0.1, 0.5, 0.0], 0.75)],
)
def test_auroc_is_the_share_of_pairs_that_are_sorted(confidence: list[float], auroc: float) -> None:
    assert measured(confidence, [2.0, 2.0, 0.5, 0.5]).auroc.value == pytest.approx(auroc)


def test_one_confidence_for_all_is_judged_by_the_share_that_is_acceptable() -> None:
    found = measured([0.3] * 40, [2.0] * 20 + [0.1] * 20)
    assert found.error.value == pytest.approx(0.2)
    assert found.lowest_fifth.value == pytest.approx(0.2)
    assert [each.acceptable.value for each in found.bins] == pytest.approx([0.5] * 10)
    assert [(c.covered, c.risk) for c in found.coverage] == [(1.0, 0.5)]


def test_the_lowest_fifth_holds_the_bad_captions_or_does_not() -> None:
    cider = [0.01] * 10 + [0.5] * 40 + [2.0] * 50
    rising, falling = np.linspace(0.01, 0.9, 100).tolist(), np.linspace(0.9, 0.01, 100).tolist()
    assert measured(rising, cider).lowest_fifth.value == pytest.approx(1.0)
    assert measured(falling, cider).lowest_fifth.value == pytest.approx(0.0)
    # The ten worst of twenty equally bad ones: half of each.
    assert measured(rising, [0.01] * 10 + [2.0] * 80 + [0.01] * 10).lowest_fifth.value == pytest.approx(0.5)


def test_bins_and_coverage() -> None:
    found = measured(np.linspace(0, 0.99, 100).tolist(), [0.5] * 50 + [2.0] * 50)
    assert [each.images for each in found.bins] == [10] * 10
    assert [each.acceptable.value for each in found.bins] == [0.0] * 5 + [1.0] * 5
    assert (found.bins[0].low, found.bins[-1].high) == (0.0, 0.99)
    first, last = found.coverage[0], found.coverage[-1]
    assert (first.covered, first.risk) == (1.0, 0.5) and last.risk == 0 and last.covered < 0.05
    assert [c.threshold for c in found.coverage] == sorted(c.threshold for c in found.coverage)
    assert [c.covered for c in found.coverage] == sorted((c.covered for c in found.coverage), reverse=True)


def test_the_order_of_the_pictures_does_not_matter() -> None:
    random = np.random.default_rng(4)
    confidence, cider = (random.integers(0, 6, 90) / 6).tolist(), (random.integers(0, 20, 90) / 10).tolist()
    order = random.permutation(90)
    one = measured(confidence, cider)
    other = measured([confidence[n] for n in order], [cider[n] for n in order])
    for name in ("acceptable", "error", "auroc", "lowest_fifth"):
        assert getattr(one, name).value == pytest.approx(getattr(other, name).value)
    assert [each.acceptable.value for each in one.bins] == pytest.approx([b.acceptable.value for b in other.bins])
    assert one.coverage == other.coverage


def test_what_cannot_be_measured_is_none() -> None:
    assert reliability(material([None, None], [2.0, 0.1])) is None
    assert reliability(material([0.5, 0.4], [2.0, 2.0])) is None
    assert reliability(material([0.5, 0.4], [0.1, 0.2])) is None
    alone = material([0.5, 0.4], [2.0, 0.1])
    one_each = Material(alone.pictures, alone.hypotheses, [people[:1] for people in alone.references], alone.cider)
    assert reliability(one_each) is None


def test_pictures_without_confidence_are_left_out() -> None:
    found = reliability(material([0.9, None, 0.1, None, 0.2], [2.0, 0.1, 0.1, 2.0, 0.2]), resamples=50)
    assert found is not None
    assert sum(each.images for each in found.bins) == 3
    assert found.acceptable.value == pytest.approx(1 / 3)


def test_few_pictures_and_json() -> None:
    found = measured([0.9, 0.1], [2.0, 0.1])
    assert json.loads(json.dumps(asdict(found)))["auroc"]["value"] == 1
