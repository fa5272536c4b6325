"""Whatever the documentation tells a reader to type can be typed: commands, options, make targets, extras."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from mezzetin.cli import app

ROOT = Path(__file__).parents[2]
COMMANDS: dict[str, Any] = getattr(typer.main.get_command(app), "commands", {})
#: What typer raises for a line that it can't parse: it exports a subclass only.
USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]
Page = Any


def parse(line: str) -> None:
    """Parse one `mezzetin …` line as the program would, without running it; raises what it would refuse."""
    program, *words = shlex.split(line, comments=True)
    assert program.rpartition("/")[2] == "mezzetin" and words, line
    if words not in (["--help"], ["--version"]):
        COMMANDS[words[0]].make_context(words[0], words[1:])


def mezzetin_lines(page: Page) -> list[str]:
    """The calls of the program in a page's command lines, those behind `&&` among them."""
    calls = [call.strip() for line in page.command_lines() for call in line.split("&&")]
    return [call for call in calls if re.match(r"(\S*/)?mezzetin\b", call)]


def test_every_command_line_parses(page: Page) -> None:
    for line in mezzetin_lines(page):
        parse(line)


def test_the_readme_shows_every_command(readme: Page) -> None:
    shown = {shlex.split(line)[1] for line in mezzetin_lines(readme)}
    assert shown >= set(COMMANDS)


@pytest.mark.parametrize(
    "line",
    ["mezzetin paint a.jpg", "mezzetin caption a.jpg --colour", "mezzetin caption --beam", "mezzetin ingest only-one"],
)
def test_a_wrong_line_is_noticed(line: str) -> None:
    with pytest.raises((KeyError, USAGE_ERROR)):
        parse(line)


def test_every_make_target_exists(page: Page) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {words[1] for line in page.command_lines() if (words := shlex.split(line))[0] == "make"}
    assert named <= targets


def extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])


def test_every_extra_exists(page: Page) -> None:
    lists = re.findall(r"(?:mezzetin|\.)\[([a-z,]+)\]", page.text)
    assert {extra for found in lists for extra in found.split(",")} <= extras()


def test_the_readme_names_every_extra(readme: Page) -> None:
    assert set(re.findall(r"`\[(\w+)\]`", readme.text)) == extras()


def test_the_page_of_commands_is_fresh() -> None:
    generated = runpy.run_path(str(ROOT / "docs" / "generate_commands.py"))["document"]()
    message = "run `python docs/generate_commands.py`"
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == generated, message
