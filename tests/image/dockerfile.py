"""A Dockerfile, read: its instructions in order, with continued lines joined and comments left out.

Enters: the text. Leaves: `Instruction`s and the final stage's settings. Variables are put in as docker does it: ARGs
before the first FROM count in FROM lines alone, those of a stage and its ENVs from there on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mezzetin.deployment

DOCKERFILE = Path(mezzetin.deployment.__file__).with_name("Dockerfile")
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in capitals, and the rest of it in one line."""

    word: str
    rest: str

    @property
    def form(self) -> list[str] | None:
        """The arguments of the exec form, or None for the shell form."""
        _, _, listed = self.rest.rpartition("CMD ") if self.word == "HEALTHCHECK" else ("", "", self.rest)
        if not listed.startswith("["):
            return None
        found: list[str] = json.loads(listed)
        return found


def instructions(text: str) -> list[Instruction]:
    """All instructions of a Dockerfile."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = (line.strip().split(None, 1) for line in joined.splitlines() if line.strip())
    return [Instruction(word.upper(), " ".join(rest.split())) for word, rest in found]


def stages(found: list[Instruction]) -> list[list[Instruction]]:
    """The instructions stage by stage, each beginning with its FROM; what stands before the first is left out."""
    parts: list[list[Instruction]] = []
    for instruction in found:
        if instruction.word == "FROM":
            parts.append([])
        if parts:
            parts[-1].append(instruction)
    return parts


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its variables put in; an unknown one is empty."""
    return _VARIABLE.sub(lambda match: values.get(match[1] or match[2], ""), text)


def pairs(rest: str) -> dict[str, str]:
    """The NAME=VALUE pairs of ENV, ARG and LABEL."""
    return {name: value.strip('"') for name, value in re.findall(r'([\w.]+)=("[^"]*"|\S+)', rest)}
