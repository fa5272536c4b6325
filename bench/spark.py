"""Images a second on Spark with 1 and 2 workers, against the single process with 1 and 2 threads.

    python bench/spark.py FOLDER [--count 5000]

Both sides read the same files with the bundled captioner, one thread a worker, and Spark also writes its table. The
start of Java, of the Python workers and of their captioners is measured apart: a first job captions a few pictures on
every worker. CPU-seconds are those of all processes of a side: on a machine with neighbours they say more than the
clock. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.spark.captioning import Wanted, caption_table
from mezzetin.spark.session import opened
from mezzetin.storage.pictures import find_pictures
from mezzetin.worker import caption_pictures

_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    pictures = sorted(path for path in given.folder.iterdir() if path.suffix == ".jpg")[: given.count]
    captioner = load_captioner()
    result: dict[str, Any] = {"pictures": len(pictures), "processors": os.cpu_count()}
    for workers in given.workers:
        alone = _timed(partial(_alone, captioner, pictures, workers))
        spark, start = _spark(captioner, pictures, workers)
        result[f"{workers} threads"] = _told(alone, len(pictures))
        result[f"local[{workers}]"] = _told(spark, len(pictures)) | {"start_s": round(start, 1)}
        result[f"overhead of {workers}"] = {
            "clock": round(spark[0] / alone[0] - 1, 3),
            "cpu": round(spark[1] / alone[1] - 1, 3),
        }
        print(json.dumps(result), flush=True)


def _alone(captioner: BundleCaptioner, pictures: list[Path], workers: int) -> None:
    done = sum(1 for _ in caption_pictures(captioner, find_pictures(pictures), workers=workers))
    assert done == len(pictures)


def _spark(captioner: BundleCaptioner, pictures: list[Path], workers: int) -> tuple[tuple[float, float], float]:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        with opened(f"local[{workers}]") as session:
            few = [path for number, path in enumerate(pictures) if number % (len(pictures) // 32) == 0]
            caption_table(session, few, Path(folder) / "warm", Wanted(captioner))
            start = time.perf_counter() - begun
            table = Path(folder) / "table"
            taken = _timed(lambda: caption_table(session, pictures, table, Wanted(captioner)))
        return taken, start


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and CPU-seconds of this process and all below it."""
    before, begun = _cpu(), time.perf_counter()
    work()
    return time.perf_counter() - begun, _cpu() - before


def _cpu() -> float:
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            # Of children that have ended as well (fields 16 and 17).
            parents[int(entry.name)] = int(fields[1])
            used[int(entry.name)] = sum(map(int, fields[11:15])) / _TICKS
    family = found = {os.getpid()}
    while found:
        found = {pid for pid, parent in parents.items() if parent in family} - family
        family |= found
    return sum(used.get(pid, 0.0) for pid in family)


def _told(taken: tuple[float, float], count: int) -> dict[str, float]:
    return {
        "images_a_second": round(count / taken[0], 1),
        "cpu_ms_a_picture": round(taken[1] / count * 1000, 1),
    }


if __name__ == "__main__":
    main()
