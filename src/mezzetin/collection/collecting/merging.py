"""Merging: captions that were made elsewhere, as plain rows, into a collection.

Enters: rows of a job that ran on other machines (one a page of a picture and captioner). Leaves: the same pictures and
texts that `collect` would have made here. A person's word stays; rows that come twice change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Required, TypedDict

from mezzetin.collection import runs, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.pictures import mark_failed, see
from mezzetin.collection.rows import Actor, MachineText, Run, Sighting
from mezzetin.collection.writing import Writing
from mezzetin.records import Alternative, ModelInfo, Token

_TOGETHER = 200
_OF_THE_FILE = frozenset({"missing", "empty", "unsupported_format", "undecodable", "too_many_pixels", "unreadable"})


class MergeRow(TypedDict, total=False):
    """One picture's page as one captioner describes it; `uri` without a signature, the rest as in the collection.

    `caption` is None where `error` (`{"code", "message"}`) says why; `captioner` names the source of the text, the
    model's name where it is left out; `alternatives` and `tokens` are pairs of a text and a number.
    """

    uri: Required[str]
    page: int
    pages: int
    record_id: str | None
    sha256: str | None
    stamp: str | None
    size: int | None
    width: int | None
    height: int | None
    format: str | None
    title: str | None
    artist: str | None
    date: str | None
    licence: str | None
    restricted: bool | None
    captioner: str | None
    caption: str | None
    language: str
    confidence: float | None
    unlike_training: float | None
    alternatives: Iterable[tuple[str, float]]
    tokens: Iterable[tuple[str, float]]
    model: Mapping[str, str]
    error: Mapping[str, str] | None


_SEEN = (
    "page", "pages", "record_id", "sha256", "stamp", "size", "width", "height", "format", "title", "artist", "date",
    "licence", "restricted",
)  # fmt: skip


def merge_rows(
    collection: Collection,
    rows: Iterable[MergeRow],
    *,
    source: str,
    who: str,
    settings: Mapping[str, Any] | None = None,
) -> Counter[str]:
    """Enter rows; counts them by what became of each: written, same, kept, failed, forgotten.

    `source` is what was described, `who` did it (a model's name, a job). Rows are entered 200 at a time, and again
    entered without harm: whoever is cut off calls it once more with all of them.
    """
    run: Run = runs.start(collection, "import", who, model=who, settings=dict(settings or {}) | {"source": source})
    outcomes, stream = Counter[str](), iter(rows)
    try:
        while chunk := list(islice(stream, _TOGETHER)):
            with collection.writing(Actor.machine(who), "import", run.id) as writing:
                told = Counter(_merged(writing, row, source) for row in chunk)
                runs.advance(writing, done=told["written"] + told["same"], failed=told["failed"])
            outcomes += told
    except BaseException:
        runs.finish(collection, run.id, state="failed", note="it did not come to its end")
        raise
    runs.finish(collection, run.id)
    return outcomes


def _merged(writing: Writing, row: MergeRow, source: str) -> str:
    known: dict[str, Any] = {name: row[name] for name in _SEEN if row.get(name) is not None}  # type: ignore[literal-required]
    seen = see(writing, Sighting(source=source, uri=row["uri"], **known))
    if seen.id is None:
        return "forgotten"
    model = row.get("model") or {}
    name = row.get("captioner") or model.get("name") or writing.actor.name
    error, text = row.get("error"), row.get("caption")
    if error is not None or text is None:
        told = error or {"code": "no_caption", "message": "the row holds no caption"}
        of_the_file = told["code"] in _OF_THE_FILE
        mark_failed(writing, seen.id, told["code"], told["message"], captioner=None if of_the_file else name)
        return "failed"
    said = MachineText(
        text,
        row.get("language") or "en",
        name,
        confidence=row.get("confidence"),
        unlike_training=row.get("unlike_training"),
        model=ModelInfo(*(str(model.get(key, "")) for key in ("name", "version", "signature", "licence"))),
        alternatives=tuple(Alternative(*pair) for pair in row.get("alternatives") or ()),
        tokens=tuple(Token(*pair) for pair in row.get("tokens") or ()),
    )
    return texts.put_machine(writing, seen.id, said)
