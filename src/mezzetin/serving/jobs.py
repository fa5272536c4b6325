"""Jobs: folders and lists that are too long for one answer, captioned while nobody waits.

Enters: a SAS URI or URLs, from a door. Leaves: results on disk, in order (`job_store`). Two jobs run at a time, a few
pictures each under way, behind whatever is asked in the foreground. A server that was stopped or killed goes on where
it was when it starts again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from mezzetin.errors import MezzetinError
from mezzetin.records import ItemError
from mezzetin.serving.answers import Answer, Overloaded
from mezzetin.serving.engine import Engine
from mezzetin.serving.job_store import Job, JobStore, is_old
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.sources import name_of, pictures_below
from mezzetin.serving.threads import Threads
from mezzetin.serving.wire import item_out
from mezzetin.storage.paths import Place

_AT_A_TIME = 2
_UNDER_WAY = 8
_PATIENCE = 24 * 3600.0
_RETRY_AFTER = 60
_log = logging.getLogger("mezzetin.serving")


class JobRunner:
    """The jobs of one server; everything happens on one event loop."""

    def __init__(self, settings: ServeSettings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._jobs: dict[str, Job] = {}
        self._queue: deque[str] = deque()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._listers = Threads("list", _AT_A_TIME)
        self._opened: JobStore | None = None

    def open(self) -> None:
        """Take possession of the folder; `start` does it where nobody has.

        Raises:
            EnvironmentProblem: it can't be written, or another server uses it.

        """
        if self._opened is None:
            self._opened = JobStore(self._settings.jobs_folder)

    def start(self) -> None:
        """Go on with the jobs that are on disk; raises what `open` raises."""
        self.open()
        for job in self._store.load():
            self._jobs[job.id] = job
            if not job.ended:
                self._queue.append(job.id)
        self._go_on()

    async def stop(self) -> None:
        """Leave off; what is done is on disk."""
        tasks = list(self._running.values())
        self._queue.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._listers.close()
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def unfinished(self) -> int:
        """How many jobs run or wait."""
        return len(self._queue) + len(self._running)

    def submit(
        self,
        *,
        sas_uri: str | None = None,
        urls: Sequence[str] = (),
        owner: str | None = None,
        neutral: bool = False,
        external: Sequence[str] = (),
    ) -> Job:
        """Begin a job of a SAS URI's folder or of URLs; `owner` is who may ask for it.

        Raises:
            Overloaded: too many jobs are unfinished.
            EnvironmentProblem: the disk refuses.

        """
        if self.unfinished >= self._settings.jobs_unfinished:
            raise Overloaded(_RETRY_AFTER, "too many jobs are unfinished: try again later")
        self._tidy()
        job = self._store.new(owner, neutral=neutral, external=tuple(external))
        if sas_uri is not None:
            self._store.keep_source(job.id, sas_uri)
        else:
            job = replace(job, total=self._store.keep_items(job.id, urls))
        self._keep(job)
        self._queue.append(job.id)
        self._go_on()
        return self._jobs[job.id]

    def get(self, job_id: str, owner: str | None) -> Job | None:
        """A job; None where there is none that `owner` may know of."""
        job = self._jobs.get(job_id)
        return job if job is not None and job.owner == owner else None

    def results(self, job_id: str) -> Path:
        """The file of a job's results, one JSON object a line, as far as it is; it may not be there yet."""
        return self._store.results(job_id)

    async def remove(self, job_id: str) -> None:
        """End a job and forget its results."""
        if job_id in self._queue:
            self._queue.remove(job_id)
        task = self._running.get(job_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._jobs.pop(job_id, None) is not None:
            self._store.remove(job_id)

    @property
    def _store(self) -> JobStore:
        if self._opened is None:
            raise RuntimeError("jobs are there once the server has started")
        return self._opened

    def _keep(self, job: Job) -> None:
        self._jobs[job.id] = job
        self._store.save(job)

    def _tidy(self) -> None:
        for job in [job for job in self._jobs.values() if job.ended and is_old(job, self._settings.jobs_days)]:
            del self._jobs[job.id]
            self._store.remove(job.id)

    def _go_on(self) -> None:
        while self._queue and len(self._running) < _AT_A_TIME:
            job_id = self._queue.popleft()
            task = asyncio.get_running_loop().create_task(self._run(job_id))
            self._running[job_id] = task
            task.add_done_callback(partial(self._ended, job_id))

    def _ended(self, job_id: str, task: asyncio.Task[None]) -> None:
        del self._running[job_id]
        if not task.cancelled() and (failure := task.exception()) is not None:
            if not isinstance(failure, MezzetinError | OSError):
                _log.error("a job broke off: %s", type(failure).__name__)
            text = str(failure) if isinstance(failure, MezzetinError) else "the job can't go on: ask the operator"
            with suppress(OSError):
                self._keep(replace(self._jobs[job_id], state="failed", error=ItemError("job_failed", text)))
        if not task.cancelled():
            self._go_on()

    async def _run(self, job_id: str) -> None:
        folder = self._folder(job_id)
        job = self._jobs[job_id]
        if job.total is None and folder is not None:
            listed = (file.address.path for file in pictures_below(folder))
            total = await self._listers.run(partial(self._store.keep_items, job_id, listed))
            job = replace(job, total=total)
        done, failed = self._store.mend(job_id)
        self._keep(replace(job, state="running", done=done, failed=failed))
        under_way: deque[tuple[str, asyncio.Task[Answer]]] = deque()
        try:
            for source in self._sources(job_id, folder, done):
                under_way.append((name_of(source), asyncio.ensure_future(self._caption(source, job))))
                if len(under_way) >= _UNDER_WAY:
                    await self._add(job_id, *under_way.popleft())
            while under_way:
                await self._add(job_id, *under_way.popleft())
        finally:
            for _, task in under_way:
                task.cancel()
        self._keep(replace(self._jobs[job_id], state="done"))

    def _folder(self, job_id: str) -> Place | None:
        sas_uri = self._store.source(job_id)
        return None if sas_uri is None else Place.of_stranger(sas_uri)

    def _sources(self, job_id: str, folder: Place | None, skip: int) -> Iterator[str | Place]:
        for item in self._store.items(job_id, skip):
            yield item if folder is None else Place(folder.address.at(item))

    async def _caption(self, source: str | Place, job: Job) -> Answer:
        external = [name for name in job.external if name in self._engine.external]
        (answer,) = await self._engine.caption(
            [source],
            deadline=time.monotonic() + _PATIENCE,
            neutral=job.neutral,
            external=external,
            background=True,
        )
        return answer

    async def _add(self, job_id: str, name: str, task: asyncio.Task[Answer]) -> None:
        answer = await task
        job = self._jobs[job_id]
        self._store.add(job_id, item_out(job.done, name, answer).model_dump_json())
        self._jobs[job_id] = replace(job, done=job.done + 1, failed=job.failed + (answer.error is not None))
