"""Anything at all is a query: what is read of it, and that no text breaks the search."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.collection.opening import Collection
from mezzetin.retrieval.finder import Finder
from mezzetin.retrieval.query import LONGEST, Query
from tests.unit.retrieval.museum import DOG, museum, numbers


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finder]:
    with museum(tmp_path_factory.mktemp("queries") / "museum.sqlite") as collection:
        yield Finder.open(collection)


@pytest.mark.parametrize(
    ("typed", "words", "phrases"),
    [
        ("A Dog on the grass", ("dog", "grass"), ()),
        ("the with of", ("the", "with", "of"), ()),
        ('"frans hals" dog', ("dog",), ("frans hals",)),
        ("\u201cfrans hals\u201d", (), ("frans hals",)),
        ('an unclosed "quote', ("unclosed", "quote"), ()),
        ("dog dog DOG", ("dog",), ()),
        ("title:dog AND NOT (cat*) OR -x ^y NEAR/2", ("title", "dog", "cat"), ()),
        ("", (), ()),
    ],
)
def test_what_is_read(typed: str, words: tuple[str, ...], phrases: tuple[str, ...]) -> None:
    query = Query.of(typed)
    assert set(words) <= set(query.words) and query.phrases == phrases
    assert all(word in typed.casefold() for word in query.words)


def test_a_long_query_is_cut_and_says_so(finder: Finder) -> None:
    long = "dog " * 10_000
    assert Query.of(long).cut and len(Query.of(long).text) <= LONGEST
    found = finder.search(long)
    assert numbers(found) == [DOG]
    assert any("only its beginning" in note for note in found.notes)
    assert not Query.of("dog " * 10).cut


@pytest.mark.parametrize(
    "typed",
    [
        'dog" OR "1"="1', "'; DROP TABLE words; --", "dog AND", "NEAR(", '"', '""""', "*", "-", "{a} : b",
        "title : dog", "dog\x00cat", "\x00", "\ud800", "dog \udfff", "🐕 dog", "\U0001f469\u200d\U0001f467",
        "\u202e gpj", "%", "_", "\\", "\n\t", "a" * 5000, " ".join(f"w{number}" for number in range(10_000)), "¿?",
        "狗", "كلب",
    ],
)  # fmt: skip
def test_hostile_queries_are_answered(finder: Finder, typed: str) -> None:
    found = finder.search(typed)
    assert set(numbers(found)) <= {1, 2, 3, 4}
    assert numbers(finder.search("dog")) == [DOG]


@given(typed=st.text(max_size=60) | st.text(alphabet='"*()-:^{} ANDORNEARdog', max_size=60))
def test_any_text_is_a_query(finder: Finder, typed: str) -> None:
    assert len(finder.search(typed).hits) <= 4


@given(typed=st.text(max_size=60))
def test_the_words_of_a_record_find_it(finder: Finder, typed: str) -> None:
    """Whatever stands around the title in the query, in quotes or not, only more words narrow it down."""
    found = numbers(finder.search(f'"The Lute Player" {typed}'))
    assert set(found) <= {2}


def test_an_emoji_beside_a_word_hides_nothing(finder: Finder) -> None:
    assert numbers(finder.search("🐕 dog")) == [DOG]


def test_the_collection_is_as_it_was(finder: Finder) -> None:
    collection: Collection = finder.collection
    row = collection.one("SELECT count(*) FROM words")
    assert row is not None and row[0] == 4
