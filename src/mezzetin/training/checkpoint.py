"""Checkpoints: what a killed run goes on from.

Each is `step-N.safetensors` (weights, averages, best weights, optimiser moments) and its manifest
`step-N.json`, written last; the newest that verifies counts and two are kept. Steps count from 0 in every stage, so
each stage has a folder of its own. Random generators are seeded from the step's number, so there is no generator
state to store.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mezzetin.errors import BundleError, EnvironmentProblem
from mezzetin.storage.manifest import read_manifest, write_manifest

FORMAT = "mezzetin.checkpoint"
VERSION = 1
KEPT = 2


@dataclass
class Position:
    """How far a stage is: the next step, the best held-out score so far, and each epoch's figures."""

    run: str
    step: int = 0
    best_score: float = -1.0
    best_epoch: int = -1
    epochs: list[dict[str, float]] = field(default_factory=list)
    finished: bool = False


def save_checkpoint(folder: Path, position: Position, tensors: dict[str, Tensor]) -> None:
    """Write a checkpoint and drop all but it and the one before.

    Raises:
        EnvironmentProblem: the disk is full or read-only; earlier checkpoints are untouched.

    """
    name = f"step-{position.step:08d}"
    weights, beside = folder / f"{name}.safetensors", folder / f".{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, beside)
        with beside.open("rb") as stream:
            os.fsync(stream.fileno())
        beside.replace(weights)
        write_manifest(
            folder / f"{name}.json",
            format=FORMAT,
            version=VERSION,
            content=asdict(position),
            files=[weights.name],
        )
    except (OSError, SafetensorError) as error:
        beside.unlink(missing_ok=True)
        raise EnvironmentProblem(
            f"the checkpoint can't be written to {folder} ({error}): make room there and run the same command again"
        ) from error
    # A higher number is of another run, or damaged: this run would have gone on from it.
    kept = [manifest for manifest in _newest_first(folder) if manifest.stem <= name][:KEPT]
    for manifest in set(_newest_first(folder)) - set(kept):
        manifest.unlink()
        manifest.with_suffix(".safetensors").unlink(missing_ok=True)


def load_checkpoint(folder: Path, run: str) -> tuple[Position, dict[str, Tensor]] | None:
    """The newest checkpoint of this run that is whole, or None."""
    for manifest in _newest_first(folder):
        try:
            body = read_manifest(manifest, format=FORMAT, version=VERSION)
            position = _position(body)
            if position.run == run:
                return position, load_file(manifest.with_suffix(".safetensors"))
        except (BundleError, SafetensorError):
            # A torn or damaged checkpoint is why two are kept.
            continue
    return None


def _position(body: dict[str, Any]) -> Position:
    names = Position.__dataclass_fields__
    return Position(**{name: body[name] for name in names})


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.json"), reverse=True)
