"""How many there are: counts for the filters and for what was asked, remembered until the collection changes.

Enters: a collection. Leaves: numbers that are exact where nobody writes. Of a large collection that has changed the
old ones are told while the new ones are being counted, which takes a small part of the server's time.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar, cast

from mezzetin.collection.opening import Collection, Reader
from mezzetin.errors import MezzetinError
from mezzetin.retrieval.filters import Filter, days_of
from mezzetin.serving.gallery import browsing
from mezzetin.serving.gallery.asked import Wanted
from mezzetin.serving.gallery.browsing import Limits
from mezzetin.serving.gallery.sight import UNSEEN, Sight
from mezzetin.serving.gallery.words import OF, STATUSES

_KEPT = 500
_MOST_ARTISTS, _MOST_SOURCES = 200, 200
#: Counting again is worth this part of the time since it was counted last.
_SHARE = 0.02
_AT_ONCE = 0.05
"""Seconds of counting that nobody notices."""
_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facets:
    """What the filters offer, with how many pictures each; sources are for those inside."""

    statuses: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    artists: Sequence[str] = ()


@dataclass(slots=True)
class _Counted:
    value: object
    state: tuple[int, int]
    at: float
    took: float


class Tally:
    """The counts of one collection; safe to use from several threads."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._known: OrderedDict[Hashable, _Counted] = OrderedDict()
        self._under_way: set[Hashable] = set()
        self._lock = Lock()
        self._counting = ThreadPoolExecutor(1, thread_name_prefix="mezzetin-tally")

    def begin(self, sights: Iterable[Sight]) -> None:
        """Count what everybody asks for first, before anybody does."""
        for sight in sights:
            self._counting.submit(self.facets, sight)
            self._counting.submit(self.count, sight, Wanted({}))

    def count(self, sight: Sight, wanted: Wanted) -> int:
        """How many pictures there are of what was asked for, whatever words were looked for."""
        key = ("count", sight, tuple(sorted(wanted.narrowing.items())))
        limits = self.limits(wanted)
        return self._remembered(key, lambda reader: browsing.count(reader, sight, wanted, limits))

    def limits(self, wanted: Wanted) -> Limits:
        """The artists and dates of the collection that fit what was asked for, as a search would have them."""
        artist = wanted.fields.get("artist")
        days = Filter(date_from=wanted.fields.get("from"), date_to=wanted.fields.get("to")).days()
        artists = dates = None
        if artist:
            names = self._remembered("artists", lambda reader: _distinct(reader, "artist"))
            artists = [name for name in names if artist.casefold() in name.casefold()]
        if days:
            spans = self._remembered("dates", _spans)
            dates = [date for date, (first, last) in spans.items() if last >= days[0] and first <= days[1]]
        return Limits(artists, dates)

    def has_vectors(self, space: str) -> bool:
        """Say whether any picture has a vector in `space`."""
        return self._remembered(("space", space), lambda reader: _has_vectors(reader, space))

    def facets(self, sight: Sight) -> Facets:
        """What the filters offer."""
        return self._remembered(("facets", sight), lambda reader: _facets(reader, sight))

    def close(self) -> None:
        """End counting; the collection may be closed after this."""
        self._counting.shutdown(wait=True, cancel_futures=True)

    def _remembered(self, key: Hashable, make: Callable[[Reader], T]) -> T:
        with self._collection.reading() as reader:
            state = _state(reader)
            with self._lock:
                known = self._known.get(key)
            if known is not None and known.state == state:
                return cast("T", known.value)
            if known is None or known.took < _AT_ONCE:
                return self._counted(key, make, reader, state)
        self._count_behind(key, make, known)
        return cast("T", known.value)

    def _counted(self, key: Hashable, make: Callable[[Reader], T], reader: Reader, state: tuple[int, int]) -> T:
        began = time.monotonic()
        value = make(reader)
        now = time.monotonic()
        with self._lock:
            self._known[key] = _Counted(value, state, now, now - began)
            self._known.move_to_end(key)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return value

    def _count_behind(self, key: Hashable, make: Callable[[Reader], T], known: _Counted) -> None:
        """Count anew while the asker has the old number already, but not without a pause while others write."""
        with self._lock:
            if key in self._under_way or known.took > _SHARE * (time.monotonic() - known.at):
                return
            self._under_way.add(key)
        self._counting.submit(self._counted_behind, key, make)

    def _counted_behind(self, key: Hashable, make: Callable[[Reader], T]) -> None:
        try:
            with self._collection.reading() as reader:
                self._counted(key, make, reader, _state(reader))
        except MezzetinError as error:
            _log.warning("the gallery's counts are old: %s", error)
        finally:
            with self._lock:
                self._under_way.discard(key)


def _state(reader: Reader) -> tuple[int, int]:
    """What changes with any picture or text, and with any that is forgotten."""
    changed = reader.one("SELECT coalesce(max(seq), 0) FROM changes")
    forgotten = reader.one("SELECT count(*) FROM forgotten")
    return (changed[0] if changed else 0, forgotten[0] if forgotten else 0)


def _facets(reader: Reader, sight: Sight) -> Facets:
    seen = f"pictures.status NOT IN ({', '.join('?' * len(UNSEEN))})" + ("" if sight.inside else " AND restricted = 0")
    shown = f"texts.status IN ({', '.join('?' * len(sight.statuses))})"
    statuses = dict.fromkeys(STATUSES, 0)
    languages: dict[str, int] = {}
    for row in reader.rows(
        "SELECT texts.status, texts.lang, count(*) FROM chosen JOIN texts ON texts.id = chosen.text_id"  # noqa: S608
        f" JOIN pictures ON pictures.id = chosen.picture_id WHERE {seen} AND {shown} AND texts.kind = 'alt'"
        " GROUP BY texts.status, texts.lang",
        (*UNSEEN, *sight.statuses),
    ):
        statuses[OF[row[0]]] += row[2]
        languages[row[1]] = languages.get(row[1], 0) + row[2]
    sources = _grouped(reader, "source", seen, _MOST_SOURCES) if sight.inside else {}
    return Facets(
        {name: number for name, number in statuses.items() if number},
        dict(sorted(languages.items())),
        sources,
        sorted(_grouped(reader, "artist", seen, _MOST_ARTISTS), key=str.casefold),
    )


def _distinct(reader: Reader, column: str) -> list[str]:
    return [row[0] for row in reader.rows(f"SELECT DISTINCT {column} FROM pictures WHERE {column} <> ''")]  # noqa: S608


def _spans(reader: Reader) -> dict[str, tuple[int, int]]:
    spans = ((date, days_of(date)) for date in _distinct(reader, "date"))
    return {date: span for date, span in spans if span is not None}


def _has_vectors(reader: Reader, space: str) -> bool:
    row = reader.one("SELECT 1 FROM vectors WHERE space = ? AND text_id IS NULL LIMIT 1", (space,))
    return row is not None


def _grouped(reader: Reader, column: str, seen: str, most: int) -> dict[str, int]:
    rows = reader.rows(
        f"SELECT {column}, count(*) AS number FROM pictures WHERE {seen} AND {column} <> '' GROUP BY {column}"  # noqa: S608
        " ORDER BY number DESC LIMIT ?",
        (*UNSEEN, most),
    )
    return {row[0]: row[1] for row in rows}
