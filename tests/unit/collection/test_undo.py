"""History: undo of one change, of a bulk action and of a whole run, and what stands in its way."""

from __future__ import annotations

from pathlib import Path

import pytest

from mezzetin.collection import bulk, history, people, pictures, queue, runs, texts
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter
from mezzetin.collection.rows import Sighting
from mezzetin.errors import InputError
from tests.unit.collection.making import ANNA, BEN, SMALL, filled, put, said


def state(collection: Collection) -> list[tuple[object, ...]]:
    return [
        (
            text.id,
            text.status,
            text.text,
            text.machine_text,
            text.confidence,
            text.alternatives,
            text.tokens,
            text.model,
        )
        for one in (1, 2, 3)
        for text in texts.of_picture(collection, one)
    ]


def test_each_verb_is_undone_to_the_last_column(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite") as collection:
        put(collection, 1, said("rain\0fall", signature="s2"))
        before = state(collection)
        people.edit(collection, ANNA, 1, "Mine\0.", version=2)
        people.reject(collection, ANNA, 2, version=1)
        people.delete(collection, ANNA, 3, version=1)
        assert state(collection) != before
        for change in history.latest(collection, 3):
            history.undo(collection, BEN, change.id)
        assert state(collection) == before
        newest = history.latest(collection, 1)[0]
        assert (newest.who, newest.verb, newest.by_person) == ("ben", "undo", True)
        assert newest.undoes_change is not None


def test_an_undo_is_undone(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite") as collection:
        people.approve(collection, ANNA, 1, version=1)
        history.undo(collection, ANNA, history.latest(collection, 1)[0].id)
        again = history.undo(collection, ANNA, history.latest(collection, 1)[0].id)
        assert again.status == "approved"


def test_an_older_change_is_not_undone_under_a_newer_one(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite") as collection:
        people.edit(collection, ANNA, 1, "First.", version=1)
        first = history.latest(collection, 1)[0]
        people.edit(collection, BEN, 1, "Second.", version=2)
        with pytest.raises(Conflict, match="ben has changed") as caught:
            history.undo(collection, ANNA, first.id)
        assert caught.value.current is not None
        assert caught.value.current.text == "Second."
        with pytest.raises(InputError, match="no change 99"):
            history.undo(collection, ANNA, 99)


def test_a_bulk_action_is_seen_made_and_undone(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite") as collection:
        before = state(collection)
        wanted = Filter(min_confidence=0.4)
        seen = bulk.preview(collection, wanted, "approve")
        assert (seen.count, [item.text.id for item in seen.examples]) == (2, [2, 3])
        people.edit(collection, BEN, 2, "Ben was quicker.", version=1)
        run = bulk.apply(collection, ANNA, wanted, "approve", upto=seen.upto)
        assert (run.state, run.done) == ("done", 1)
        assert queue.statuses(collection) == {"machine": 1, "edited": 1, "approved": 1}
        undone = history.undo_run(collection, ANNA, run.id)
        assert (undone.changed, undone.skipped) == (1, 0)
        assert [row for row in state(collection) if row[0] != 2] == [row for row in before if row[0] != 2]
        with pytest.raises(InputError, match="undone already"):
            history.undo_run(collection, ANNA, run.id)
        history.undo_run(collection, ANNA, undone.run)
        assert queue.statuses(collection)["approved"] == 1
        assert (one := runs.get(collection, run.id))
        assert one.state == "done"


def test_a_run_is_not_undone_over_a_persons_later_word(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite") as collection:
        run = bulk.apply(collection, ANNA, Filter(), "approve")
        people.edit(collection, BEN, 2, "Better.", version=2)
        with pytest.raises(Conflict, match="1 of its texts have changed"):
            history.undo_run(collection, ANNA, run.id)
        assert queue.statuses(collection) == {"approved": 2, "edited": 1}
        undone = history.undo_run(collection, ANNA, run.id, skip_changed=True)
        assert (undone.changed, undone.skipped) == (2, 1)
        assert queue.statuses(collection) == {"machine": 2, "edited": 1}


def test_a_whole_collect_is_undone_and_its_pictures_wait_again(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite") as collection:
        run = runs.start(collection, "collect", "small", model="small")
        with collection.writing(SMALL, "collect", run.id) as writing:
            texts.put_machine(writing, 1, said("newer", signature="s2"))
            seen = pictures.see(writing, Sighting("folder", "/p/9.jpg"))
            assert seen.id is not None
            texts.put_machine(writing, seen.id, said("only"))
            runs.advance(writing, done=2)
        runs.finish(collection, run.id)
        assert [change.new_text for change in history.of_run(collection, run.id)] == ["newer", "only"]
        history.undo_run(collection, ANNA, run.id)
        first = texts.get(collection, 1)
        assert first is not None
        assert (first.text, first.signature) == ("a dog 1", "s1")
        assert texts.of_picture(collection, seen.id) == []
        assert pictures.counts(collection) == {"done": 3, "pending": 1}
        assert put(collection, seen.id, said("again")) == "written"


def test_what_another_text_replaced_does_not_come_back(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 1) as collection:
        people.reject(collection, ANNA, 1, version=1)
        rejection = history.latest(collection, 1)[0]
        put(collection, 1, said("a cat", signature="s2"))
        with pytest.raises(Conflict, match="taken the place"):
            history.undo(collection, ANNA, rejection.id)
        with pytest.raises(Conflict, match="taken the place"):
            people.approve(collection, ANNA, 1, version=2)
