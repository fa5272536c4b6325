"""Work on many texts under way: one thread that does it run by run, and goes on with what was cut off.

Enters: bulk actions, and bands to approve by their sample. Leaves: runs, done. A server that ends stops between two
pieces; one that is killed has lost nothing either, since the place in the work is kept with the work. The next server
goes on, in the name of whoever began.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread

from mezzetin.collection import banding, bulk, runs
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter
from mezzetin.collection.rows import Actor, Run
from mezzetin.errors import MezzetinError
from mezzetin.records import Progress

_log = logging.getLogger(__name__)
_BEGUN_WITHIN = 20.0
Work = Callable[[], object]


class _Stopped(Exception):
    pass


class Bulks:
    """Does the work on many texts of one collection."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the thread; runs that were cut off come first."""
        for kind in ("bulk", "sample", banding.KIND):
            for run in runs.unfinished(self._collection, kind):
                self.go_on(run)
        self._thread = Thread(target=self._work, name="mezzetin-bulk", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread once the piece in its hands is kept."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def begin(self, actor: Actor, wanted: Filter, verb: str, *, upto: int) -> Run:
        """Enter a bulk action and have it done; raises what `bulk.begin` raises."""
        run = bulk.begin(self._collection, actor, wanted, verb, upto=upto)
        self.go_on(run)
        return run

    def approve_band(self, actor: Actor, sample: int, least: float | None) -> None:
        """Have a band approved by its sample; returns once that has begun, and raises what `banding.apply` raises."""
        begun: Future[None] = Future()

        def work() -> None:
            def heard(progress: Progress) -> None:
                if not begun.done():
                    begun.set_result(None)
                self._heard(progress)

            try:
                banding.apply(self._collection, actor, sample, least=least, report=heard)
            except (MezzetinError, _Stopped) as error:
                if begun.done():
                    raise
                begun.set_exception(error)
            else:
                if not begun.done():
                    begun.set_result(None)

        self._waiting.put(work)
        try:
            begun.result(_BEGUN_WITHIN)
        except TimeoutError:
            # Something else is being done first; the sample's page will tell.
            return

    def go_on(self, run: Run) -> None:
        """Have a run done that was entered."""
        who = Actor.person(run.who)
        if run.kind == banding.KIND:
            sample = int(run.settings["sample"])
            self._waiting.put(partial(banding.apply, self._collection, who, sample, report=self._heard))
        else:
            self._waiting.put(partial(bulk.resume, self._collection, who, run.id, report=self._heard))

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None and not self._stopping.is_set():
            try:
                work()
            except _Stopped:
                return
            except MezzetinError as error:
                _log.warning("a run can't go on: %s", error)

    def _heard(self, progress: Progress) -> None:
        if self._stopping.is_set():
            raise _Stopped
