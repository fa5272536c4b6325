"""Write commands.md, beside this file, from the help of every command: `python docs/generate_commands.py`.

Enters: the command line itself. Leaves: one page; a test fails when it is not what the commands say.
"""

from __future__ import annotations

from pathlib import Path

import typer
from typer.testing import CliRunner

from mezzetin.cli import app

TARGET = Path(__file__).with_name("commands.md")
WIDTH = 96
HEAD = """\
# Commands

What `mezzetin COMMAND --help` prints. This page is generated: after a change to a command run
`python docs/generate_commands.py`.
"""


def command_names() -> list[str]:
    """The commands, in the order in which the help lists them."""
    group = typer.main.get_command(app)
    return list(getattr(group, "commands", {}))


def help_of(*command: str) -> str:
    """The help of one command, or of all of them, as a terminal of `WIDTH` columns shows it."""
    result = CliRunner().invoke(app, [*command, "--help"], prog_name="mezzetin", terminal_width=WIDTH)
    if result.exit_code != 0:
        raise SystemExit(f"mezzetin {' '.join(command)} --help failed: {result.output}")
    return "\n".join(line.rstrip() for line in result.output.strip().splitlines())


def document() -> str:
    """The whole page."""
    sections = [HEAD, f"## mezzetin\n\n```text\n{help_of()}\n```\n"]
    sections += [f"## mezzetin {name}\n\n```text\n{help_of(name)}\n```\n" for name in command_names()]
    return "\n".join(sections)


if __name__ == "__main__":
    TARGET.write_text(document(), encoding="utf-8")
