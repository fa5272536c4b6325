"""What a page of the gallery was asked for: a query in, a `Wanted` out, and the addresses of the pages beside it.

Everything stands in the address, so that whoever gets it sees the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from mezzetin.errors import InputError
from mezzetin.retrieval.filters import days_of
from mezzetin.serving.gallery.words import OF, STATUSES

NARROWING = ("status", "source", "artist", "from", "to", "lang", "as")
"""The fields that leave pictures out, by name."""
_PLACES = ("page", "after", "before")
_LONGEST = {"q": 1000, "source": 4000, "artist": 200}
_USUAL_LENGTH = 40
_MOST_PAGES = 50
PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: `fields` as they stand in the address, without where in the answer we are."""

    fields: Mapping[str, str]
    page: int = 1
    after: int | None = None
    before: int | None = None

    @property
    def q(self) -> str:
        """The words that were looked for."""
        return self.fields.get("q", "")

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses of texts that were asked for; none: all."""
        return tuple(status for status, name in OF.items() if name == self.fields.get("status"))

    @property
    def narrowing(self) -> dict[str, str]:
        """The fields that leave pictures out."""
        return {name: self.fields[name] for name in NARROWING if name in self.fields}

    @property
    def chips(self) -> list[tuple[str, str]]:
        """The same, in order."""
        return list(self.narrowing.items())

    def value(self, name: str) -> str:
        """What a field of the form shows."""
        return self.fields.get(name, "")

    def address(self, path: str = "/gallery", **more: int | None) -> str:
        """The address of a page for the same fields, at another place of the answer."""
        query = {**self.fields, **{name: str(value) for name, value in more.items() if value is not None}}
        return f"{path}?{urlencode(query)}" if query else path

    def beside(self, path: str) -> str:
        """The address of another page, which leads back to these fields."""
        return self.address(path)

    def without(self, name: str) -> str:
        """The address for all fields but one."""
        return Wanted({other: value for other, value in self.fields.items() if other != name}).address()


def wanted_of(values: Mapping[str, Any]) -> Wanted:
    """Read a query, or the fields of a form.

    Raises:
        InputError: a field has a value that it can't have.

    """
    fields: dict[str, str] = {}
    for name in ("q", *NARROWING):
        value = " ".join(str(values.get(name, "")).split())
        if value:
            fields[name] = value[: _LONGEST.get(name, _USUAL_LENGTH)]
    if fields.get("status", "person") not in STATUSES:
        raise InputError(f"{fields['status']!r} writes no texts here: choose one of the list")
    if "lang" in fields and not fields["lang"].replace("-", "").isalnum():
        raise InputError(f"{fields['lang']!r} is no language tag: write one such as en or pt-BR")
    for name in ("from", "to"):
        if name in fields and days_of(fields[name]) is None:
            raise InputError(f"{fields[name]!r} is no date: write a year such as 1650, or a day such as 1890-05-31")
    if fields.get("as", PUBLIC) != PUBLIC:
        raise InputError("as= takes public: it shows what everybody sees")
    places = {name: _number(str(values[name]), name) for name in _PLACES if values.get(name)}
    if not 1 <= places.get("page", 1) <= _MOST_PAGES:
        raise InputError(f"there are pages 1 to {_MOST_PAGES} of what was found: ask for something narrower")
    return Wanted(fields, places.get("page", 1), places.get("after"), places.get("before"))


def is_untidy(values: Mapping[str, Any]) -> bool:
    """Say whether an address has fields that were left empty, as a form without a script sends them."""
    return any(not str(value).strip() for value in values.values())


def _number(value: str, name: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise InputError(f"{name}= takes a number: go back to the first page")
    return int(value)
