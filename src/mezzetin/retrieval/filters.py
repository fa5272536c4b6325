"""Narrowing a search down: what a picture's record and its texts must be like."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from mezzetin.collection.rows import STATUSES, Text
from mezzetin.errors import InputError

APPROVED = frozenset({"edited", "approved", "sampled", "given"})
"""How a text stands that people vouch for."""
_DAY = re.compile(r"(?<!\d)(\d{4})(?:([-:./])(\d{1,2})(?:\2(\d{1,2}))?)?(?!\d)")
_SHORT_END = re.compile(r"(?<!\d)(\d{4})\s*[-\u2013\u2014/]\s*(\d{2})(?!\d)(?![-:./])")
_CENTURY = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th)?\.?\s*(?:century|c\.|jahrhundert|jh\.?|si[eè]cle)", re.IGNORECASE
)
_FIRST, _LAST = 0, 99_991_231


@dataclass(frozen=True, slots=True)
class Filter:
    """What hits are narrowed down to; what is left as it is narrows nothing.

    `statuses`, confidence (0..1) and `lang` (BCP 47; "pt" also finds "pt-BR") are of the text that counts; `sources`
    are the collected places; `artist` and `licence` fit anywhere in theirs, whatever the case. `date_from` and
    `date_to` are years, or days such as 1890-05-31: a picture fits whose date overlaps them. `approved_only` finds
    pictures by the texts that people vouch for, and no others.
    """

    statuses: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    artist: str | None = None
    date_from: str | int | None = None
    date_to: str | int | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None
    lang: str | None = None
    licence: str | None = None
    approved_only: bool = False
    with_restricted: bool = True
    record_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [one for one in self.statuses if one not in STATUSES]
        if unknown:
            raise InputError(f"{unknown[0]!r} is no status: choose among {', '.join(STATUSES)}")
        for date in (self.date_from, self.date_to):
            if date is not None and days_of(str(date)) is None:
                raise InputError(f"{date!r} is no date: write a year such as 1890, or a day such as 1890-05-31")

    @property
    def narrows(self) -> bool:
        """Whether anything at all is left out."""
        return any(getattr(self, one.name) != one.default for one in fields(self))

    def of_text(self, status: str | None, lang: str | None, confidence: float | None) -> bool:
        """Whether a text that counts fits; a picture without a text has None for its status."""
        if self.statuses and status not in self.statuses:
            return False
        if self.approved_only and status not in APPROVED:
            return False
        if self.lang and not speaks(lang, self.lang):
            return False
        if self.min_confidence is not None and (confidence is None or confidence < self.min_confidence):
            return False
        return self.max_confidence is None or (confidence is not None and confidence <= self.max_confidence)

    def fits(self, text: Text) -> bool:
        """The same of a text as it is kept."""
        return self.of_text(text.status, text.lang, text.confidence)

    def days(self) -> tuple[int, int] | None:
        """The days asked for, as yyyymmdd, both ends included; None where any will do."""
        if self.date_from is None and self.date_to is None:
            return None
        first = days_of(str(self.date_from)) if self.date_from is not None else None
        last = days_of(str(self.date_to)) if self.date_to is not None else None
        return (first[0] if first else _FIRST, last[1] if last else _LAST)


def speaks(lang: str | None, wanted: str) -> bool:
    """Whether a text in `lang` serves who asked for `wanted`."""
    if lang is None:
        return False
    own, asked = lang.casefold(), wanted.casefold()
    return own == asked or own.startswith(f"{asked}-")


def days_of(date: str) -> tuple[int, int] | None:
    """The first and last day, as yyyymmdd, that a museum's date can mean; None where it names no year.

    Read are years ("c. 1718-20"), ISO and EXIF days, and centuries; of several the span from first to last.
    """
    spans = [_span(found) for found in _DAY.finditer(date)]
    spans += [
        (int(start + "0101"), int(start[:2] + end + "1231"))
        for start, end in _SHORT_END.findall(date)
        if end > start[2:]
    ]
    if not spans:
        spans = [((int(one) - 1) * 1_000_000 + 10_101, int(one) * 1_000_000 + 1231) for one in _CENTURY.findall(date)]
    return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None


def _span(found: re.Match[str]) -> tuple[int, int]:
    year, month, day = int(found[1]), int(found[3] or 0), int(found[4] or 0)
    if not 1 <= month <= 12:
        return year * 10_000 + 101, year * 10_000 + 1231
    if not 1 <= day <= 31:
        return year * 10_000 + month * 100 + 1, year * 10_000 + month * 100 + 31
    return (year * 10_000 + month * 100 + day,) * 2


EVERYTHING = Filter()
"""No filter."""
