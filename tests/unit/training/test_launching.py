"""Ranks that are lost start again, so often and no more; what a rank says itself is no loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress
from mezzetin.training import launching
from mezzetin.training.launching import MARK, RankLost, Torchrun, launched


class Lossy:
    """A start that loses a rank so many times."""

    def __init__(self, losses: int, outcome: Mapping[str, Any] | None) -> None:
        self.left, self.outcome, self.started = losses, outcome, 0

    def __call__(self, plan: Mapping[str, Any], hear: Callable[[str], None]) -> Mapping[str, Any] | None:
        self.started += 1
        hear("RuntimeError: Signal 9 (SIGKILL) received by PID 7")
        if self.left:
            self.left -= 1
            raise RankLost("the launcher ended with 1")
        return self.outcome


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "_PAUSE", 0.0)


def run(start: Any, restarts: int = 3) -> tuple[Any, list[Progress]]:
    told: list[Progress] = []
    return launched(start, {}, ranks=2, restarts=restarts, report=told.append), told


def test_they_start_again_as_often_as_it_takes() -> None:
    start = Lossy(2, {"bundle": "b"})
    found, told = run(start)
    assert found == {"bundle": "b"}
    assert [progress.note for progress in told] == [
        "a rank was lost, all 2 start again (1 of 3 times)",
        "a rank was lost, all 2 start again (2 of 3 times)",
    ]


@pytest.mark.parametrize(("restarts", "times"), [(0, "once"), (2, "3 times")])
def test_but_no_more_often(restarts: int, times: str) -> None:
    start = Lossy(99, None)
    with pytest.raises(EnvironmentProblem, match=f"a rank was lost {times} .*Signal 9"):
        run(start, restarts)
    assert start.started == restarts + 1


@pytest.mark.parametrize(("code", "kind"), [(2, InputError), (3, EnvironmentProblem)])
def test_what_a_rank_says_ends_it_at_once(code: int, kind: type[Exception]) -> None:
    start = Lossy(0, {"error": "the recipe is wrong: mend it", "code": code})
    with pytest.raises(kind, match="the recipe is wrong: mend it"):
        run(start)
    assert start.started == 1


def test_ranks_that_say_nothing_are_no_success() -> None:
    with pytest.raises(EnvironmentProblem, match="said nothing"):
        run(Lossy(0, None))


def test_lines_of_progress_are_told_apart_from_anything_else() -> None:
    def start(plan: Any, hear: Callable[[str], None]) -> None:
        hear(f'[rank0]: {MARK}{{"progress": {{"task": "epoch 1", "done": 1, "total": null, "note": "n"}}}}')
        hear(f"{MARK}{{cut sho")
        hear("")
        hear(f'{MARK}{{"outcome": {{"bundle": "b"}}}}')

    found, told = run(start)
    assert (found, told) == ({"bundle": "b"}, [Progress("epoch 1", 1, None, "n")])


def test_torch_starts_them_and_a_killed_one_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    told: list[Progress] = []
    plan = {"tally": str(tmp_path / "tally"), "deaths": 1, "outcome": {"bundle": "b"}}
    found = launched(Torchrun(2, "ranks_that_play"), plan, ranks=2, restarts=2, report=told.append)
    assert found == {"bundle": "b"}
    assert (tmp_path / "tally").read_text() == "xx"
    assert [progress.task for progress in told if progress.task == "resume ranks"] == ["resume ranks"]
    assert Progress("play", 1, 2, "of rank 0") in told
