"""What a page of review was asked for: queries and forms in, filters and fields out.

A filter stands in the address of its page, so that it can be kept and sent on; forms carry it back there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from mezzetin.collection.queue import ORDERS, Filter
from mezzetin.collection.rows import KINDS
from mezzetin.errors import InputError
from mezzetin.serving.csrf import FIELD, HEADER, form_holds
from mezzetin.serving.problems import Problem
from mezzetin.serving.review.words import STATUSES
from mezzetin.serving.signin.who import own_path

_FIELDS = ("status", "kind", "lang", "captioner", "source", "from", "to", "words", "order")
_NOT_CHOSEN = ("rejected", "deleted")
_MOST_WORDS = 200
_FIELD_BYTES = 256 << 10
ANY = "any"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the queue was asked for, as it stood in the address: what was left out is as usual, and not in `fields`."""

    filter: Filter
    order: str
    fields: Mapping[str, str]

    def address(self, path: str, **more: str | int | None) -> str:
        """The address of a page about the same texts."""
        query = {**self.fields, **{name: str(value) for name, value in more.items() if value is not None}}
        return f"{path}?{urlencode(query)}" if query else path

    def value(self, name: str) -> str:
        """What a field of the filter's form shows."""
        return self.fields.get(name, {"status": "machine", "kind": "alt", "order": "uncertain"}.get(name, ""))


def asked(values: Mapping[str, Any]) -> Asked:
    """Read a query, or the fields of a form, as a filter.

    Raises:
        InputError: a field has a value that it can't have.

    """
    fields = {name: str(values[name]).strip() for name in _FIELDS if str(values.get(name, "")).strip()}
    status, kind, order = fields.get("status", "machine"), fields.get("kind", "alt"), fields.get("order", "uncertain")
    if status not in (*STATUSES, ANY):
        raise InputError(f"{status!r} is no status: choose one of the list")
    if kind not in KINDS:
        raise InputError(f"{kind!r} is no kind of text: choose one of the list")
    if order not in ORDERS:
        raise InputError(f"{order!r} is no order: choose one of the list")
    words = fields.get("words", "")[:_MOST_WORDS]
    return Asked(
        Filter(
            statuses=tuple(STATUSES) if status == ANY else (status,),
            kind=kind,
            lang=fields.get("lang"),
            captioner=fields.get("captioner"),
            source=fields.get("source"),
            min_confidence=_share(fields.get("from")),
            max_confidence=_share(fields.get("to")),
            words=words or None,
            chosen_only=status not in _NOT_CHOSEN,
        ),
        order,
        fields,
    )


class Stale(Problem):
    """A form whose token is missing or old, with what was typed into it."""

    def __init__(self, typed: str | None) -> None:
        super().__init__(403, "csrf", f"the form's {FIELD} is missing or old: load the page again")
        self.typed = typed


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that came from a page of ours.

    Raises:
        Stale: 403, its token is missing or old.

    """
    async with request.form(max_files=0, max_fields=64, max_part_size=_FIELD_BYTES) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    # With the header the guard has looked already.
    if HEADER not in request.headers and not form_holds(request, fields.get(FIELD, "")):
        raise Stale(words_of(fields))
    return fields


def number(fields: Mapping[str, str], name: str) -> int:
    """A whole number of a form.

    Raises:
        InputError: it is none.

    """
    value = fields.get(name, "")
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise InputError(f"the form's {name} is no number: load the page again")
    return int(value)


def words_of(fields: Mapping[str, str], name: str = "text") -> str | None:
    """The words of a text field, with line ends as they were before the browser sent them; None without the field."""
    value = fields.get(name)
    return None if value is None else value.replace("\r\n", "\n")


def way_back(fields: Mapping[str, str], otherwise: str = "/review") -> str:
    """Where a form wants its reader to go on: a page of review."""
    wanted = own_path(fields.get("back"))
    return wanted if wanted == "/review" or wanted.startswith(("/review?", "/review/")) else otherwise


def _share(percent: str | None) -> float | None:
    if percent is None:
        return None
    try:
        value = float(percent)
    except ValueError as error:
        raise InputError(f"{percent!r} is no number of per cent: write one such as 80") from error
    if not 0 <= value <= 100:
        raise InputError(f"{percent} % is no confidence: write a number from 0 to 100")
    return value / 100
