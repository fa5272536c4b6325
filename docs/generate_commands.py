"""Write commands.md, beside this file, from the commands themselves: `python docs/generate_commands.py`.

Enters: the functions behind the commands, not the text of `--help`, whose looks change with the version of typer.
Leaves: one page; a test fails when it is not what the commands say.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from mezzetin.cli import app

TARGET = Path(__file__).with_name("commands.md")
HEAD = """\
# Commands

What `mezzetin COMMAND --help` says. This page is generated: after a change to a command run
`python docs/generate_commands.py`.

Exit codes: 0 done, 1 done with some items failed, 2 the input is wrong, 3 the machine stands in the way.
"""
KINDS = {"str": "TEXT", "int": "N", "float": "X"}


@dataclass(frozen=True)
class Parameter:
    """One argument or option as a function declares it: `info` is typer's, `kind` the plain Python type."""

    name: str
    info: ArgumentInfo | OptionInfo
    kind: str
    default: Any

    @property
    def spelling(self) -> str:
        """As it is typed on a command line."""
        if isinstance(self.info, ArgumentInfo):
            word = self.info.metavar or self.name.upper()
            return word if self.default is inspect.Parameter.empty else f"[{word}]"
        # Inside Annotated typer takes the first name of an option for its default.
        declared = [str(word) for word in (self.info.default, *(self.info.param_decls or []))]
        names = ", ".join(word for word in declared if word.startswith("-")) or f"--{self.name.replace('_', '-')}"
        return names if self.kind == "bool" else f"{names} {self.info.metavar or KINDS[self.kind]}"

    @property
    def explanation(self) -> str:
        """Its help, its range, its default."""
        low, high = self.info.min, self.info.max
        notes = [self.info.help or ""]
        if low is not None:
            notes.append(f"At least {low}." if high is None else f"From {low} to {high}.")
        if not any(self.default is nothing for nothing in (None, False, inspect.Parameter.empty)):
            notes.append(f"Default: `{self.default}`.")
        return " ".join(note for note in notes if note).replace("|", "\\|")


def commands() -> dict[str, Callable[..., Any]]:
    """The functions behind the commands by the commands' names, in the order in which the help lists them."""
    found = dict(_commands_of(app))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            found |= {f"{group.name} {name}": function for name, function in _commands_of(group.typer_instance)}
    return found


def _commands_of(group: typer.Typer) -> Iterator[tuple[str, Callable[..., Any]]]:
    registered = [command.callback for command in group.registered_commands if command.callback]
    commands = getattr(typer.main.get_command(group), "commands", {})
    # Groups stand among them: they have no callback of their own.
    names = [name for name, command in commands.items() if not hasattr(command, "commands")]
    yield from zip(names, registered, strict=True)


def parameters(function: Callable[..., Any]) -> list[Parameter]:
    """What a command takes."""
    hints = get_type_hints(function, include_extras=True)
    found = []
    for name, declared in inspect.signature(function).parameters.items():
        annotated = get_args(hints[name])
        info = next(part for part in annotated if isinstance(part, ArgumentInfo | OptionInfo))
        kinds = [kind for kind in get_args(annotated[0]) or annotated[:1] if kind is not type(None)]
        found.append(Parameter(name, info, kinds[0].__name__, declared.default))
    return found


def section(name: str, function: Callable[..., Any]) -> str:
    """One command: how it is called, what it does, what it takes."""
    taken = parameters(function)
    arguments = [parameter.spelling for parameter in taken if isinstance(parameter.info, ArgumentInfo)]
    call = " ".join(["mezzetin", name, *arguments, "[OPTIONS]"])
    rows = [f"| `{parameter.spelling}` | {parameter.explanation} |" for parameter in taken]
    table = "\n".join(["| argument or option | meaning |", "|---|---|", *rows])
    return f"## mezzetin {name}\n\n```text\n{call}\n```\n\n{inspect.getdoc(function)}\n\n{table}\n"


def document() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(section(name, function) for name, function in commands().items())])


if __name__ == "__main__":
    TARGET.write_text(document(), encoding="utf-8")
