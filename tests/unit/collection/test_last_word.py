"""A person's word is never overwritten by a machine, whatever the order and whatever code writes."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mezzetin.collection import bulk, history, people, texts
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.opening import Collection, connect
from mezzetin.collection.queue import Filter
from mezzetin.errors import InputError
from tests.unit.collection.making import ANNA, BEN, SMALL, filled, put, said

HELD = ("edited", "approved", "sampled", "rejected", "deleted")
WORDS = st.sampled_from(["a dog", "a cat", "two men", "rain\0fall", "ein Hund"])
SOURCES = st.sampled_from(["small", "large"])


class Curators(RuleBasedStateMachine):
    """Two people and two captioners on one picture; `held` is what people left, by text."""

    #: Where its files lie: in the tests' folder, which may be one in memory, since each act waits for the disk.
    place: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=self.place)
        self.held: dict[int, tuple[str, str | None, int]] = {}

    @initialize()
    def begin(self) -> None:
        self.collection = filled(Path(self.folder.name) / "c.sqlite", 1)

    def teardown(self) -> None:
        if hasattr(self, "collection"):
            self.collection.close()
        self.folder.cleanup()

    def texts(self) -> list[tuple[int, str, str | None, int]]:
        rows = self.collection.rows("SELECT id, status, text, version FROM texts")
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def note(self) -> None:
        """What people have left is what stands right after they acted."""
        self.held = {one: (status, text, version) for one, status, text, version in self.texts() if status in HELD}

    @rule(words=WORDS, source=SOURCES, signature=st.sampled_from(["s1", "s2"]))
    def machine_speaks(self, words: str, source: str, signature: str) -> None:
        put(self.collection, 1, said(words, source=source, signature=signature))

    @rule(words=WORDS, number=st.integers(0, 5))
    def machine_is_rude(self, words: str, number: int) -> None:
        """Code that does not ask first is stopped by the schema, or writes over a machine's text alone."""
        with self.collection.alone() as connection:
            connection.execute("BEGIN")
            act = connection.execute(
                "INSERT INTO acts (at, who, who_is, verb) VALUES ('now', 'rude', 'machine', 'x')"
            ).lastrowid
            rows = self.texts()
            one = rows[number % len(rows)]
            try:
                connection.execute(
                    "UPDATE OR REPLACE texts SET text = ?, status = 'machine', version = version + 1, act_id = ?"
                    " WHERE id = ?",
                    (words, act, one[0]),
                )
            except sqlite3.IntegrityError:
                assert one[1] != "machine" or any(row[1] in ("deleted", "rejected") for row in rows)
            else:
                assert one[1] == "machine"
            connection.execute("COMMIT")

    @rule(words=WORDS, source=SOURCES)
    def machine_replaces(self, words: str, source: str) -> None:
        with self.collection.alone() as connection:
            connection.execute("BEGIN")
            act = connection.execute(
                "INSERT INTO acts (at, who, who_is, verb) VALUES ('now', 'rude', 'machine', 'x')"
            ).lastrowid
            with suppress(sqlite3.IntegrityError):
                connection.execute(
                    "INSERT OR REPLACE INTO texts (picture_id, kind, lang, source, status, text, act_id)"
                    " VALUES (1, 'alt', 'en', ?, 'machine', ?, ?)",
                    (source, words, act),
                )
            connection.execute("COMMIT")

    @rule(verb=st.sampled_from(["approve", "reject", "delete", "edit"]), number=st.integers(0, 5), words=WORDS)
    def person_decides(self, verb: str, number: int, words: str) -> None:
        rows = [row for row in self.texts() if row[1] != "withdrawn"]
        if not rows:
            return
        one = rows[number % len(rows)]
        try:
            if verb == "edit":
                assert people.edit(self.collection, ANNA, one[0], words, version=one[3]).text == words
            else:
                getattr(people, verb)(self.collection, BEN, one[0], version=one[3])
        except Conflict:
            assert one[1] == "rejected"
        except InputError:
            assert one[2] is None
        self.note()

    @rule(words=WORDS)
    def person_writes(self, words: str) -> None:
        try:
            people.write(self.collection, ANNA, 1, words)
        except Conflict as conflict:
            assert conflict.current is not None
        self.note()

    @rule(verb=st.sampled_from(["approve", "sample"]))
    def people_decide_on_many(self, verb: str) -> None:
        bulk.apply(self.collection, ANNA, Filter(chosen_only=False), verb)
        self.note()

    @rule(back=st.integers(0, 3))
    def person_undoes(self, back: int) -> None:
        changes = history.latest(self.collection, limit=4)
        change = changes[back % len(changes)]
        with suppress(Conflict):
            history.undo(self.collection, BEN, change.id)
        self.note()

    @invariant()
    def people_have_the_last_word(self) -> None:
        if not hasattr(self, "collection"):
            return
        now = {one: (status, text, version) for one, status, text, version in self.texts()}
        for one, left in self.held.items():
            assert now.get(one) == left
        chosen = texts.chosen(self.collection, 1)
        statuses = [status for status, _, _ in now.values()]
        if "edited" in statuses or "approved" in statuses:
            assert chosen is not None
            assert chosen.status in ("edited", "approved")
        elif "deleted" in statuses:
            assert chosen is None
        else:
            assert chosen is None or chosen.status in ("sampled", "machine")

    @invariant()
    def history_tells_it_all(self) -> None:
        if not hasattr(self, "collection"):
            return
        for one, status, text, version in self.texts():
            changes = list(history.of_text(self.collection, one))
            assert [change.version for change in changes] == list(range(1, version + 1))
            assert (changes[-1].new_status, changes[-1].new_text) == (status, text)
            for before, after in pairwise(changes):
                assert (before.new_status, before.new_text) == (after.old_status, after.old_text)


