"""Tasks: one a page of a picture: what is entered of it, and whom to ask what it shows.

Enters: a plan and what reading its picture gave. Leaves: tasks. A file in a new place whose bytes are known, and whose
old place is empty, was moved: it keeps its texts and nobody is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from mezzetin.collection.collecting.content import Content, Outcome
from mezzetin.collection.collecting.options import CollectOptions
from mezzetin.collection.collecting.panel import Asked
from mezzetin.collection.collecting.planning import Known, Plan, Planner, known_bytes
from mezzetin.collection.marks import is_forgotten
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Picture, Sighting
from mezzetin.collection.sources import PutOff, Source, SourceRecord
from mezzetin.records import ItemError

_REMEMBERED = 4096


@dataclass(slots=True)
class Task:
    """What is entered of one page of a picture, and who is asked about it.

    `before` is the picture as it was known, `moved_from` where it lay. `error` says why its file can't be used; a
    picture that is `put_off` is left for the next run.
    """

    record: SourceRecord
    sighting: Sighting
    before: Picture | None = None
    moved_from: str | None = None
    asked: Asked | None = None
    error: ItemError | None = None
    was_read: bool = False
    put_off: bool = False
    withheld: bool = False
    content: Content | None = None


class TaskMaker:
    """Turns plans into tasks, for one run."""

    def __init__(self, collection: Collection, source: Source, planner: Planner, options: CollectOptions) -> None:
        self._collection, self._source, self._planner, self._options = collection, source, planner, options
        self._name = source.name
        self._claimed: set[str] = set()
        self._still_there = lru_cache(maxsize=_REMEMBERED)(source.still_there)

    def tasks(self, plan: Plan, outcome: Outcome | None) -> Iterator[Task]:
        """The tasks of a record; `outcome` is None where its picture did not have to be read."""
        if isinstance(outcome, Content):
            yield from self._pages(plan, outcome)
        elif outcome is None or isinstance(outcome, PutOff):
            met = {page: known.picture for page, known in plan.known.items()}
            for page in met or (0,):
                before = met.get(page)
                sighting = replace(_sighting(self._name, plan), page=page, pages=before.pages if before else 1)
                yield Task(plan.record, sighting, before=before, put_off=isinstance(outcome, PutOff))
        else:
            first = plan.known_before()
            sighting = replace(_sighting(self._name, plan), stamp=plan.record.stamp or None)
            yield Task(plan.record, sighting, first.picture if first else None, error=outcome, was_read=True)

    def _pages(self, plan: Plan, content: Content) -> Iterator[Task]:
        last = content.pages if self._options.pages == "all" else 1
        pages = {*range(last), *(page for page in plan.known if page < content.pages)}
        for page in sorted(pages):
            yield self._task(plan, content, page)

    def _task(self, plan: Plan, content: Content, page: int) -> Task:
        known, moved_from = plan.known.get(page), None
        if known is None:
            known = self._moved(plan.record, content.sha256, page)
            moved_from = known.picture.uri if known else None
        sighting = replace(
            _sighting(self._name, plan),
            page=page,
            pages=content.pages,
            sha256=content.sha256,
            stamp=plan.record.stamp or None,
            size=content.size,
            # The header is the first page's.
            width=content.header.width if page == 0 else None,
            height=content.header.height if page == 0 else None,
            format=content.header.format,
        )
        task = Task(plan.record, sighting, known.picture if known else None, moved_from, was_read=True, content=content)
        if is_forgotten(self._collection, content.sha256, plan.record.uri):
            return task
        task.withheld = self._planner.withheld(restricted=plan.restricted)
        wanted = self._planner.wanted(known, content.sha256, restricted=plan.restricted)
        if wanted:
            task.asked = Asked(content.page(page), wanted, plan.restricted)
        return task

    def _moved(self, record: SourceRecord, sha256: str, page: int) -> Known | None:
        """The picture that a new place is of: its bytes are the same, and it is not where it was."""
        with self._collection.reading() as snapshot:
            alike = known_bytes(snapshot, sha256, page)
        for known in alike:
            old = known.picture
            # Several pages of one file move together.
            claim = f"{old.uri}#{page}"
            renamed = bool(record.record_id) and (old.source, old.record_id) == (self._name, record.record_id)
            if claim not in self._claimed and old.uri != record.uri and (renamed or not self._still_there(old.uri)):
                self._claimed.add(claim)
                return known
        return None


def _sighting(source: str, plan: Plan) -> Sighting:
    """What a record says of its picture, whether it was read or not."""
    record = plan.record
    extra = dict(record.extra)
    if record.page:
        extra["page"] = record.page
    restricted = True if plan.restricted else record.restricted
    return Sighting(
        source=source,
        uri=record.uri,
        record_id=record.record_id or None,
        title=record.title or None,
        artist=record.artist or None,
        date=record.date or None,
        licence=record.licence or None,
        restricted=restricted,
        extra=extra or None,
    )
