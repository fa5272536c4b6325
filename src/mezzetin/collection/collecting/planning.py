"""Planning: for each record of a source, what the collection knows of it and what is still to be done.

Enters: records, some hundred at a time. Leaves: plans: whether the picture has to be read, and which captioners have
nothing of it yet. Nothing is written here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from mezzetin.collection.collecting.options import CollectOptions
from mezzetin.collection.collecting.panel import Panel
from mezzetin.collection.marks import is_forgotten
from mezzetin.collection.opening import Reader
from mezzetin.collection.pictures import picture_of
from mezzetin.collection.rows import Picture
from mezzetin.collection.sources import SourceRecord
from mezzetin.external import is_restricted

_TOGETHER = 250
_MOST_ALIKE = 20


@dataclass(frozen=True, slots=True)
class _Text:
    """What decides whether a captioner is asked again."""

    lang: str
    source: str
    status: str
    signature: str | None
    of_sha256: str | None


@dataclass(slots=True)
class Known:
    """A picture of the collection with its short texts, and which captioners failed at it."""

    picture: Picture
    texts: list[_Text] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)

    @property
    def is_unusable(self) -> bool:
        """Whether its file could not be used, which no captioner can mend."""
        return self.picture.status == "failed" and not self.silent


@dataclass(slots=True)
class Plan:
    """A record, what is known of it by page, and whether its picture has to be read."""

    record: SourceRecord
    known: dict[int, Known]
    restricted: bool
    is_forgotten: bool = False
    reads: bool = True

    def known_before(self) -> Known | None:
        """The picture of the first page."""
        return self.known.get(0)


class Planner:
    """Makes the plans of one run."""

    def __init__(self, panel: Panel, options: CollectOptions) -> None:
        self._languages, self._signatures = panel.languages, panel.signatures
        self._names = panel.names
        self._leaving = frozenset(name for name, other in panel.others.items() if other.leaves)
        self._options = options

    def plans(self, records: Iterable[SourceRecord], reader: Reader | None) -> Iterator[Plan]:
        """Plan records in their order; without a collection everything is new."""
        source = iter(records)
        while chunk := list(islice(source, _TOGETHER)):
            known = {} if reader is None else _known_places(reader, [record.uri for record in chunk])
            for record in chunk:
                forgotten = reader is not None and is_forgotten(reader, None, record.uri)
                yield self._plan(record, known.get(record.uri, {}), is_forgotten=forgotten)

    def wanted(self, known: Known | None, sha256: str | None, *, restricted: bool) -> frozenset[str]:
        """Which captioners are to describe a picture whose bytes have this digest."""
        names = self._names if not restricted else [name for name in self._names if name not in self._leaving]
        if known is None:
            return frozenset(names)
        return frozenset(name for name in names if self._is_wanted(name, known, sha256))

    def withheld(self, *, restricted: bool) -> bool:
        """Whether a picture is kept from somebody because it is restricted."""
        return restricted and bool(self._leaving)

    def _plan(self, record: SourceRecord, known: dict[int, Known], *, is_forgotten: bool) -> Plan:
        before = known.get(0)
        marked = record.restricted if record.restricted is not None else bool(before and before.picture.restricted)
        plan = Plan(record, known, marked or is_restricted(record.uri, self._options.restricted), is_forgotten)
        plan.reads = not is_forgotten and self._has_to_be_read(plan)
        return plan

    def _has_to_be_read(self, plan: Plan) -> bool:
        before, stamp = plan.known_before(), plan.record.stamp
        if before is None or self._options.verify:
            return True
        if stamp and stamp != before.picture.stamp:
            return True
        if before.is_unusable:
            return self._options.retry_failed
        pages = range(before.picture.pages if self._options.pages == "all" else 1)
        if any(page not in plan.known for page in pages):
            return True
        return any(
            self.wanted(one, one.picture.sha256, restricted=plan.restricted)
            for one in plan.known.values()
            if not one.is_unusable
        )

    def _is_wanted(self, name: str, known: Known, sha256: str | None) -> bool:
        said = [text for text in known.texts if text.lang == self._languages[name]]
        # A person wants no machine's text here, whichever machine.
        if any(text.status == "deleted" for text in said):
            return False
        own = [text for text in said if text.source == name]
        is_new = self._options.refresh and all(text.signature != self._signatures[name] for text in own)
        live = [text for text in own if text.status != "rejected"]
        if live:
            return any(text.status == "machine" and (text.of_sha256 != sha256 or is_new) for text in live)
        if own:
            return is_new
        return self._options.retry_failed or name not in known.silent or sha256 != known.picture.sha256


def known_bytes(reader: Reader, sha256: str, page: int) -> list[Known]:
    """The pictures with these bytes, wherever they were met."""
    rows = reader.rows(
        "SELECT * FROM pictures WHERE sha256 = ? AND page = ? ORDER BY id LIMIT ?", (sha256, page, _MOST_ALIKE)
    )
    return _with_texts(reader, [Known(picture_of(row)) for row in rows])


def _known_places(reader: Reader, uris: list[str]) -> Mapping[str, dict[int, Known]]:
    rows = reader.rows(
        "SELECT * FROM pictures WHERE uri IN (SELECT value FROM json_each(?))",
        (json.dumps(uris),),
    )
    found: defaultdict[str, dict[int, Known]] = defaultdict(dict)
    for known in _with_texts(reader, [Known(picture_of(row)) for row in rows]):
        found[known.picture.uri][known.picture.page] = known
    return found


def _with_texts(reader: Reader, known: list[Known]) -> list[Known]:
    by_number = {one.picture.id: one for one in known}
    numbers = json.dumps(list(by_number))
    for row in reader.rows(
        "SELECT picture_id, lang, source, status, signature, of_sha256 FROM texts WHERE kind = 'alt'"
        " AND status <> 'withdrawn' AND picture_id IN (SELECT value FROM json_each(?))",
        (numbers,),
    ):
        by_number[row[0]].texts.append(_Text(*tuple(row)[1:]))
    for row in reader.rows(
        "SELECT picture_id, source FROM failures WHERE picture_id IN (SELECT value FROM json_each(?))", (numbers,)
    ):
        by_number[row[0]].silent.add(row[1])
    return known
