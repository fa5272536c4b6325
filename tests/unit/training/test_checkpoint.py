"""Checkpoints: two are kept, the newest whole one of the same run counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mezzetin.errors import EnvironmentProblem
from mezzetin.training.checkpoint import Position, load_checkpoint, save_checkpoint


def tensors(value: float, size: int = 4) -> dict[str, Tensor]:
    # Convolutions are held channels last: not contiguous, and the same numbers when they come back.
    square = torch.arange(16.0).view(1, 4, 2, 2).contiguous(memory_format=torch.channels_last) + value
    return {"model/a": torch.full((size,), value), "model/b": square, "adam.step/a": torch.tensor(value)}


def save(folder: Path, step: int, run: str = "mine") -> None:
    save_checkpoint(folder, Position(run, step, epochs=[{"loss": 1.5}]), tensors(step))


def step(folder: Path, run: str = "mine") -> int | None:
    found = load_checkpoint(folder, run)
    if found is None:
        return None
    position, held = found
    assert all(torch.equal(held[name], tensor) for name, tensor in tensors(position.step).items())
    assert position.epochs == [{"loss": 1.5}]
    return position.step


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_two_are_kept_and_the_newest_counts(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none", "mine") is None
    for number in (9, 10, 100):
        save(tmp_path, number)
    assert step(tmp_path) == 100
    assert names(tmp_path) == [
        f"step-{number:08d}.{suffix}" for number in (10, 100) for suffix in ("json", "safetensors")
    ]


@pytest.mark.parametrize("part", ["json", "safetensors"])
@pytest.mark.parametrize("damage", ["altered", "cut", "empty", "gone"])
def test_a_damaged_newest_falls_back_to_the_one_before(tmp_path: Path, part: str, damage: str) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    path = tmp_path / f"step-00000002.{part}"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        half = len(whole) // 2
        path.write_bytes(
            {"altered": whole[:half] + b"?" + whole[half + 1 :], "cut": whole[:half], "empty": b""}[damage]
        )
    assert step(tmp_path) == 1
    save(tmp_path, 3)
    assert step(tmp_path) == 3


def test_the_one_gone_on_from_is_kept_and_the_damaged_one_after_it_dropped(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 9)
    (tmp_path / "step-00000009.safetensors").write_bytes(b"")
    save(tmp_path, 5)
    assert step(tmp_path) == 5
    (tmp_path / "step-00000005.safetensors").write_bytes(b"")
    assert step(tmp_path) == 1


def test_those_of_another_run_are_ignored_however_far_it_came(tmp_path: Path) -> None:
    save(tmp_path, 500, run="theirs")
    save(tmp_path, 600, run="theirs")
    assert step(tmp_path) is None
    for number in (1, 2, 3):
        save(tmp_path, number)
        assert step(tmp_path) == number
    assert len(names(tmp_path)) == 4


def test_a_full_disk_leaves_the_earlier_ones_whole(small_disk: Callable[[str], Path]) -> None:
    small = small_disk("1m")
    save(small, 1)
    before = names(small)
    with pytest.raises(EnvironmentProblem, match="make room there") as caught:
        save_checkpoint(small, Position("mine", 2), tensors(2, size=500_000))
    assert "\n" not in str(caught.value)
    assert names(small) == before
    assert step(small) == 1
