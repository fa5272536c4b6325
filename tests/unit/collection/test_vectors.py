"""Vectors of a collection: what is kept, in whose place, what goes with what it was made from."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.collection import forgetting, people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, MachineText, Sighting
from mezzetin.collection.vectors import (
    forget_space,
    packed,
    put_picture,
    put_text,
    spaces,
    unpacked,
    without,
    without_count,
    words_digest,
)

SMALL, ANNA = Actor.machine("small"), Actor.person("anna")
SPACE, SENTENCES = "picture:test", "sentence:test"
VECTOR = np.array([0.6, 0.0, -0.8], np.float32)
WRITING = """
import sys
import numpy as np
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor
from mezzetin.collection.vectors import put_picture

with Collection.open(sys.argv[1]) as collection:
    for number in (1, 2):
        with collection.writing(Actor.machine("small"), "index") as writing:
            put_picture(writing, number, "picture:test", np.ones(3, np.float32), None)
            if number == 2:
                print("half", flush=True)
                sys.stdin.read()
"""


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    """Three pictures, each with a text."""
    with Collection.open(tmp_path / "museum.sqlite", create=True) as opened:
        with opened.writing(SMALL, "collect") as writing:
            for number in (1, 2, 3):
                seen = pictures.see(writing, Sighting("north", f"/masters/{number}.jpg", sha256=f"{number:x}"))
                assert seen.id == number
                texts.put_machine(writing, number, MachineText(f"A dog number {number}.", "en", "small"))
        yield opened


def put(collection: Collection, *numbers: int, vector: np.ndarray[tuple[int], np.dtype[np.float32]] = VECTOR) -> None:
    with collection.writing(SMALL, "collect") as writing:
        for number in numbers:
            put_picture(writing, number, SPACE, vector, None)


@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=48).filter(lambda row: max(map(abs, row)) > 1)
)
def test_a_byte_a_dimension_keeps_the_direction(values: list[float]) -> None:
    vector = np.array(values, np.float32)
    back = unpacked(packed(vector))
    assert back.dtype == np.float32 and np.isclose(np.linalg.norm(back), 1, atol=1e-5)
    # A step is a 127th of the greatest component, so that no component is off by more than half of one.
    off = np.abs(packed(vector) - vector * (127 / np.abs(vector).max()))
    assert off.max() <= 0.5 + 1e-4


def test_a_vector_of_nothing_stays_finite() -> None:
    assert np.array_equal(unpacked(packed(np.zeros((2, 4), np.float32))), np.zeros((2, 4), np.float32))


@pytest.mark.parametrize("wrong", [np.ones((2, 3)), np.array([1.0, np.nan]), np.array([np.inf, 0.0])])
def test_what_is_no_vector_is_not_kept(
    collection: Collection, wrong: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> None:
    with pytest.raises(ValueError, match="one row of finite numbers"), collection.writing(SMALL, "collect") as writing:
        put_picture(writing, 1, SPACE, wrong, None)
    assert spaces(collection) == {}


def test_a_new_vector_takes_the_place_of_the_old(collection: Collection) -> None:
    put(collection, 1)
    first = collection.one("SELECT id FROM vectors")
    put(collection, 1, vector=-VECTOR)
    ((number, blob),) = [(row["id"], row["vector"]) for row in collection.rows("SELECT id, vector FROM vectors")]
    # An index beside the collection reads only what lies above the last number it saw.
    assert first is not None and number > first["id"]
    assert np.allclose(unpacked(np.frombuffer(blob, np.int8)), -VECTOR, atol=0.01)


def test_a_picture_and_its_texts_have_their_own(collection: Collection) -> None:
    put(collection, 1)
    with collection.writing(SMALL, "collect") as writing:
        for part in (0, 1, 0):
            put_text(writing, 1, 1, part, SENTENCES, VECTOR, words_digest("A dog number 1."))
    assert spaces(collection) == {SPACE: 1, SENTENCES: 2}
    with collection.writing(SMALL, "index") as writing:
        assert forget_space(writing, SENTENCES) == 2
    assert spaces(collection) == {SPACE: 1}


def test_what_has_none_yet(collection: Collection) -> None:
    put(collection, 2)
    with collection.writing(SMALL, "collect") as writing:
        writing.execute("UPDATE pictures SET status = 'gone' WHERE id = 3")
        put_text(writing, 1, 1, 0, SPACE, VECTOR, "")
    assert [picture.id for picture in without(collection, SPACE)] == [1]
    assert [picture.id for picture in without(collection, SPACE, after=1)] == []
    assert without_count(collection, SPACE) == 1 and without_count(collection, "picture:other") == 2


def test_forgetting_takes_the_vectors_along(collection: Collection) -> None:
    put(collection, 1, 2)
    forgetting.forget(collection, ANNA, "/masters/1.jpg")
    assert [row[0] for row in collection.rows("SELECT picture_id FROM vectors")] == [2]


def test_an_edit_leaves_no_vector_of_the_old_words(collection: Collection) -> None:
    with collection.writing(SMALL, "index") as writing:
        put_text(writing, 1, 1, 0, SENTENCES, VECTOR, words_digest("A dog number 1."))
    people.edit(collection, ANNA, 1, "A wolf.", version=1)
    kept = [row[0] for row in collection.rows("SELECT of FROM vectors WHERE text_id = 1")]
    assert words_digest("A dog number 1.") not in kept


@given(one=st.text(max_size=20), other=st.text(max_size=20))
def test_digests_tell_words_apart(one: str, other: str) -> None:
    assert (words_digest(one) == words_digest(other)) == (one == other)
    assert len(words_digest(one + "\ud800")) == 16


def test_killed_in_the_middle_of_a_transaction(collection: Collection) -> None:
    """What was ended before stays, what was under way is not there, and the next one goes on."""
    command = [sys.executable, "-c", WRITING, str(collection.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"half\n"
        assert [picture.id for picture in without(collection, SPACE)] == [2, 3]
        other.kill()
    assert [picture.id for picture in without(collection, SPACE)] == [2, 3]
    put(collection, 2, 3)
    assert without_count(collection, SPACE) == 0
    with sqlite3.connect(collection.path) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    plain.close()
