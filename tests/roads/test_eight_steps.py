"""`runs/eight_steps.sh`, whole: each step says what came of it, and nothing stays deployed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.azure.azurite import missing

ROOT = Path(__file__).parents[2]
STEPS = ("0 here", "1 store", "2 reach", "3 prepare", "4 train", "5 register", "6 here", "7 aci", "7 azureml")


def test_all_steps_run_on_this_machine(tmp_path: Path) -> None:
    if reason := missing():
        pytest.skip(reason)
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    for package in ("torch", "mlflow", "azure.ai.ml", "azure.mgmt.containerinstance"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    environment = {**os.environ, "COUNT": "48", "OMP_NUM_THREADS": "1", "BIN": str(Path(sys.executable).parent)}
    command = [str(ROOT / "runs" / "eight_steps.sh"), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(STEPS) + 3, done.stdout
    for step, line in zip((*STEPS, "8 score", "9 undo", "all steps"), lines, strict=True):
        assert line.startswith(f"{step} "), done.stdout
