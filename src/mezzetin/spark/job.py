"""A job: the parts of a listing, each done by one task of Spark and kept as one file, which says that it is done.

Enters: parts and what is to be done with one. Leaves: `part-<name>.parquet` for each in the job's folder. A file
appears whole or not at all and its name says what is in it, so that a job that was cut off goes on, a task that runs
twice doubles nothing, and a lost executor costs the parts that it was at.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mezzetin.errors import EnvironmentProblem
from mezzetin.records import Progress
from mezzetin.spark.listing import Part
from mezzetin.spark.session import failure, spark_errors
from mezzetin.storage.paths import Place, writing

Do = Callable[[str], int]
Report = Callable[[Progress], None]
_LOOK_S = 1.0
_LOOK_FAR_S = 5.0


@dataclass(frozen=True, slots=True)
class Done:
    """A job's end: its parts in order with their rows, and how many of these were there already."""

    parts: tuple[tuple[str, int], ...]
    resumed: int

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(rows for _, rows in self.parts)


def part_file(work: Place, name: str) -> Place:
    """Where a part's rows are; being there, they are all there."""
    return work / f"part-{name}.parquet"


def listing_file(work: Place, name: str) -> Place:
    """Where a part's entries are; Spark and Arrow pass over names that begin like this."""
    return work / f"_listing-{name}.json"


def run(
    session: Any, work: Place, listing: Iterable[Part], make: Callable[[], Do], report: Report, task: str = "spark"
) -> Done:
    """Have every part done that is not yet; `make` is called once all are listed, for what does one, by its name.

    Raises:
        EnvironmentProblem: the job ended: a store refuses, the disk is full, or tasks failed again and again; the same
            call goes on.
        BundleError: the bundle can't be used on the executors.

    """
    kept = set(names_there(work))
    listed, todo, resumed, total = [], [], 0, 0
    for part in listing:
        listed.append((part.name, part.rows))
        total += part.rows
        if part.name in kept:
            resumed += part.rows
        else:
            todo.append((part.name, part.rows))
            with writing(work):
                listing_file(work, part.name).write(part.text)
        report(Progress("list", total, None))
    if todo:
        _run(session, work, dict(todo), make(), report, (task, resumed, total))
    for name, _ in todo:
        listing_file(work, name).delete()
    return Done(tuple(listed), resumed)


def names_there(work: Place) -> Iterator[str]:
    """The names of the parts that are done."""
    if work.is_folder():
        for child in work.children():
            if child.name.startswith("part-") and child.name.endswith(".parquet"):
                yield child.name.removeprefix("part-").removesuffix(".parquet")


def _run(session: Any, work: Place, todo: dict[str, int], do: Do, report: Report, shown: tuple[str, int, int]) -> None:
    """Run the job on a thread and tell meanwhile how far it is, by the files that are there."""
    names = list(todo)
    frame = session.range(0, len(names), 1, len(names)).mapInArrow(_over(do, names), "name string, rows bigint")
    ended: list[BaseException | None] = []

    def collect() -> None:
        try:
            frame.collect()
            ended.append(None)
        except spark_errors() as error:
            ended.append(error)

    thread = threading.Thread(target=collect, name="spark-job", daemon=True)
    thread.start()
    try:
        _watch(thread, work, todo, report, shown)
    except BaseException:
        _cancel(session)
        thread.join(10)
        raise
    if not ended or ended[0] is not None:
        error = ended[0] if ended else None
        raise failure(error) if error else EnvironmentProblem("the Spark job ended without a word: run it again")


def _watch(
    thread: threading.Thread, work: Place, todo: dict[str, int], report: Report, shown: tuple[str, int, int]
) -> None:
    task, before, total = shown
    every = _LOOK_S if work.is_local else _LOOK_FAR_S
    looked = time.monotonic()
    while thread.is_alive():
        thread.join(0.1)
        if time.monotonic() - looked >= every:
            done = before + sum(todo.get(name, 0) for name in names_there(work))
            report(Progress(task, min(done, total), total))
            looked = time.monotonic()


def _cancel(session: Any) -> None:
    with suppress(*spark_errors()):
        if "connect" in type(session).__module__:
            session.interruptAll()
        else:
            session.sparkContext.cancelAllJobs()


def _over(do: Do, names: list[str]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """The function that Spark runs: numbers of parts in, their names and rows out."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            for number in batch.column(0).to_pylist():
                rows = do(names[number])
                yield pa.RecordBatch.from_pydict({"name": [names[number]], "rows": pa.array([rows], pa.int64())})

    return run


def clear(work: Place) -> None:
    """Remove a job's folder and what it left there."""
    if not work.is_folder():
        return
    for child in list(work.children()):
        if child.name.startswith(("part-", "_listing-")):
            child.delete()
    if work.is_local:
        with suppress(OSError):
            work.local_path().rmdir()
