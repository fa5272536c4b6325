"""One run of `collect`: a source in, a collection that knows all of it out.

In order: records, plans, reading, tasks, captions, rows; each a stream, so that memory does not depend on how many
pictures there are. A run that was cut off is gone on with by the next, which finds every picture as it was left.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from mezzetin.captioner import BundleCaptioner
from mezzetin.collection import runs
from mezzetin.collection.collecting.content import Outcome, ahead, read
from mezzetin.collection.collecting.forecast import forecast
from mezzetin.collection.collecting.options import Collected, CollectOptions, Forecast
from mezzetin.collection.collecting.pace import Pace
from mezzetin.collection.collecting.panel import Panel, Told
from mezzetin.collection.collecting.planning import Plan, Planner
from mezzetin.collection.collecting.recording import Recorder
from mezzetin.collection.collecting.tasks import Task, TaskMaker
from mezzetin.collection.opening import Collection
from mezzetin.collection.pictures import mark_gone
from mezzetin.collection.rows import Actor
from mezzetin.collection.sources import Skip, Source, SourceOptions, SourceRecord, Web, open_source
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.external import External
from mezzetin.records import Progress
from mezzetin.worker import BATCH, in_batches, processors

Report = Callable[[Progress], None]


def collect(
    source: str | Path,
    collection: str | Path,
    *,
    own: Sequence[BundleCaptioner],
    others: Mapping[str, External] | None = None,
    options: CollectOptions | None = None,
    report: Report = lambda progress: None,
) -> Collected:
    """Describe every picture of a source and keep the result in a collection, which is made where there is none.

    Raises:
        InputError: the source is none, or has no pictures, or nobody is there to describe them.
        FormatError: `collection` is something else.
        EnvironmentProblem: a store refuses or does not answer, the disk is full, or another run is under way; what was
            described until then is kept, and the same call goes on.

    """
    chosen = options or CollectOptions()
    with ExitStack() as stack:
        web = stack.enter_context(Web(chosen.allow_hosts, per_second=chosen.per_second))
        panel = stack.enter_context(Panel(own, others or {}))
        found = open_source(str(source), SourceOptions(web, chosen.mapping, chosen.lang))
        shown = _first_looked_at(found)
        kept = stack.enter_context(Collection.open(collection, create=True))
        stack.enter_context(_alone(kept.path))
        return _Run(found, shown, kept, panel, web, chosen).go(report)


def foresee(
    source: str | Path,
    collection: str | Path,
    *,
    own: Sequence[BundleCaptioner],
    others: Mapping[str, External] | None = None,
    options: CollectOptions | None = None,
    report: Report = lambda progress: None,
) -> Forecast:
    """Say what `collect` would do and how long it would take; nothing is written, and nobody else is asked.

    Raises:
        InputError: the source is none, or has no pictures.
        FormatError: `collection` is something else.
        EnvironmentProblem: a store refuses or does not answer.

    """
    chosen = options or CollectOptions()
    path = Path(collection).expanduser()
    with ExitStack() as stack:
        web = stack.enter_context(Web(chosen.allow_hosts, per_second=chosen.per_second))
        panel = stack.enter_context(Panel(own, others or {}))
        found = open_source(str(source), SourceOptions(web, chosen.mapping, chosen.lang))
        kept = stack.enter_context(Collection.open(path)) if path.exists() else None
        return forecast(found, kept, panel, web, chosen, report)


class _Run:
    """One run under way."""

    def __init__(
        self,
        source: Source,
        shown: Iterator[SourceRecord | Skip],
        collection: Collection,
        panel: Panel,
        web: Web,
        options: CollectOptions,
    ) -> None:
        self._source, self._shown, self._collection, self._panel, self._web = source, shown, collection, panel, web
        self._options = options
        self._planner = Planner(panel, options)
        self._result = Collected(source=source.name)
        self._who = ", ".join(panel.names)

    def go(self, report: Report) -> Collected:
        settings = asdict(self._options) | {"source": self._source.name}
        run = runs.start(self._collection, "collect", self._who, model=self._who, settings=settings)
        self._result.run = run.id
        recorder = Recorder(self._collection, run.id, self._who, self._options.lang, self._result)
        pace = Pace(self._result, self._expected(), report)
        try:
            self._describe_all(recorder, pace)
        except BaseException:
            # What is described is kept, whatever ends the run; a failing disk can't be helped.
            recorder.flush()
            runs.finish(self._collection, run.id, state="failed", note="it did not come to its end")
            raise
        recorder.flush()
        if self._result.listed:
            with self._collection.writing(Actor.machine(self._who), "collect", run.id) as writing:
                self._result.gone = mark_gone(writing, self._source.name)
        runs.finish(self._collection, run.id)
        self._result.seconds = pace.seconds
        return self._result

    def _expected(self) -> int | None:
        """How many pictures there are to describe, as far as can be told beforehand."""
        total = self._source.count()
        if total is None or self._options.verify:
            return total
        row = self._collection.one(
            "SELECT count(*) FROM pictures WHERE source = ? AND page = 0 AND status IN ('done', 'failed')",
            (self._source.name,),
        )
        return max(0, total - (int(row[0]) if row else 0))

    def _describe_all(self, recorder: Recorder, pace: Pace) -> None:
        maker = TaskMaker(self._collection, self._source, self._planner, self._options)
        plans = self._planner.plans(self._records(), self._collection)
        work = self._wanted_tasks(ahead(plans, self._read), maker, recorder, pace)
        workers = processors() + (2 if self._panel.others else 0)
        for task, told in in_batches(work, self._describe, batch=BATCH, workers=workers):
            recorder.add(task, told)
            pace.tell()

    def _records(self) -> Iterator[SourceRecord]:
        for record in self._shown:
            if isinstance(record, SourceRecord):
                yield record
                continue
            self._note(record)

    def _note(self, skip: Skip) -> None:
        kind = self._result.defects if skip.is_defect else self._result.left_out
        kind[skip.reason] += 1
        if skip.is_defect:
            self._result.examples.setdefault(skip.reason, f"{skip.where}: {skip.detail}")
        if skip.hides:
            self._result.listed = False

    def _read(self, plan: Plan) -> Outcome | None:
        return read(plan.record, self._web) if plan.reads else None

    def _wanted_tasks(
        self, outcomes: Iterator[tuple[Plan, Outcome | None]], maker: TaskMaker, recorder: Recorder, pace: Pace
    ) -> Iterator[Task]:
        """The tasks that somebody is to be asked about; the others are entered as they are."""
        for plan, outcome in outcomes:
            for task in maker.tasks(plan, outcome):
                if task.asked is not None:
                    yield task
                else:
                    recorder.add(task, Told())
                    pace.tell()

    def _describe(self, tasks: list[Task]) -> list[Told]:
        return self._panel.describe([task.asked for task in tasks if task.asked is not None])


def _first_looked_at(source: Source) -> Iterator[SourceRecord | Skip]:
    """The records, of which the first is there: no collection is made for a folder that is not."""
    records = source.records()
    first = next(records, None)
    if first is None:
        raise InputError(f"{source.name} has no records: check that it is the right file")
    return chain([first], records)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep a second run out of one collection: both would describe the same pictures.

    Raises:
        EnvironmentProblem: another run is under way.

    """
    beside = path.with_name(f"{path.name}.collecting")
    descriptor = _held(beside)
    if descriptor is None:
        raise EnvironmentProblem(f"{path} is being collected into by another run: wait until it is done")
    try:
        yield
    finally:
        beside.unlink(missing_ok=True)
        os.close(descriptor)


def _held(beside: Path) -> int | None:
    """A descriptor of the file, locked; None where somebody else has it."""
    while True:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had it before may have removed it between our two steps: then ours is a file that nobody finds.
            if beside.exists() and beside.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.close(descriptor)