def test_a_persons_word_stays_whatever_the_order(tmp_path: Path) -> None:
    Curators.place = tmp_path
    run_state_machine_as_test(
        Curators,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE texts SET text = 'x'",
        "UPDATE texts SET text = 'x', version = version + 1",
        "UPDATE texts SET text = 'x', version = version + 1, act_id = 1",
        "DELETE FROM texts",
        "DELETE FROM pictures",
        "DELETE FROM history",
        "UPDATE history SET new_text = 'x'",
        "INSERT OR REPLACE INTO history (id, picture_id, text_id, act_id, version, new_status) "
        "VALUES (1, 1, 1, 1, 1, 'x')",
        "UPDATE acts SET who = 'x'",
        "DELETE FROM acts",
        "INSERT OR REPLACE INTO acts VALUES (1, 'now', 'x', 'person', 'x', NULL, NULL, NULL)",
        "INSERT OR REPLACE INTO pictures (id, source, uri, first_seen, last_seen) VALUES (1, 's', 'u', 'n', 'n')",
        "UPDATE OR REPLACE pictures SET uri = '/p/2.jpg' WHERE id = 1",
    ],
)
def test_a_stranger_with_sqlite3_is_refused(tmp_path: Path, statement: str) -> None:
    with filled(tmp_path / "c.sqlite") as collection:
        people.approve(collection, ANNA, 1, version=1)
    connection = sqlite3.connect(tmp_path / "c.sqlite")
    connection.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()


def test_a_rejected_text_makes_room_for_another_model_but_not_for_the_same_words(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 1) as collection:
        people.reject(collection, ANNA, 1, version=1)
        assert put(collection, 1, said("a dog 1", signature="s2")) == "kept"
        assert put(collection, 1, said("a cat", signature="s1")) == "kept"
        assert put(collection, 1, said("a dog 1", source="large")) == "kept"
        assert put(collection, 1, said("a cat", signature="s2")) == "written"
        assert [text.status for text in texts.of_picture(collection, 1)] == ["machine", "rejected"]


def test_a_deletion_silences_every_captioner_of_the_language(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 1) as collection:
        people.delete(collection, ANNA, 1, version=1)
        assert put(collection, 1, said("anything", source="new")) == "kept"
        assert texts.chosen(collection, 1) is None
        assert put(collection, 1, said("ein Hund", lang="de")) == "written"


def test_somebody_was_quicker(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 1) as collection:
        people.edit(collection, ANNA, 1, "A black dog.", version=1)
        with pytest.raises(Conflict, match="anna has changed") as caught:
            people.approve(collection, BEN, 1, version=1)
        assert caught.value.current is not None
        assert caught.value.current.text == "A black dog."
        assert caught.value.current.machine_text == "a dog 1"


def test_only_people_decide(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 1) as collection:
        with pytest.raises(InputError, match="only a person"):
            people.approve(collection, SMALL, 1, version=1)
        with collection.writing(ANNA, "collect") as writing, pytest.raises(InputError, match="by a machine"):
            texts.put_machine(writing, 1, said("x"))


def test_what_the_museum_gave_is_renewed_until_a_person_speaks(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 1) as collection:
        outcomes = []
        for words in ("Old words", "New words", "New words"):
            with collection.writing(SMALL, "import") as writing:
                outcomes.append(texts.put_given(writing, 1, words, lang="en"))
        assert outcomes == ["written", "written", "same"]
        given = texts.chosen(collection, 1)
        assert given is not None
        assert (given.status, given.source, given.version) == ("given", "museum", 2)
        people.edit(collection, ANNA, given.id, "My words", version=2)
        with collection.writing(SMALL, "import") as writing:
            assert texts.put_given(writing, 1, "Third words", lang="en") == "kept"


def test_connections_have_the_same_settings(tmp_path: Path) -> None:
    filled(tmp_path / "c.sqlite", 1).close()
    connection = connect(tmp_path / "c.sqlite")
    for name, value in (("foreign_keys", 1), ("secure_delete", 1), ("recursive_triggers", 1)):
        assert connection.execute(f"PRAGMA {name}").fetchone()[0] == value
    connection.close()
    with Collection.open(tmp_path / "c.sqlite") as collection:
        assert (one := collection.one("PRAGMA journal_mode"))
        assert one[0] == "wal"
