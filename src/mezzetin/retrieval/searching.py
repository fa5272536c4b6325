"""The verb of searching: a collection by its path, the models by their names, a question of whatever kind.

Enters: words, a picture of the collection, or a file. Leaves: a page of hits. Models that are not there are done
without, and the notes say so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import pictures
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Picture
from mezzetin.errors import InputError
from mezzetin.meaning import SentenceEncoder, find_sentences
from mezzetin.records import Progress
from mezzetin.retrieval.filters import EVERYTHING, Filter
from mezzetin.retrieval.finder import Finder
from mezzetin.retrieval.records import Found


def search(
    query: str | None,
    collection: str | Path,
    *,
    like: str | None = None,
    picture: str | Path | None = None,
    filter: Filter = EVERYTHING,
    limit: int = 10,
    offset: int = 0,
    rerank: int = 0,
    model: str | Path | None = None,
    sentences: str | Path | None = None,
    captioner: BundleCaptioner | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Found:
    """The pictures of a collection that `query` means, or those like one of its own (`like`), or like a file.

    Exactly one of the three is given. `like` names a picture as a person does; `model` and `sentences` as elsewhere.

    Raises:
        InputError: none or several of the three are given, or there is no such collection, picture or model.
        ImageError: `picture` can't be read.
        EnvironmentProblem: the collection can't be read.

    """
    if sum(one is not None for one in (query, like, picture)) != 1:
        raise InputError("ask one question: words, --like a picture of the collection, or --picture a file")
    if not Path(collection).exists():
        raise InputError(f"{collection} is not there: name the file that `mezzetin collect` made")
    encoder = None if picture is not None else _encoder(sentences)
    sees = captioner or load_captioner(model)
    with (
        Collection.open(collection) as opened,
        Finder.open(opened, captioner=sees, sentences=encoder, report=report) as finder,
    ):
        if like is not None:
            return finder.like(_one(opened, like).id, filter=filter, limit=limit, offset=offset)
        if picture is not None:
            return finder.by_picture(Path(picture), filter=filter, limit=limit, offset=offset)
        return finder.search(query or "", filter=filter, limit=limit, offset=offset, rerank=rerank)


def _encoder(sentences: str | Path | None) -> SentenceEncoder | None:
    folder = find_sentences(sentences)
    return None if folder is None else SentenceEncoder.open(folder)


def _one(collection: Collection, image: str) -> Picture:
    found = pictures.find(collection, image)
    if not found:
        raise InputError("there is no such picture in this collection: name its number, address or file name")
    if len(found) > 1:
        numbers = ", ".join(str(one.id) for one in found[:10])
        raise InputError(f"this name fits {len(found)} pictures: name one by its number ({numbers})")
    return found[0]
