"""A run that is killed and taken up again ends in the same bytes as one that was left alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits
from mezzetin.errors import DatasetError

Source = Callable[..., Path]
LIMITS = Limits(group_rows=4, part_rows=8)
COUNT = 30

KILLED_AT = """
import os, signal, sys
from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits

def progress(done, total):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

ingest(sys.argv[1], sys.argv[2], limits=Limits(group_rows=4, part_rows=8), progress=progress)
"""


def kill_at(done: int, source: Path, dataset: Path) -> None:
    run = subprocess.run([sys.executable, "-c", KILLED_AT, str(source), str(dataset), str(done)], check=False)
    assert run.returncode == -signal.SIGKILL


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def source(flickr: Source) -> Path:
    made = flickr(COUNT, train=range(20), dev=range(20, 29))
    (made / "Images" / "p004.jpg").unlink()
    (made / "Images" / "p015.jpg").write_bytes((made / "Images" / "p003.jpg").read_bytes())
    return made


@pytest.mark.parametrize(("killed_at", "starts_at"), [(0, 0), (5, 0), (9, 8), (21, 16), (COUNT, 24)])
def test_killed_at_any_point_it_goes_on(source: Path, tmp_path: Path, killed_at: int, starts_at: int) -> None:
    ingest(source, tmp_path / "whole", limits=LIMITS)
    kill_at(killed_at, source, tmp_path / "killed")
    assert not (tmp_path / "killed" / "dataset.json").exists()
    heard: list[int] = []
    report = ingest(source, tmp_path / "killed", limits=LIMITS, progress=lambda done, total: heard.append(done))
    assert heard == list(range(starts_at, COUNT + 1))
    assert report.state == ("resumed" if starts_at else "made")
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_killed_twice(source: Path, tmp_path: Path) -> None:
    ingest(source, tmp_path / "whole", limits=LIMITS)
    kill_at(10, source, tmp_path / "killed")
    kill_at(20, source, tmp_path / "killed")
    ingest(source, tmp_path / "killed", limits=LIMITS)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_a_journal_cut_in_a_line_and_a_lost_part_cost_only_work(source: Path, tmp_path: Path) -> None:
    ingest(source, tmp_path / "whole", limits=LIMITS)
    kill_at(27, source, tmp_path / "killed")
    journal = tmp_path / "killed" / "ingest.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])
    (tmp_path / "killed" / "part-00001.parquet").write_bytes(b"cut")
    heard: list[int] = []
    ingest(source, tmp_path / "killed", limits=LIMITS, progress=lambda done, total: heard.append(done))
    assert heard[0] == 8
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_it_does_not_go_on_with_other_captions(source: Path, tmp_path: Path) -> None:
    kill_at(20, source, tmp_path / "killed")
    with (source / "captions.txt").open("a") as stream:
        stream.write("p000.jpg,a new caption\n")
    before = content(tmp_path / "killed")
    with pytest.raises(DatasetError, match="unfinished ingest of another source"):
        ingest(source, tmp_path / "killed", limits=LIMITS)
    assert content(tmp_path / "killed") == before


def test_a_failure_in_the_middle_leaves_only_finished_parts(source: Path, tmp_path: Path) -> None:
    def interrupted(done: int, total: int | None) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(source, tmp_path / "d", limits=LIMITS, progress=interrupted)
    assert sorted(content(tmp_path / "d")) == ["ingest.jsonl", "part-00000.parquet"]
