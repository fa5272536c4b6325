"""The verb that makes a collection ready to be searched by meaning."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection.indexing import Indexed, index_pictures
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor
from mezzetin.collection.sources import Web
from mezzetin.collection.vectors import forget_space, spaces
from mezzetin.meaning import SentenceEncoder, find_sentences
from mezzetin.records import Progress
from mezzetin.retrieval.meanings import index_texts

_NO_SENTENCES = "no sentence model is here, so texts are found by their words alone: see docs/sentences.md"


def _silent(progress: Progress) -> None:
    pass


def index(
    collection: str | Path,
    model: str | Path | None = None,
    *,
    sentences: str | Path | None = None,
    sources: Sequence[str] = (),
    rebuild: bool = False,
    captioner: BundleCaptioner | None = None,
    report: Callable[[Progress], None] = _silent,
) -> Indexed:
    """Make the vectors that a search of a collection by meaning still lacks; the same call goes on where one was ended.

    Texts get theirs from a sentence model (`sentences` as in `find_sentences`), pictures from a captioner that has
    learned to match words and pictures (`captioner`, or `model` as elsewhere). Pictures are read where they lie, with
    the signature of one of `sources` where they need one. `rebuild` throws all vectors away first.

    Raises:
        InputError: there is no such collection or model.
        FormatError: `collection` is something else, or of a newer format.
        EnvironmentProblem: a store refuses or does not answer, or the disk is full; the same call goes on.

    """
    begun, result = time.monotonic(), Indexed()
    folder = find_sentences(sentences)
    encoder = None if folder is None else SentenceEncoder.open(folder)
    sees = captioner or load_captioner(model)
    with Collection.open(collection) as opened, Web() as web:
        if rebuild:
            _throw_away(opened)
        if encoder is None:
            result.notes.append(_NO_SENTENCES)
        else:
            result.texts = index_texts(opened, encoder, report)
        if sees.space is None:
            result.notes.append(f"{sees.info.name} has not learned to match words and pictures: no vectors of pictures")
        else:
            index_pictures(opened, sees, web, sources=sources, result=result, report=report)
    result.seconds = time.monotonic() - begun
    return result


def _throw_away(collection: Collection) -> None:
    with collection.writing(Actor.machine("index"), "index") as writing:
        for space in spaces(writing):
            forget_space(writing, space)
