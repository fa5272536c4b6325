"""Importing Mezzetin costs nothing, and captioning loads nothing that only training needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from mezzetin.scenes import draw_new

HEAVY = {"torch", "torchvision", "timm", "onnx", "onnxscript", "onnx_ir", "matplotlib", "pyarrow", "pandas", "scipy"}


def loaded_by(code: str, *arguments: str) -> tuple[set[str], Any]:
    """Run code in a fresh interpreter: the top-level modules that it loads, and what it leaves in `result`."""
    frame = (
        "import json, sys\nresult = None\nbefore = set(sys.modules)\n"
        f"{code}\n"
        "new = sorted({name.split('.')[0] for name in set(sys.modules) - before})\n"
        "print(json.dumps([new, result]))"
    )
    done = subprocess.run([sys.executable, "-c", frame, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names, result = json.loads(done.stdout.splitlines()[-1])
    return set(names), result


def test_importing_mezzetin_loads_nothing_from_outside_the_standard_library() -> None:
    names, _ = loaded_by("import mezzetin")
    assert "mezzetin" in names
    assert names - set(sys.stdlib_module_names) == {"mezzetin"}


def test_captioning_a_picture_loads_nothing_heavy(tmp_path: Path) -> None:
    (picture,) = draw_new(tmp_path, count=1, seed=3)
    code = "from mezzetin import load_captioner\nresult = load_captioner().caption([sys.argv[1]])[0].text"
    names, text = loaded_by(code, str(picture))
    assert "onnxruntime" in names
    assert names & HEAVY == set()
    assert len(text.split()) >= 3
