"""`mezzetin store` from the command line."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Start = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"one")
    (folder / "deep" / "b.jpg").write_bytes(b"two")
    return folder


def test_it_prints_its_counts(mezzetin: Command, source: Path, tmp_path: Path) -> None:
    answer = mezzetin("store", source, tmp_path / "target")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"{source} to {tmp_path / 'target'}: 2 copied (6 B in ")
    (report,) = mezzetin("store", source, tmp_path / "target", "--json").objects
    assert (report["copied"], report["there"], report["failed"], report["problems"]) == (0, 2, 0, [])


def test_a_conflict_is_named_and_the_exit_code_is_1(mezzetin: Command, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "a.jpg").write_bytes(b"own")
    answer = mezzetin("store", source, target)
    assert answer.code == 1
    assert ", 1 in conflict, " in answer.out
    assert answer.err == "a.jpg: another file of that name is there: --overwrite replaces it\n"
    as_json = mezzetin("store", source, target, "--json")
    assert (as_json.code, as_json.err) == (1, "")
    assert [(one["name"], one["kind"]) for one in as_json.objects[0]["problems"]] == [("a.jpg", "conflict")]
    assert (target / "a.jpg").read_bytes() == b"own"
    assert mezzetin("store", source, target, "--overwrite").code == 0
    assert (target / "a.jpg").read_bytes() == b"one"


def test_patterns_and_a_dry_run(mezzetin: Command, source: Path, tmp_path: Path) -> None:
    line = ["store", source, tmp_path / "target", "--include", "a.*", "--include", "*.png"]
    assert ": 1 would be copied (3 B in " in mezzetin(*line, "--dry-run").out
    assert not (tmp_path / "target").exists()
    assert mezzetin(*line).code == 0
    assert [path.name for path in (tmp_path / "target").rglob("*")] == ["a.jpg"]


def test_many_problems_are_counted_and_some_are_named(mezzetin: Command, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for number in range(30):
        (tmp_path / "source" / f"link{number:02}").symlink_to("nowhere")
    (tmp_path / "source" / "a").touch()
    answer = mezzetin("store", tmp_path / "source", tmp_path / "target")
    assert answer.code == 1
    *named, last = answer.err.splitlines()
    assert len(named) == 20 and last.startswith("and 10 more")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["none", "target"], 2, "is not there: check the path"),
        (["empty", "target"], 2, "holds no files"),
        (["source", "source/deep"], 2, "overlap"),
        (["source", "https://museum.example/x"], 2, "can't be written to"),
        (["ftp://host/x", "target"], 2, "not known"),
        (["source", "/proc/target"], 3, "can't be written"),
        (["source", "target", "--jobs", "0"], 2, "--help"),
    ],
)
def test_what_ends_in_one_line(
    mezzetin: Command,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    answer = mezzetin("store", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith("error: ") and answer.err.count("\n") == 1 and says in answer.err


def test_ctrl_c_and_the_same_command_again(start: Start, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    content = os.urandom(1 << 20) * 8
    for number in range(60):
        (source / f"{number:02}.bin").write_bytes(content)
    process = start("store", source, target)
    while not (target.exists() and any(target.glob("*.bin"))) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "stopped: the same command goes on where it was cut off\n"
    there = list(target.iterdir())
    assert 0 < len(there) < 60 and all(path.suffix == ".bin" for path in there)
    assert all(path.stat().st_size == len(content) for path in there)
    again = start("store", source, target, "--json")
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0 and '"failed": 0' in out, err
    assert len(list(target.iterdir())) == 60
