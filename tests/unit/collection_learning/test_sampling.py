"""Approval by sample: what counts, who said what, and what is approved in the end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mezzetin.collection import banding, history, people, runs, sampling, texts
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.forgetting import forget
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter, statuses
from mezzetin.collection.sampling import Sample
from mezzetin.errors import InputError
from tests.unit.collection_learning.filling import ANNA, BEN, SMALL, filled, rewrite

BAND = Filter(min_confidence=0.5)


def judge_all(collection: Collection, sample: Sample, bad: int = 0) -> None:
    """Anna judges what is left; the first `bad` of the lot are not acceptable."""
    while (found := sampling.to_judge(collection, sample.id)) is not None:
        text = texts.get(collection, found.text_id)
        assert text is not None
        verdict: sampling.Verdict = "not" if found.place <= bad else "acceptable"
        sampling.judge(collection, ANNA, sample.id, found.text_id, verdict, version=text.version)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return filled(tmp_path / "c.sqlite", 300)


def test_a_band_is_judged_and_approved_and_taken_back(collection: Collection) -> None:
    sample = sampling.draw(collection, ANNA, BAND, 40, seed=1)
    inside = statuses(collection)["machine"]
    assert sample.size == 40
    assert 100 < sample.population < inside
    with pytest.raises(InputError, match="40 of the 40"):
        banding.apply(collection, BEN, sample.id)
    judge_all(collection, sample, bad=4)
    found = sampling.estimate(collection, sample.id)
    assert (found.judged, found.good, found.share, found.left) == (40, 36, 0.9, 0)
    assert found.low is not None
    assert found.high is not None
    assert found.sentence.startswith(f"of {sample.population:,} captions above 0.5, 90 % (")
    with pytest.raises(InputError, match="99%"):
        banding.apply(collection, BEN, sample.id, least=0.99)
    run = banding.apply(collection, BEN, sample.id, least=0.5)
    assert (run.state, run.done) == ("done", sample.population)
    assert statuses(collection) == {
        "approved": 36,
        "rejected": 4,
        "sampled": sample.population - 40,
        "machine": inside - sample.population,
    }
    # Nobody is said to have read what nobody read, and who judged is said.
    by = Counter((change.new_status, change.who) for change in history.of_run(collection, run.id))
    assert by == {("approved", "anna"): 36, ("rejected", "anna"): 4, ("sampled", "ben"): sample.population - 40}
    assert sampling.estimate(collection, sample.id) == found
    with pytest.raises(InputError, match="applied"):
        banding.apply(collection, BEN, sample.id)
    history.undo_run(collection, BEN, run.id)
    assert statuses(collection) == {"machine": inside}
    again = sampling.get(collection, sample.id)
    assert again is not None
    assert again.state == "open"
    assert banding.apply(collection, BEN, sample.id).done == sample.population


def test_a_lot_is_fair_and_its_seed_draws_it_again(collection: Collection) -> None:
    first, second, other = (sampling.draw(collection, ANNA, BAND, 20, seed=seed) for seed in (7, 7, 8))
    lots = [[each.text_id for each in sampling.drawn(collection, one.id)] for one in (first, second, other)]
    assert lots[0] == lots[1] != lots[2]
    drawn = Counter(
        each.text_id
        for seed in range(60)
        for each in sampling.drawn(collection, sampling.draw(collection, ANNA, Filter(), 150, seed=seed).id)
    )
    # Each of 300 is drawn 30 times of 60, give or take: six standard deviations are 23.
    assert len(drawn) == 300
    assert 7 < min(drawn.values()) < max(drawn.values()) < 53


def test_what_changed_is_not_judged_nor_approved(collection: Collection) -> None:
    sample = sampling.draw(collection, ANNA, BAND, 30, seed=2)
    lot = list(sampling.drawn(collection, sample.id))
    rewrite(collection, lot[0].picture_id, "A cat.")
    text = texts.get(collection, lot[1].text_id)
    assert text is not None
    edited = people.edit(collection, BEN, text.id, "Two dogs.", version=text.version)
    with pytest.raises(Conflict):
        sampling.judge(collection, ANNA, sample.id, edited.id, "acceptable", version=edited.version)
    found = sampling.estimate(collection, sample.id)
    assert (found.population, found.drawn) == (sample.population - 2, 28)
    judge_all(collection, sample)
    # A verdict is on the words of the draw: what becomes of them later does not take it away.
    rewrite(collection, lot[2].picture_id, "A cow.")
    assert sampling.estimate(collection, sample.id).judged == 28
    banding.apply(collection, ANNA, sample.id)
    now = [texts.get(collection, each.text_id) for each in lot[:3]]
    assert [one.status for one in now if one] == ["machine", "edited", "machine"]
    assert [one.text for one in now if one] == ["A cat.", "Two dogs.", "A cow."]


def test_new_texts_of_a_band_are_not_in_it(collection: Collection) -> None:
    sample = sampling.draw(collection, ANNA, BAND, 10, seed=1)
    low = next(iter(collection.rows("SELECT picture_id FROM texts WHERE confidence < 0.5")))["picture_id"]
    rewrite(collection, low, "A surer dog.")
    judge_all(collection, sample)
    assert banding.apply(collection, ANNA, sample.id).done == sample.population


def test_two_people_judge_and_the_stricter_counts(collection: Collection) -> None:
    sample = sampling.draw(collection, ANNA, BAND, 3, seed=4)
    judge_all(collection, sample)
    lot = [each.text_id for each in sampling.drawn(collection, sample.id)]
    for text_id, verdict in zip(lot[:2], ("acceptable", "not"), strict=True):
        sampling.judge(collection, BEN, sample.id, text_id, verdict, version=1)  # type: ignore[arg-type]
    left = sampling.to_judge(collection, sample.id, "ben")
    assert left is not None
    assert left.text_id == lot[2]
    found = sampling.estimate(collection, sample.id)
    assert (found.good, found.twice, found.agreed) == (2, 2, 1)
    run = banding.apply(collection, ANNA, sample.id)
    rejected = [change.who for change in history.of_run(collection, run.id) if change.new_status == "rejected"]
    assert rejected == ["ben"]


def test_a_verdict_may_be_changed_or_taken_back(collection: Collection) -> None:
    sample = sampling.draw(collection, ANNA, BAND, 2, seed=4)
    judge_all(collection, sample)
    first = next(sampling.drawn(collection, sample.id)).text_id
    assert sampling.judge(collection, ANNA, sample.id, first, "not", version=1).verdict == "not"
    sampling.take_back(collection, ANNA, sample.id, first)
    assert sampling.estimate(collection, sample.id).left == 1
    assert sampling.drop(collection, ANNA, sample.id).state == "dropped"
    with pytest.raises(InputError, match="dropped"):
        sampling.judge(collection, ANNA, sample.id, first, "not", version=1)


def test_a_run_that_was_killed_goes_on(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sampling.draw(collection, ANNA, Filter(), 20, seed=4)
    judge_all(collection, sample)
    monkeypatch.setattr(banding, "_PIECE", 50)

    def killed(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        banding.apply(collection, BEN, sample.id, report=killed)
    assert 0 < statuses(collection)["sampled"] < 60
    run = banding.apply(collection, BEN, sample.id)
    assert (run.state, run.done) == ("done", 300)
    assert statuses(collection) == {"approved": 20, "sampled": 280}
    assert [one.kind for one in runs.latest(collection)] == ["band"]


def test_what_was_forgotten_leaves_no_trace(collection: Collection) -> None:
    sample = sampling.draw(collection, ANNA, BAND, 5, seed=4)
    judge_all(collection, sample)
    gone = next(sampling.drawn(collection, sample.id))
    forget(collection, ANNA, str(gone.picture_id))
    found = sampling.get(collection, sample.id)
    assert found is not None
    assert (found.size, found.population) == (4, sample.population - 1)
    assert sampling.estimate(collection, sample.id).judged == 4


def test_what_can_not_be_is_refused(collection: Collection) -> None:
    for wanted, size, why in (
        (Filter(words="no such dog"), 5, "no machine text"),
        (Filter(statuses=("approved",)), 5, "machine alone"),
        (BAND, 0, "1 or more"),
    ):
        with pytest.raises(InputError, match=why):
            sampling.draw(collection, ANNA, wanted, size)
    with pytest.raises(InputError, match="only a person"):
        sampling.draw(collection, SMALL, BAND, 5)
    assert sampling.samples(collection) == []
    with pytest.raises(InputError, match="no sample 9"):
        sampling.estimate(collection, 9)
