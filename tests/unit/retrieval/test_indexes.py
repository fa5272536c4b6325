"""Nearest vectors: exact ones against brute force, a graph against exact ones, and files that are made anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.collection import forgetting
from mezzetin.collection.opening import Collection
from mezzetin.collection.vectors import derived_folder, packed, put_picture, unpacked
from mezzetin.retrieval import keeping
from mezzetin.retrieval.graph import GraphIndex
from mezzetin.retrieval.index import ExactIndex, highest
from mezzetin.retrieval.keeping import SpaceIndex
from tests.unit.retrieval.museum import ANNA, SMALL, directions, museum, with_vectors

SPACE = "picture:test"


@given(seed=st.integers(0, 1000), count=st.integers(1, 60), wanted=st.integers(1, 70), removed=st.integers(0, 59))
@settings(max_examples=40)
def test_the_exact_index_is_exact(seed: int, count: int, wanted: int, removed: int) -> None:
    rows, question = packed(directions(count, seed=seed)), directions(1, seed=seed + 1)[0]
    index, keys = ExactIndex(16), np.arange(1, count + 1)
    index.add(keys[: count // 2], keys[: count // 2], rows[: count // 2])
    index.add(keys[count // 2 :], keys[count // 2 :], rows[count // 2 :])
    index.remove(np.array([removed, 10_000]))
    cosines = unpacked(rows) @ question
    expected = [number for number in keys[np.argsort(-cosines, kind="stable")].tolist() if number != removed][:wanted]
    found = index.nearest(question, wanted)
    assert found.keys.tolist() == expected and found.pictures.tolist() == expected
    assert np.allclose(found.cosines, cosines[np.array(expected, int) - 1], atol=1e-6)
    assert index.size == count - (1 <= removed <= count)


def test_only_pictures_that_count_are_near() -> None:
    rows = packed(directions(50))
    index = ExactIndex(16)
    index.add(np.arange(50), np.arange(50), rows)
    among = np.zeros(40, np.bool_)
    among[[3, 7, 39]] = True
    assert set(index.nearest(directions(1)[0], 10, among).pictures.tolist()) == {3, 7, 39}
    assert not len(index.nearest(directions(1)[0], 10, np.zeros(0, np.bool_)).keys)


@given(scores=st.lists(st.integers(-3, 3), max_size=30), count=st.integers(1, 35))
def test_the_highest_come_in_order(scores: list[int], count: int) -> None:
    places = highest(np.array(scores, np.float32), count)
    assert [scores[at] for at in places] == sorted(scores, reverse=True)[:count]


def test_a_graph_finds_nearly_all_and_takes_in_and_out() -> None:
    pytest.importorskip("usearch")
    rows, questions = packed(directions(4000)), directions(50, seed=1)
    exact, graph, keys = ExactIndex(16), GraphIndex(16), np.arange(1, 4001)
    exact.add(keys, keys, rows)
    graph.grow(keys[:3500], keys[:3500], rows[:3500])
    graph.add(keys[3500:], keys[3500:], rows[3500:])
    assert graph.size == 4000 and graph.waiting == 500
    assert _recall(graph, exact, questions) >= 0.95
    gone = exact.nearest(questions[0], 5).keys
    for index in (exact, graph):
        index.remove(gone)
    assert not set(graph.nearest(questions[0], 50).keys.tolist()) & set(gone.tolist())
    graph.rebuild()
    assert graph.size == 3995 and graph.waiting == 0
    assert _recall(graph, exact, questions) >= 0.95
    few = np.zeros(4001, np.bool_)
    few[[5, 500, 3900]] = True
    assert graph.nearest(questions[1], 10, few).keys.tolist() == exact.nearest(questions[1], 10, few).keys.tolist()


def test_every_vector_of_a_graph_is_found_by_itself(tmp_path: Path) -> None:
    """Threads that insert at once leave some that no link leads to: about one in two hundred and fifty of these."""
    pytest.importorskip("usearch")
    rows, keys = directions(300), np.arange(1, 301)
    for turn in range(20):
        graph = GraphIndex(16)
        graph.grow(keys, keys, packed(rows))
        graph.merge()
        assert _not_itself(graph, rows) == []
        graph.save(tmp_path / f"{turn}.usearch")
        read = GraphIndex(16, tmp_path / f"{turn}.usearch")
        assert _not_itself(read, rows) == []
        assert len(set(read.nearest(rows[0], 300).keys.tolist())) == 300 == read.size
        read.remove(keys[:150])
        assert read.size == 150 and not set(read.nearest(rows[0], 300).keys.tolist()) & set(range(151))


def _not_itself(graph: GraphIndex, rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> list[int]:
    return [number for number, row in enumerate(rows, 1) if graph.nearest(row, 1).keys.tolist() != [number]]


def test_pictures_with_the_same_caption_are_all_found() -> None:
    pytest.importorskip("usearch")
    rows, keys = np.repeat(packed(directions(3)), 40, axis=0), np.arange(1, 121)
    graph = GraphIndex(16)
    graph.grow(keys, keys, rows)
    graph.merge()
    assert set(graph.nearest(directions(3)[1], 40).keys.tolist()) == set(range(41, 81))


def _recall(
    index: GraphIndex, exact: ExactIndex, questions: np.ndarray[tuple[int, int], np.dtype[np.float32]]
) -> float:
    found = [
        len(set(index.nearest(one, 10).keys.tolist()) & set(exact.nearest(one, 10).keys.tolist())) for one in questions
    ]
    return sum(found) / (10 * len(questions))


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with museum(tmp_path / "museum.sqlite") as opened:
        with_vectors(opened, SPACE, 300)
        yield opened


def opened(collection: Collection) -> SpaceIndex:
    index = SpaceIndex(collection, SPACE, exact_most=100)
    with collection.reading() as reader:
        index.renew(reader)
    return index


def _first(index: SpaceIndex) -> list[int]:
    return [int(number) for number in index.nearest(directions(300)[7], 3).pictures]


def test_a_large_index_lies_in_files_and_is_read_from_them(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("usearch")
    assert _first(opened(collection))[0] == 108
    folder = derived_folder(collection.path)
    assert {file.suffix for file in folder.iterdir()} == {".json", ".npz", ".usearch"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.glob("*.usearch"))
    monkeypatch.setattr(GraphIndex, "grow", lambda *_: pytest.fail("made anew"))
    assert _first(opened(collection))[0] == 108


def test_what_came_since_is_found_without_making_it_anew(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("usearch")
    index = opened(collection)
    monkeypatch.setattr(GraphIndex, "grow", lambda *_: pytest.fail("made anew"))
    with collection.writing(SMALL, "collect") as writing:
        put_picture(writing, 1, SPACE, directions(300)[7], None)
    with collection.reading() as reader:
        index.renew(reader)
    assert set(_first(index)[:2]) == {1, 108}
    assert set(_first(opened(collection))[:2]) == {1, 108}


def _cut(folder: Path) -> None:
    next(folder.glob("*.usearch")).write_bytes(b"short")


def _lie(folder: Path) -> None:
    (file,) = folder.glob("*.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"witnesses": {"1": "another"}}))


def _spoil(folder: Path) -> None:
    next(folder.glob("*.json")).write_bytes(b"\xff{")


def _lose(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize("harm", [_cut, _lie, _spoil, _lose])
def test_files_that_do_not_fit_are_made_anew(collection: Collection, harm: object) -> None:
    pytest.importorskip("usearch")
    opened(collection)
    assert callable(harm)
    harm(derived_folder(collection.path))
    assert _first(opened(collection))[0] == 108
    assert len(list(derived_folder(collection.path).glob("*.usearch"))) == 1


def test_a_vector_of_another_width_is_near_to_nothing(collection: Collection) -> None:
    assert not len(opened(collection).nearest(directions(1, dimensions=8)[0], 3).keys)


def test_without_usearch_every_vector_is_compared(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "has_graphs", lambda: False)
    index = opened(collection)
    assert index.size == 300 and _first(index)[0] == 108
    assert not derived_folder(collection.path).exists()


def test_forgetting_reaches_the_files(collection: Collection) -> None:
    opened(collection)
    with collection.reading() as reader:
        row = reader.one("SELECT uri FROM pictures WHERE id = 108")
    assert row is not None
    forgetting.forget(collection, ANNA, row["uri"])
    assert not list(derived_folder(collection.path).glob("*.usearch"))
    assert 108 not in _first(opened(collection))
