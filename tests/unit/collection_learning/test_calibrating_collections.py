"""Confidence from people's decisions: what counts, how sure it is then, and what is refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from mezzetin import api
from mezzetin.bundle import Bundle
from mezzetin.collection import bulk, history, people, sampling, texts
from mezzetin.collection.curves import expected_error, fit_curve, odds, weights_of
from mezzetin.collection.decisions import decisions
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter
from mezzetin.errors import InputError
from mezzetin.registry.reference import find_model
from tests.unit.collection_learning.filling import ANNA, filled

SIGNATURE = find_model(None).info.signature


def decide(collection: Collection, first: int, last: int, seed: int = 1) -> None:
    """Anna approves and rejects: a text with confidence c is acceptable c * c of the time."""
    drawn = random.Random(seed)
    for number in range(first, last + 1):
        text = texts.get(collection, number)
        assert text is not None
        assert text.confidence is not None
        verb = people.approve if drawn.random() < text.confidence**2 else people.reject
        verb(collection, ANNA, number, version=text.version)


def test_what_people_decided_becomes_labels(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 12) as collection:
        people.approve(collection, ANNA, 1, version=1)
        people.reject(collection, ANNA, 2, version=1)
        people.edit(collection, ANNA, 3, "A large dog 3.", version=1)
        people.edit(collection, ANNA, 4, "Three boats on the river at night.", version=1)
        people.delete(collection, ANNA, 5, version=1)
        bulk.apply(collection, ANNA, Filter(words="dog 6"), "approve")
        sample = sampling.draw(collection, ANNA, Filter(words="dog 7"), 1)
        sampling.judge(collection, ANNA, sample.id, 7, "not", version=1)
        found = [(one.picture_id, one.label, one.weight) for one in decisions(collection, "s1")]
        assert found == [(1, 1.0, 0.5), (2, 0.0, 0.5), (3, 0.5, 0.5), (4, 0.0, 0.5), (7, 0.0, 1.0)]
        assert list(decisions(collection, "another")) == []


def test_confidence_is_fitted_and_texts_get_it(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with filled(path, 900, signature=SIGNATURE) as collection:
        decide(collection, 1, 600)
    found = api.calibrate(path, tmp_path / "bundle", rescore_texts=True)
    assert found.decisions == 600
    assert found.error_before is not None
    # c against c * c is off by a sixth on average; the curve of two numbers leaves little of it.
    assert found.error_before[1] > 0.1
    assert found.error_after[0] < 0.06 < found.error_before[0]
    bundle = Bundle.open(tmp_path / "bundle")
    old = find_model(None)
    assert bundle.digest != old.digest
    assert bundle.calibration is not None
    assert old.calibration is not None
    assert bundle.calibration.terms == old.calibration.terms
    assert bundle.manifest["provenance"]["calibrated"]["decisions"] == 600
    assert found.run is not None
    with Collection.open(path) as collection:
        changed = list(history.of_run(collection, found.run))
        assert len(changed) == 300 == found.rescored
        for number in (700, 800, 900):
            text = texts.get(collection, number)
            before = collection.one(
                "SELECT before ->> 'confidence' FROM history WHERE text_id = ? AND version = 2", (number,)
            )
            assert text is not None
            assert text.confidence is not None
            assert before is not None
            assert text.confidence == pytest.approx(before[0] ** 2, abs=0.12)
            assert text.signature == bundle.info.signature
        history.undo_run(collection, ANNA, found.run)
        again = texts.get(collection, 700)
        assert again is not None
        assert again.signature == SIGNATURE


def test_the_curve_undoes_what_was_made_of_strange_pictures() -> None:
    # A bundle that is right already stays as it is, whatever was taken away for strangeness.
    drawn = np.random.default_rng(1)
    bare, doubt = drawn.uniform(0.05, 0.95, 4000), drawn.choice([1.0, 0.5], 4000)
    labels = (drawn.random(4000) < bare).astype(float)
    fit = fit_curve(odds(bare * doubt, doubt), labels, np.ones(4000))
    assert fit.offset == pytest.approx(0, abs=0.1)
    assert fit.slope == pytest.approx(1, abs=0.1)
    upside_down = fit_curve(odds(bare, np.ones(4000)), 1 - labels, np.ones(4000))
    assert upside_down.slope == 0


def test_the_least_certain_first_is_weighted_to_the_whole() -> None:
    drawn = np.random.default_rng(2)
    everything = drawn.uniform(0, 1, 5000)
    queue = np.concatenate([drawn.uniform(0, 0.3, 400), drawn.uniform(0.3, 1, 100)])
    weights = weights_of(queue, everything)
    assert np.average(queue < 0.3, weights=weights) == pytest.approx(0.3, abs=0.05)
    error, low, high = expected_error(queue, (drawn.random(500) < queue).astype(float), weights)
    assert low <= error <= high < 0.2


def test_too_little_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with filled(path, 120, signature=SIGNATURE) as collection:
        decide(collection, 1, 99)
        with pytest.raises(InputError, match="100 are needed"):
            api.calibrate(path, tmp_path / "bundle")
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="there already"):
        api.calibrate(path, tmp_path / "there")
    with filled(tmp_path / "alike.sqlite", 120, signature=SIGNATURE) as collection:
        for number in range(1, 121):
            people.approve(collection, ANNA, number, version=1)
    with pytest.raises(InputError, match="alike"):
        api.calibrate(tmp_path / "alike.sqlite", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
