"""Finding pictures: by words, by what texts mean, and by the pictures themselves.

Enters: a question in words, a picture of the collection, or one from elsewhere. Leaves: a page of hits, the best
first; none where nothing is near. Without a sentence model, or a captioner that can match, the rest still answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Self

import numpy as np

from mezzetin.captioner import BundleCaptioner
from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.vectors import unpacked
from mezzetin.errors import ImageError, InputError
from mezzetin.meaning import SentenceEncoder
from mezzetin.records import ItemError
from mezzetin.retrieval.candidates import Asked, Compared, compare
from mezzetin.retrieval.filters import EVERYTHING, Filter
from mezzetin.retrieval.index import Among
from mezzetin.retrieval.keeping import EXACT_MOST, Report, SpaceIndex
from mezzetin.retrieval.keywords import by_words, holding
from mezzetin.retrieval.likelihood import MOST_RERANKED, by_likelihood
from mezzetin.retrieval.notes import missing_notes, state_notes
from mezzetin.retrieval.page import hits_of
from mezzetin.retrieval.query import Query
from mezzetin.retrieval.records import Found, Why
from mezzetin.retrieval.shelf import Shelf
from mezzetin.retrieval.weighing import Weights, weigh

MOST_HITS = 1000
_WORDS_MOST, _WORDS_BESIDE = 1000, 300
_NO_WEIGHTS = Weights()


class Finder:
    """Finds pictures of a collection; safe to use from several threads at once. Make one with `Finder.open`."""

    def __init__(
        self,
        collection: Collection,
        captioner: BundleCaptioner | None,
        sentences: SentenceEncoder | None,
        *,
        exact_most: int = EXACT_MOST,
        weights: Weights = _NO_WEIGHTS,
    ) -> None:
        self.collection = collection
        self.weights = weights
        self._captioner, self._sentences = captioner, sentences
        self._picture_space = captioner.space if captioner else None
        self._turn = RLock()
        spaces = [self._picture_space] if self._picture_space else []
        self._shelf = Shelf(collection, spaces, sentences, exact_most=exact_most)
        self._sentence_space = self._shelf.sentence_space

    @classmethod
    def open(
        cls,
        collection: Collection,
        *,
        captioner: BundleCaptioner | None = None,
        sentences: SentenceEncoder | None = None,
        report: Report | None = None,
    ) -> Finder:
        """A finder for an open collection; `report` hears how far a large index is, which is made where none lies.

        Raises:
            EnvironmentProblem: the collection can't be read.

        """
        finder = cls(collection, captioner, sentences)
        finder.refresh(report)
        return finder

    def search(
        self,
        query: str,
        *,
        filter: Filter = EVERYTHING,
        limit: int = 30,
        offset: int = 0,
        rerank: int = 0,
        meaning: bool = True,
    ) -> Found:
        """The pictures that a question means; words in quotes must stand in their texts as they are.

        `rerank` is of how many of the first hits, at most 50, the captioner is asked how likely the question is as a
        caption of the picture: their order follows that too. Without `meaning` only pictures with all words are hits.

        Raises:
            InputError: `limit`, `offset` or `rerank` is out of range.

        """
        _check(limit, offset, rerank)
        query_ = Query.of(query)
        asked, notes = self._asked(query_) if meaning else (Asked(), [])
        with self.collection.reading() as reader:
            with self._turn:
                self._shelf.refresh(reader)
                among = self._shelf.among(reader, filter)
                words = self._by_words(reader, query_, asked, filter, among)
                near = [] if query_.phrases else self._shelf.near(asked, among)
                pictures = list(dict.fromkeys([*words, *near]))
                if near and len(words) >= _WORDS_BESIDE:
                    words = holding(reader, query_, near, approved_only=filter.approved_only) | words
                compared = compare(reader, asked, pictures, approved_only=filter.approved_only)
                notes += self._state_notes() if meaning else []
                ranked = self._ranked(pictures, compared, words, asked.known)
            if rerank and ranked:
                ranked, told = by_likelihood(reader, self._captioner, query_.text, ranked, rerank)
                notes += told
            hits, more = hits_of(reader, ranked, compared, words, filter, limit, offset)
        signals: list[Why] = ["words"] if query_.expression() else []
        return Found(hits, more, (*signals, *self._spoken(asked)), tuple(notes))

    def like(self, picture_id: int, *, filter: Filter = EVERYTHING, limit: int = 30, offset: int = 0) -> Found:
        """The pictures most like one of the collection, in what they show and in what is said of them.

        Raises:
            InputError: there is no such picture, or `limit` or `offset` is out of range.

        """
        _check(limit, offset, 0)
        with self.collection.reading() as reader, self._turn:
            self._shelf.refresh(reader)
            if reader.one("SELECT 1 FROM pictures WHERE id = ?", (picture_id,)) is None:
                raise InputError(f"there is no picture {picture_id} in this collection")
            return self._near(reader, self._vectors_of(reader, picture_id), filter, limit, offset, without=picture_id)

    def by_picture(
        self, image: bytes | Path, *, filter: Filter = EVERYTHING, limit: int = 30, offset: int = 0
    ) -> Found:
        """The pictures most like one from elsewhere, given as a file or its bytes; what it is said to show, otherwise.

        Raises:
            ImageError: it can't be read.
            InputError: there is no captioner to look at it, or `limit` or `offset` is out of range.

        """
        _check(limit, offset, 0)
        if self._captioner is None:
            raise InputError("no captioner is here to look at the picture: name one")
        if self._picture_space is None:
            caption = self._captioner.caption([image])[0]
            if caption.text is None:
                raise _unreadable(caption.error)
            found = self.search(caption.text, filter=filter, limit=limit, offset=offset)
            note = f"the captioner can't compare pictures: found by what it says of this one, {caption.text!r}"
            return Found(found.hits, found.more, found.signals, (note, *found.notes))
        (vector,) = self._captioner.picture_vectors([image])
        if isinstance(vector, ItemError):
            raise _unreadable(vector)
        with self.collection.reading() as reader, self._turn:
            self._shelf.refresh(reader)
            return self._near(reader, Asked({self._picture_space: vector}), filter, limit, offset)

    def refresh(self, report: Report | None = None) -> None:
        """Take in what changed since; every search does so itself."""
        with self.collection.reading() as reader, self._turn:
            self._shelf.refresh(reader, report)

    def index_of(self, space: str) -> SpaceIndex:
        """The index of one space, as it is at this moment."""
        with self._turn:
            return self._shelf.index(space)

    def close(self) -> None:
        """Let go of what is held; the collection stays open."""
        with self._turn:
            self._shelf = Shelf(self.collection, (), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _asked(self, query: Query) -> tuple[Asked, list[str]]:
        asked = Asked(fresh=self._shelf.fresh, sentence_space=self._sentence_space)
        notes = missing_notes(self._sentences is not None, self._captioner is not None, self._picture_space is not None)
        if query.cut:
            notes.append("the question is long: only its beginning was read")
        if self._sentences and self._sentence_space and query.text:
            asked.vectors[self._sentence_space] = self._sentences.vectors([query.text])[0]
        if self._captioner and self._picture_space and query.text:
            vector = self._captioner.text_vector(query.text)
            if vector is not None:
                asked.vectors[self._picture_space] = vector
                unknown = {word.casefold() for word in self._captioner.unknown_words(query.text)}
                telling = query.words or ("",)
                asked.known = sum(word not in unknown for word in telling) / len(telling)
        return asked, notes

    def _state_notes(self) -> list[str]:
        size = self._shelf.size(self._picture_space) if self._picture_space else None
        waiting = self._shelf.fresh.waiting if self._shelf.fresh else 0
        return state_notes(waiting, size, self._shelf.compared)

    def _by_words(
        self, reader: Reader, query: Query, asked: Asked, wanted: Filter, among: Among | None
    ) -> dict[int, float]:
        """Where vectors order the hits, few of a common word do: the nearest are asked for their words anyway."""
        most = _WORDS_BESIDE if asked.vectors and not query.phrases else _WORDS_MOST
        return by_words(reader, query, most, among=among, approved_only=wanted.approved_only)

    def _ranked(
        self, pictures: list[int], compared: Compared, words: Mapping[int, float], known: float
    ) -> list[tuple[int, float]]:
        if not pictures:
            return []
        scores, above = weigh(compared.signals(pictures, words, known), self.weights)
        order = np.argsort(-scores, kind="stable")
        return [(pictures[place], float(scores[place])) for place in order if above[place] >= 0]

    def _near(
        self, reader: Reader, asked: Asked, wanted: Filter, limit: int, offset: int, without: int | None = None
    ) -> Found:
        among = self._shelf.among(reader, wanted)
        pictures = [number for number in self._shelf.near(asked, among) if number != without]
        compared = compare(reader, asked, pictures, approved_only=wanted.approved_only)
        # Whoever asks for what is alike wants the nearest there is, however far.
        scores, _ = weigh(compared.signals(pictures, {}, 1.0), self.weights) if pictures else (np.empty(0), None)
        ranked = [(pictures[place], float(scores[place])) for place in np.argsort(-scores, kind="stable")]
        hits, more = hits_of(reader, ranked, compared, {}, wanted, limit, offset)
        notes = () if asked.vectors else ("nothing to compare by is kept of this picture: run `mezzetin index`",)
        return Found(hits, more, self._spoken(asked), notes)

    def _vectors_of(self, reader: Reader, picture_id: int) -> Asked:
        asked = Asked(fresh=self._shelf.fresh, sentence_space=self._sentence_space)
        rows = reader.rows(
            "SELECT space, vector FROM vectors WHERE picture_id = ? AND part = 0 AND (text_id IS NULL OR text_id IN"
            " (SELECT text_id FROM chosen WHERE picture_id = ?)) ORDER BY id DESC",
            (picture_id, picture_id),
        )
        for row in rows:
            # Of several spaces of one kind the one that the models at hand have, else the newest.
            kind = row["space"].partition(":")[0]
            own = self._sentence_space if kind == "sentence" else self._picture_space
            if row["space"] == own or not any(space.startswith(f"{kind}:") for space in asked.vectors):
                asked.vectors[row["space"]] = unpacked(np.frombuffer(row["vector"], np.int8))
        return asked

    def _spoken(self, asked: Asked) -> tuple[Why, ...]:
        kinds = {space.partition(":")[0] for space in asked.vectors}
        return (*(("meaning",) if "sentence" in kinds else ()), *(("picture",) if "picture" in kinds else ()))


def _check(limit: int, offset: int, rerank: int) -> None:
    if not 1 <= limit <= MOST_HITS or not 0 <= offset <= MOST_HITS:
        raise InputError(f"a page has 1 to {MOST_HITS} hits and begins at 0 to {MOST_HITS}: ask for less")
    if not 0 <= rerank <= MOST_RERANKED:
        raise InputError(f"at most {MOST_RERANKED} hits are ranked again: ask for less")


def _unreadable(error: ItemError | None) -> ImageError:
    return ImageError(error.code, error.message) if error else ImageError("undecodable", "the picture can't be read")
