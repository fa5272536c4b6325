"""Files and functions stay small enough to be read in one go, and no module is a drawer."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE, LONGEST_FUNCTION = 300, 40
DRAWERS = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "misc"}
FOLDERS = ("src", "tests", "bench", "demo", "docs")
PYTHON = sorted(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts
)
TEXT = sorted(path for ending in ("html", "css", "js") for path in (ROOT / "src").rglob(f"*.{ending}"))


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def long_functions(source: str) -> dict[str, int]:
    """Functions longer than allowed, by name: from `def` to the last line, decorators left out."""
    lengths = {
        node.name: (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}


def test_there_is_something_to_measure() -> None:
    assert len(PYTHON) > 80 and len(TEXT) >= 4


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): lines_of(path) for path in [*PYTHON, *TEXT]}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    found = {str(path.relative_to(ROOT)): long_functions(path.read_text(encoding="utf-8")) for path in PYTHON}
    assert {name: functions for name, functions in found.items() if functions} == {}


@pytest.mark.parametrize(("lines", "found"), [(40, {}), (41, {"f": 41})])
def test_a_function_is_measured_from_its_def_to_its_last_line(lines: int, found: dict[str, int]) -> None:
    body = "".join("    x = 1\n" for _ in range(lines - 1))
    assert long_functions(f"@decorated\ndef f():\n{body}") == found


def test_no_module_is_a_drawer() -> None:
    names = {part for path in PYTHON for part in path.relative_to(ROOT).with_suffix("").parts}
    assert names & DRAWERS == set()
