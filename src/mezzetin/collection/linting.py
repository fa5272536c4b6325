"""The linter over a collection: every text that counts, in flat memory.

Enters: a collection, house rules, what to look at. Leaves: each text with what a person should look at. What only the
whole shows, that one text stands under several pictures, is counted before: by digests, a few bytes a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import cast

from mezzetin.alttext import Finding, lint, read_house_rules
from mezzetin.alttext.linter import Kind
from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.rows import KINDS, STATUSES
from mezzetin.errors import InputError

_COUNTS = "FROM chosen_texts AS texts JOIN pictures ON pictures.id = texts.picture_id WHERE pictures.status <> 'gone'"


@dataclass(frozen=True, slots=True)
class Linted:
    """A text of a collection, whose it is, and what was found; `page` counts from 0."""

    picture_id: int
    uri: str
    page: int
    record_id: str | None
    text_id: int
    kind: str
    lang: str
    status: str
    text: str
    findings: tuple[Finding, ...]


def lint_collection(
    collection: str | Path,
    *,
    house: str | Path | None = None,
    statuses: tuple[str, ...] = (),
    lang: str | None = None,
    kind: str | None = None,
) -> Iterator[Linted]:
    """Look at the texts that count, in the order of their pictures; `house` is a file of rules.

    Texts of pictures that are gone are left out. Without `statuses`, `lang` or `kind` all are looked at.

    Raises:
        InputError: there is no such collection, status or kind.
        RecipeError: the rules can't be read.

    """
    _check(statuses, kind)
    rules = read_house_rules(house)
    where, values = _where(statuses, lang, kind)
    with Collection.open(collection) as opened, opened.reading() as reader:
        repeated = _repeated(reader, where, values)
        for row in reader.rows(
            "SELECT texts.*, pictures.uri, pictures.page, pictures.record_id, pictures.title"
            f" {_COUNTS}{where} ORDER BY texts.picture_id, texts.kind, texts.lang",
            values,
        ):
            text = row["text"] or ""
            read_by_nobody = row["status"] in ("machine", "sampled")
            found = lint(
                text,
                rules=rules,
                language=row["lang"],
                kind=cast("Kind", row["kind"]),
                title=row["title"],
                confidence=row["confidence"] if read_by_nobody else None,
                pictures=repeated.get(_mark(row["kind"], row["lang"], text), 1),
            )
            place = (row["picture_id"], row["uri"], row["page"], row["record_id"], row["id"])
            yield Linted(*place, row["kind"], row["lang"], row["status"], text, found)


def _check(statuses: tuple[str, ...], kind: str | None) -> None:
    for wanted, known, what in ((statuses, STATUSES, "status"), ((kind,) if kind else (), KINDS, "kind of text")):
        for name in wanted:
            if name not in known:
                raise InputError(f"{name!r} is no {what}: choose from {', '.join(known)}")


def _where(statuses: tuple[str, ...], lang: str | None, kind: str | None) -> tuple[str, tuple[str, ...]]:
    where, values = "", tuple[str, ...]()
    if statuses:
        where += f" AND texts.status IN ({', '.join('?' * len(statuses))})"
        values += statuses
    for column, value in (("lang", lang), ("kind", kind)):
        if value is not None:
            where += f" AND texts.{column} = ?"
            values += (value,)
    return where, values


def _repeated(reader: Reader, where: str, values: tuple[str, ...]) -> dict[int, int]:
    """How many pictures a text stands under, by its mark, for those under several."""
    rows = reader.rows(
        "SELECT texts.kind, texts.lang, texts.text, count(*) AS pictures"
        f" {_COUNTS}{where} GROUP BY texts.kind, texts.lang, texts.text HAVING count(*) > 1",
        values,
    )
    return {_mark(row["kind"], row["lang"], row["text"] or ""): row["pictures"] for row in rows}


def _mark(kind: str, lang: str, text: str) -> int:
    told = "\0".join((kind, lang, text)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(told, digest_size=8).digest())
