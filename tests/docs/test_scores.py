"""The README's table says what the bundled captioner's own scores.json says."""

from __future__ import annotations

import re
from pathlib import Path

from mezzetin.bundle import bundled_captioner

README = Path(__file__).parents[2] / "README.md"


def test_the_table_is_that_of_the_bundle() -> None:
    block = README.read_text(encoding="utf-8").partition("<!-- scores -->")[2].partition("<!-- /scores -->")[0]
    said = re.findall(r"^\| (\S+) \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \|$", block, re.MULTILINE)
    measured = [
        (s["name"], f"{s['value']:.3f}", f"{s['low']:.3f}", f"{s['high']:.3f}")
        for s in bundled_captioner().scores["scores"]
    ]
    assert said == measured
