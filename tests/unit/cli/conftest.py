"""The command line as its users meet it: in this process where only words count, in its own where signals do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mezzetin.cli import run

#: A background job starts with SIGINT ignored; a user's shell does not.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from mezzetin.cli import main
main()
"""


@dataclass(frozen=True)
class Answer:
    """What a command left: its exit code and its two streams."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Stdout as JSON, an object a line."""
        return [json.loads(line) for line in self.out.split("\n")[:-1]]


Command = Callable[..., Answer]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def mezzetin(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run one command line here."""

    def command(*arguments: object) -> Answer:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return command


@pytest.fixture
def start() -> Start:
    """Start one command line as a process of its own."""

    def begin(*arguments: object, program: str = PROGRAM, **options: Any) -> subprocess.Popen[str]:
        line = [sys.executable, "-c", program, *(str(argument) for argument in arguments)]
        return subprocess.Popen(line, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options})

    return begin


@pytest.fixture
def captioned(photographs: Callable[..., Path]) -> Callable[..., Path]:
    """Make a source in Kaggle's layout, two captions a picture, the last quarter in split val."""

    def make(count: int = 8) -> Path:
        source = photographs(count, name="source/Images").parent
        lines, held = ["image,caption"], count - count // 4
        for number in range(count):
            lines += [f"p{number}.jpg,A hill under the sky .", f"p{number}.jpg,Two figures and {number} clouds ."]
        (source / "captions.txt").write_text("\n".join(lines) + "\n")
        for split, numbers in (("train", range(held)), ("dev", range(held, count))):
            (source / f"Flickr_8k.{split}Images.txt").write_text("".join(f"p{n}.jpg\n" for n in numbers))
        return source

    return make
