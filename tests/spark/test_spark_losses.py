"""What a cluster loses in the middle of a job: a Python worker, an executor, processes on poisoned pictures."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mezzetin import api
from mezzetin.captioner import load_captioner
from mezzetin.spark.tasks import read_part
from mezzetin.storage.paths import Place
from tests.unit.collection_sources.museum import painted

ROOT = Path(__file__).parents[2]
PICTURES = 500
EXECUTOR = "CoarseGrainedExecutorBackend"
POISONED = {"killer.jpg", "sleeper.jpg"}
# Every Python that sees this module as it starts does what a broken decoder would when it opens such a picture.
POISON = """import os, signal, sys, time
def look(event, details):
    name = str(details[0]) if event == 'open' else ''
    if name.endswith('killer.jpg'):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.endswith('sleeper.jpg'):
        time.sleep(600)
if 'mezzetin.spark.child' in ' '.join(sys.orig_argv):
    sys.addaudithook(look)
"""


def test_a_lost_worker_a_lost_executor_and_poisoned_pictures_cost_no_row(tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("there is no Java: Spark needs 17")
    folder, table = tmp_path / "pictures", tmp_path / "table"
    folder.mkdir()
    paintings = [painted(number) for number in range(8)]
    for number in range(PICTURES):
        (folder / f"p{number:03}.jpg").write_bytes(paintings[number % 8])
    for name in POISONED:
        (folder / name).write_bytes(paintings[0])
    (tmp_path / "sitecustomize.py").write_text(POISON)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "tests.spark.table_by_cluster", str(folder), str(table)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as job:
        try:
            lost = _lose_a_worker_and_an_executor(job, table)
            told, _ = job.communicate(timeout=150)
        finally:
            for pid in [*_below(job.pid), job.pid] if job.poll() is None else []:
                _kill(pid)
    assert job.returncode == 0 and lost == ["worker", "executor"]
    assert json.loads(told) == {"rows": PICTURES + 2, "failed": {"undecodable": 2}}
    rows = [row for name in _names(table) for row in read_part(Place.of(table), name)]
    assert Counter(Path(row["uri"]).name for row in rows) == Counter(path.name for path in folder.iterdir())
    assert {Path(row["uri"]).name for row in rows if row["error"]} == POISONED
    eight = sorted(folder.glob("p00[0-7]*"))
    here = [caption.text for _, caption in api.caption(eight, captioner=load_captioner(beam=1))]
    said = {Path(row["uri"]).name: row["caption"] for row in rows}
    assert all(said[f"p{number:03}.jpg"] == here[number % 8] for number in range(PICTURES))


def _lose_a_worker_and_an_executor(job: subprocess.Popen[str], table: Path) -> list[str]:
    """Kill a Python worker as soon as one captions, then an executor at work; say what was killed."""
    lost: list[str] = []
    until = time.monotonic() + 120
    while job.poll() is None and len(lost) < 2 and time.monotonic() < until:
        time.sleep(0.05)
        below = _below(job.pid)
        if not any("mezzetin.spark.child" in command for command in below.values()):
            continue
        if not lost:
            victims = [_parent(pid) for pid, command in below.items() if "mezzetin.spark.child" in command]
        else:
            # One that captions at this moment, and only while the table is not made yet.
            victims = [pid for pid, command in below.items() if EXECUTOR in command and _captions(pid)]
            if not victims or (table / "_captions.json").exists():
                continue
        lost.append("executor" if lost else "worker")
        _kill(victims[0])
        time.sleep(1)
    return lost


def _captions(pid: int) -> bool:
    return any("mezzetin.spark.child" in command for command in _below(pid).values())


def _names(table: Path) -> list[str]:
    return [path.stem.removeprefix("part-") for path in sorted(table.glob("part-*.parquet"))]


def _below(pid: int) -> dict[int, str]:
    """The command of every process that descends from one."""
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = _parent(int(entry.name))
                commands[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
    found, fresh = set[int](), {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return {child: commands[child] for child in found if child in commands}


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
