"""Make runs/databricks/eight_steps.ipynb of eight_steps.py beside it, which is the notebook as Databricks keeps it.

python docs/generate_notebook.py            writes it
python docs/generate_notebook.py --check    says whether it is as it should be
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[1] / "runs" / "databricks" / "eight_steps.py"
_HEADER = "# Databricks notebook source"
_BETWEEN = "# COMMAND ----------"
_TEXT = "# MAGIC"


def cells(source: str) -> list[dict[str, Any]]:
    """The cells of a notebook in Databricks' source format: text where every line is MAGIC, otherwise Python."""
    made = []
    for number, part in enumerate(source.removeprefix(_HEADER).split(_BETWEEN)):
        # What stands above the first text is for whoever reads the file.
        lines = [line for line in part.strip().splitlines() if number or line.startswith(_TEXT)]
        if all(line.startswith(_TEXT) for line in lines):
            text = [line.removeprefix(_TEXT).removeprefix(" ") for line in lines if line != f"{_TEXT} %md"]
            made.append({"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": _lines(text)})
        else:
            about: dict[str, Any] = {"execution_count": None, "metadata": {}, "outputs": []}
            made.append({"cell_type": "code", "id": f"cell-{number}", **about, "source": _lines(lines)})
    return made


def notebook(source: str) -> str:
    """The whole notebook as JSON (nbformat 4.5)."""
    about = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    content = {"cells": cells(source), "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _lines(lines: list[str]) -> list[str]:
    return "\n".join(lines).splitlines(keepends=True)


def main(arguments: list[str]) -> int:
    """Write the notebook, or compare it."""
    target, wanted = SOURCE.with_suffix(".ipynb"), notebook(SOURCE.read_text(encoding="utf-8"))
    if "--check" in arguments:
        return int(target.read_text(encoding="utf-8") != wanted)
    target.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
