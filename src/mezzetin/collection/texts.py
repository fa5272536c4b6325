"""Texts: what machines and museums say of a picture, written under a guard; and reading what is said.

Enters: a transaction of a machine. Leaves: a text, a newer version of it, or nothing where a person has had the last
word: the guarded upsert asks first, and the triggers of the schema refuse whoever does not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from mezzetin.collection.opening import Reader
from mezzetin.collection.rows import KINDS, MachineText, Text
from mezzetin.collection.writing import Writing, storable
from mezzetin.errors import InputError
from mezzetin.records import Alternative, Token

SELECT = (
    "SELECT texts.*, acts.at AS changed, acts.who AS changed_by, acts.who_is AS changed_by_a"
    " FROM texts JOIN acts ON acts.id = texts.act_id"
)
"""The columns that `text_of` reads; a WHERE follows."""
_STATE = (
    "text",
    "machine_text",
    "confidence",
    "unlike_training",
    "model",
    "model_version",
    "signature",
    "alternatives",
    "tokens",
    "of_sha256",
    "from_text_id",
    "from_version",
)
_COLUMNS = ("picture_id", "kind", "lang", "source", "status", "act_id", *_STATE)
# The SELECT finds no row, and nothing is inserted, where a person has the last word. The same words of the same model
# for the same bytes are no change.
_UPSERT = f"""
INSERT INTO texts ({", ".join(_COLUMNS)})
SELECT {", ".join(f":{name}" for name in _COLUMNS)}
WHERE NOT EXISTS (
    SELECT 1 FROM texts WHERE picture_id = :picture_id AND kind = :kind AND lang = :lang AND (
        (source = :source AND status NOT IN (:status, 'rejected', 'withdrawn'))
        OR (:status = 'machine' AND (status = 'deleted' OR (status = 'rejected' AND (
            text = :text OR (source = :source AND signature IS :signature)))))))
ON CONFLICT (picture_id, kind, lang, source) WHERE status NOT IN ('rejected', 'withdrawn') DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in _STATE)}, act_id = excluded.act_id, version = version + 1
WHERE status = excluded.status AND status IN ('machine', 'given') AND
    (text, confidence, signature, of_sha256, from_version) IS NOT
    (excluded.text, excluded.confidence, excluded.signature, excluded.of_sha256, excluded.from_version)
