"""Jobs: in order, once each, over a restart; and no secret outlives them."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from mezzetin.errors import EnvironmentProblem
from mezzetin.records import Caption, ItemError, ModelInfo
from mezzetin.serving.answers import Answer, Overloaded
from mezzetin.serving.engine import Engine
from mezzetin.serving.jobs import JobRunner
from mezzetin.serving.settings import ServeSettings

INFO = ModelInfo("stub", "1", "0", "none")
SIGNATURE = "c2VjcmV0"
URLS = [f"https://a.example/{number}.jpg?sig={SIGNATURE}" for number in range(20)]


class Slow:
    """An engine that answers so many pictures and then no more; every third is an error."""

    external: tuple[str, ...] = ()

    def __init__(self, most: int) -> None:
        self.left = most
        self.asked: list[str] = []

    async def caption(self, pictures: Sequence[str], **wishes: Any) -> list[Answer]:
        assert wishes["background"] is True
        (url,) = pictures
        self.asked.append(url)
        if self.left == 0:
            await asyncio.Event().wait()
        self.left -= 1
        await asyncio.sleep(0)
        bad = int(url.split("/")[3].partition(".")[0]) % 3 == 0
        error = ItemError("missing", "it is not there") if bad else None
        return [Answer(Caption(None if bad else "A dog.", "en", INFO, error=error))]


def runner(folder: Path, most: int = 1000, **settings: Any) -> JobRunner:
    return JobRunner(ServeSettings(jobs=folder, **settings), cast("Engine", Slow(most)))


def with_jobs(jobs: JobRunner, work: Callable[[JobRunner], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        jobs.start()
        try:
            await asyncio.wait_for(work(jobs), 20)
        finally:
            await jobs.stop()

    asyncio.run(run())


async def until(jobs: JobRunner, job_id: str, done: int) -> None:
    while (job := jobs.get(job_id, None)) is None or job.done < done:
        await asyncio.sleep(0.001)


async def ended(jobs: JobRunner, job_id: str) -> None:
    while (job := jobs.get(job_id, None)) is None or not job.ended:
        await asyncio.sleep(0.001)


def holds_secret(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SIGNATURE.encode() in path.read_bytes()]


def test_a_job_goes_on_where_a_stopped_server_left_it(tmp_path: Path) -> None:
    made: list[str] = []

    async def begin(jobs: JobRunner) -> None:
        job = jobs.submit(urls=URLS)
        made.append(job.id)
        assert (job.state, job.total, job.done) == ("queued", 20, 0)
        await until(jobs, job.id, 7)

    with_jobs(runner(tmp_path, most=7), begin)
    (job_id,) = made
    (secret,) = holds_secret(tmp_path)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    # Killed while a line was being written.
    with (tmp_path / job_id / "results.jsonl").open("ab") as stream:
        stream.write(b'{"index": 7, "ima')

    async def go_on(jobs: JobRunner) -> None:
        await ended(jobs, job_id)
        job = jobs.get(job_id, None)
        assert job is not None and (job.state, job.done, job.failed, job.total) == ("done", 20, 7, 20)
        rows = [json.loads(line) for line in jobs.results(job_id).read_text().splitlines()]
        assert [row["index"] for row in rows] == list(range(20))
        assert [row["image"] for row in rows] == [url.replace(SIGNATURE, "…") for url in URLS]
        assert [row["error"] is not None for row in rows] == [number % 3 == 0 for number in range(20)]

    again = runner(tmp_path)
    with_jobs(again, go_on)
    assert cast("Slow", again._engine).asked == URLS[7:]
    assert holds_secret(tmp_path) == []

    async def still_there(jobs: JobRunner) -> None:
        job = jobs.get(job_id, None)
        assert job is not None and (job.state, job.done) == ("done", 20)
        assert jobs.unfinished == 0

    with_jobs(runner(tmp_path), still_there)


def test_a_job_is_its_owner_s(tmp_path: Path) -> None:
    async def work(jobs: JobRunner) -> None:
        job = jobs.submit(urls=URLS[:1], owner="key-1")
        assert jobs.get(job.id, "key-1") is not None
        assert jobs.get(job.id, "key-2") is None and jobs.get(job.id, None) is None

    with_jobs(runner(tmp_path), work)


def test_a_removed_job_leaves_nothing(tmp_path: Path) -> None:
    async def work(jobs: JobRunner) -> None:
        running, second, waiting = (jobs.submit(urls=URLS) for _ in range(3))
        await until(jobs, running.id, 2)
        for job in (running, waiting, second):
            await jobs.remove(job.id)
            assert jobs.get(job.id, None) is None
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]

    with_jobs(runner(tmp_path, most=5), work)


def test_a_job_that_can_t_be_listed_says_so_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEZZETIN_STORE_HOSTS", raising=False)

    async def work(jobs: JobRunner) -> None:
        bad = jobs.submit(sas_uri=f"https://unlisted.example/c?sv=1&sig={SIGNATURE}")
        good = jobs.submit(urls=URLS[:2])
        await ended(jobs, good.id)
        await ended(jobs, bad.id)
        failed = jobs.get(bad.id, None)
        assert failed is not None and failed.state == "failed" and failed.error is not None
        assert "SAS URL" in failed.error.message

    with_jobs(runner(tmp_path), work)
    assert holds_secret(tmp_path) == []


def test_too_many_jobs_are_refused_and_old_ones_forgotten(tmp_path: Path) -> None:
    async def work(jobs: JobRunner) -> None:
        first = jobs.submit(urls=URLS[:1])
        await ended(jobs, first.id)
        for _ in range(2):
            jobs.submit(urls=URLS)
        with pytest.raises(Overloaded):
            jobs.submit(urls=URLS)
        assert jobs.get(first.id, None) is None

    with_jobs(runner(tmp_path, most=1, jobs_unfinished=2, jobs_days=1e-12), work)


def test_a_folder_belongs_to_one_server(tmp_path: Path) -> None:
    async def work(jobs: JobRunner) -> None:
        with pytest.raises(EnvironmentProblem, match="--jobs"):
            runner(tmp_path).open()

    with_jobs(runner(tmp_path), work)
    with_jobs(runner(tmp_path), lambda jobs: asyncio.sleep(0))
