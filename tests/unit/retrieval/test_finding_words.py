"""Found by words: what counts, what people's decisions change at once, and what filters leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin.collection import forgetting, people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import MachineText, Sighting
from mezzetin.errors import InputError
from mezzetin.retrieval.filters import Filter
from mezzetin.retrieval.finder import Finder
from mezzetin.retrieval.notes import NO_CAPTIONER, NO_SENTENCES
from tests.unit.retrieval.museum import ANNA, DOG, HORSE, LETTER, LUTE, SMALL, ask, museum, numbers


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with museum(tmp_path / "museum.sqlite") as opened:
        yield opened


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("dog", [DOG]),
        ("a dog running", [DOG]),  # the stem counts, small words do not
        ("puppy", [DOG]),  # an alternative
        ("FIDO", [DOG]),  # a title
        ("animals", [DOG]),  # a tag
        ("blue hall", [HORSE]),  # another field of the record
        ("emile zola", [HORSE]),  # without its accent
        ("paard wei", [HORSE]),  # a text in another language
        ("M.2", [LUTE]),  # a record's number
        ("dog bench", []),  # all words must be there
        ('"horse stands"', [HORSE]),
        ('"stands horse"', []),
        ("zebra", []),
    ],
)
def test_what_words_find(collection: Collection, query: str, found: list[int]) -> None:
    assert ask(collection, query) == found


def test_what_people_vouch_for_comes_first(collection: Collection) -> None:
    people.edit(collection, ANNA, HORSE, "A horse beside a dog.", version=1)
    assert ask(collection, "dog") == [HORSE, DOG]


def test_a_decision_is_found_at_once(collection: Collection) -> None:
    with Finder.open(collection) as finder:
        assert numbers(finder.search("dog")) == [DOG]
        people.edit(collection, ANNA, DOG, "A wolf in a wood.", version=1)
        assert numbers(finder.search("wolf wood")) == [DOG]
        assert numbers(finder.search("grass")) == []
        people.reject(collection, ANNA, LETTER, version=1)
        assert numbers(finder.search("letter")) == []
        people.delete(collection, ANNA, HORSE, version=1)
        assert numbers(finder.search("stands field")) == []
        forgetting.forget(collection, ANNA, "/masters/2.jpg")
        assert numbers(finder.search("lute")) == []


def test_what_is_collected_meanwhile_is_found(collection: Collection) -> None:
    with Finder.open(collection) as finder:
        assert numbers(finder.search("zeppelin")) == []
        with collection.writing(SMALL, "collect") as writing:
            number = pictures.see(writing, Sighting("north", "/masters/5.jpg", sha256="5")).id
            assert number is not None
            texts.put_machine(writing, number, MachineText("A zeppelin above a town.", "en", "small"))
        assert numbers(finder.search("zeppelin")) == [number]


def test_a_picture_whose_file_is_gone_is_no_hit(collection: Collection) -> None:
    with collection.writing(SMALL, "collect") as writing:
        writing.execute("UPDATE pictures SET status = 'gone' WHERE id = ?", (DOG,))
    assert ask(collection, "dog") == []


def test_it_says_what_it_does_without(collection: Collection) -> None:
    with Finder.open(collection) as finder:
        found = finder.search("dog")
    assert found.signals == ("words",) and found.hits[0].why == ("words",)
    assert found.notes == (NO_SENTENCES, NO_CAPTIONER)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, {DOG, LUTE, HORSE, LETTER}),
        ({"statuses": ("approved",)}, {LUTE}),
        ({"statuses": ("approved", "given")}, {LUTE, HORSE}),
        ({"sources": ("south",)}, {HORSE, LETTER}),
        ({"artist": "hals"}, {LUTE, LETTER}),
        ({"licence": "cc0"}, {DOG}),
        ({"date_from": 1635, "date_to": 1645}, {LETTER}),
        ({"date_to": "1623"}, {LUTE}),
        ({"date_from": "1800"}, {HORSE}),
        ({"min_confidence": 0.8}, {DOG}),
        ({"max_confidence": 0.3}, {HORSE}),
        ({"lang": "nl"}, {HORSE}),
        ({"approved_only": True}, {LUTE, HORSE}),
        ({"with_restricted": False}, {DOG, LUTE, HORSE}),
        ({"record_ids": ("M.1", "M.3")}, {DOG, HORSE}),
        ({"artist": "hals", "with_restricted": False}, {LUTE}),
    ],
)
def test_filters(collection: Collection, wanted: dict[str, Any], found: set[int]) -> None:
    """Every picture has a word in common here: its number in the record begins with an M."""
    with Finder.open(collection) as finder:
        assert set(numbers(finder.search("M", filter=Filter(**wanted)))) == found


def test_a_filter_follows_decisions(collection: Collection) -> None:
    with Finder.open(collection) as finder:
        approved = Filter(statuses=("approved",))
        assert numbers(finder.search("dog", filter=approved)) == []
        people.approve(collection, ANNA, DOG, version=1)
        assert numbers(finder.search("dog", filter=approved)) == [DOG]


@pytest.mark.parametrize("wanted", [{"statuses": ("nice",)}, {"date_from": "yesterday"}])
def test_a_filter_that_means_nothing(wanted: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"choose among|write a year"):
        Filter(**wanted)


def test_pages(collection: Collection) -> None:
    with Finder.open(collection) as finder:
        whole = numbers(finder.search("M"))
        parts = [finder.search("M", limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [number for part in parts for number in numbers(part)] == whole
    assert [part.more for part in parts] == [True, False, False]


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 10_000}, {"offset": -1}, {"rerank": 51}])
def test_limits(collection: Collection, wrong: dict[str, Any]) -> None:
    with Finder.open(collection) as finder, pytest.raises(InputError, match="ask for less"):
        finder.search("dog", **wrong)


def test_an_empty_collection(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "new.sqlite", create=True) as empty:
        assert ask(empty, "dog") == []
        with Finder.open(empty) as finder, pytest.raises(InputError, match="there is no picture 1"):
            finder.like(1)