"""  # noqa: S608


def put_machine(writing: Writing, picture_id: int, said: MachineText) -> str:
    """Keep what a model says of a picture: "written", "same", or "kept" where a person has had the last word.

    The picture counts as done, and an earlier failure of this captioner is forgotten.

    Raises:
        InputError: the transaction is a person's, or there is no such picture.

    """
    model = said.model
    before = said.from_text
    outcome = _put(
        writing,
        picture_id,
        _slot(said.kind, said.lang, said.source)
        | {
            "status": "machine",
            "text": storable(said.text),
            "machine_text": storable(said.text),
            "confidence": said.confidence,
            "unlike_training": said.unlike_training,
            "model": storable(model.name) if model else None,
            "model_version": storable(model.version) if model else None,
            "signature": model.signature if model else None,
            "alternatives": json.dumps([[one.text, one.log_probability] for one in said.alternatives]),
            "tokens": json.dumps([[one.text, one.probability] for one in said.tokens]),
            "from_text_id": before.id if before else None,
            "from_version": before.version if before else None,
        },
    )
    writing.execute("DELETE FROM failures WHERE picture_id = ? AND source = ?", (picture_id, said.source))
    # Content that changed under a person's words stays marked, so that somebody looks.
    writing.execute(
        "UPDATE pictures SET status = 'done', error_code = NULL, error_message = NULL WHERE id = ?"
        " AND (status IN ('pending', 'failed') OR (status = 'changed' AND ? <> 'kept'))",
        (picture_id, outcome),
    )
    return outcome


def put_given(
    writing: Writing, picture_id: int, text: str, *, lang: str, kind: str = "alt", source: str = "museum"
) -> str:
    """Keep a text that came with the picture's record: "written", "same" or "kept".

    Raises:
        InputError: the text is empty, the transaction is a person's, or there is no such picture.

    """
    if not text.strip():
        raise InputError("an empty text says nothing: leave it out")
    state: dict[str, object] = dict.fromkeys(_STATE)
    return _put(writing, picture_id, state | _slot(kind, lang, source) | {"status": "given", "text": storable(text)})


def _put(writing: Writing, picture_id: int, values: dict[str, object]) -> str:
    if writing.actor.is_person:
        raise InputError("this is written by a machine: name the model or the import as the actor")
    picture = writing.one("SELECT sha256 FROM pictures WHERE id = ?", (picture_id,))
    if picture is None:
        raise InputError(f"there is no picture {picture_id} in this collection")
    slot = (picture_id, values["kind"], values["lang"], values["source"])
    written = writing.execute(
        _UPSERT,
        values | {"picture_id": picture_id, "act_id": writing.act, "of_sha256": picture["sha256"]},
    )
    if written.rowcount > 0:
        return "written"
    same = writing.one(
        "SELECT 1 FROM texts WHERE picture_id = ? AND kind = ? AND lang = ? AND source = ? AND status = ? AND text = ?",
        (*slot, values["status"], values["text"]),
    )
    return "same" if same else "kept"


def _slot(kind: str, lang: str, source: str) -> dict[str, object]:
    check_slot(kind, lang)
    return {"kind": kind, "lang": lang, "source": storable(source)}


def check_slot(kind: str, lang: str) -> None:
    """Refuse a kind of text or a language tag that no reader would find again.

    Raises:
        InputError: `kind` is none of KINDS, or `lang` can't be a BCP 47 tag.

    """
    if kind not in KINDS:
        raise InputError(f"{kind!r} is no kind of text: choose one of {', '.join(KINDS)}")
    if not lang or len(lang) > 35 or not lang.replace("-", "").isalnum() or not lang.isascii():
        raise InputError(f"{lang!r} is no language tag: write one such as en, de or pt-BR (BCP 47)")


def get(reader: Reader, text_id: int) -> Text | None:
    """A text by its number."""
    row = reader.one(f"{SELECT} WHERE texts.id = ?", (text_id,))
    return text_of(row) if row else None


def chosen(reader: Reader, picture_id: int, kind: str = "alt", lang: str = "en") -> Text | None:
    """The one text that counts for a picture, or None where there is none."""
    row = reader.one(
        "SELECT * FROM chosen_texts WHERE picture_id = ? AND kind = ? AND lang = ?", (picture_id, kind, lang)
    )
    return text_of(row) if row else None


def of_picture(reader: Reader, picture_id: int) -> list[Text]:
    """All texts of a picture but those that were withdrawn, those that count first in their language."""
    return of_pictures(reader, [picture_id])[picture_id]


def of_pictures(reader: Reader, picture_ids: Iterable[int]) -> dict[int, list[Text]]:
    """The same for several pictures at once."""
    found: dict[int, list[Text]] = {number: [] for number in picture_ids}
    numbers = json.dumps(list(found))
    for row in reader.rows(
        SELECT + " LEFT JOIN chosen ON chosen.text_id = texts.id"  # noqa: S608
        " WHERE texts.picture_id IN (SELECT value FROM json_each(?)) AND texts.status <> 'withdrawn'"
        " ORDER BY texts.picture_id, texts.kind, texts.lang, chosen.text_id IS NULL, texts.id",
        (numbers,),
    ):
        found[row["picture_id"]].append(text_of(row))
    return found


def text_of(row: sqlite3.Row) -> Text:
    """A text as the row of `SELECT` or of a view holds it."""
    plain = {name: row[name] for name in Text.__dataclass_fields__ if name != "changed_by_person"}
    plain["alternatives"] = tuple(Alternative(*pair) for pair in _pairs(row["alternatives"]))
    plain["tokens"] = tuple(Token(*pair) for pair in _pairs(row["tokens"]))
    return Text(**plain, changed_by_person=row["changed_by_a"] == "person")


def _pairs(stored: str | None) -> Sequence[tuple[str, float]]:
    return json.loads(stored) if stored else ()
