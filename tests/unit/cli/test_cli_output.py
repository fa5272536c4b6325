"""What is printed where: escapes, progress on and off a terminal."""

from __future__ import annotations

import os
import pty
import select
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mezzetin.cli import progress
from mezzetin.cli.progress import Bar, Lines, choose_display
from mezzetin.cli.wording import shown
from mezzetin.records import Progress

EAGER = """
import mezzetin.cli.progress as progress
progress.SECONDS_BEFORE = 0
from mezzetin.cli import main
main()
"""


@given(st.text())
@example("\x1b]0;title\x07")
@example("a\u2028b\u202egpj.exe")
@example("\udcff")
def test_shown_text_is_one_harmless_line(text: str) -> None:
    safe = shown(text)
    assert not {unicodedata.category(char) for char in safe} & {"Cc", "Cs", "Zl", "Zp"}
    assert "\u202e" not in safe
    assert len(safe.splitlines()) <= 1
    safe.encode()


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
@example("C:\\new [red]été[/red] میخواهم\u200cبروم 👩\u200d🚀")
def test_what_people_write_is_left_alone(text: str) -> None:
    assert shown(text) == text


class Terminal:
    """Stderr as a terminal of its own."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.stream: TextIO = os.fdopen(slave, "w")

    def attach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From here on; a fixture can't do it, because capturing sets stderr anew for the test itself."""
        monkeypatch.setattr(sys, "stderr", self.stream)

    def seen(self) -> str:
        self.stream.flush()
        read = b""
        # The kernel hands a terminal's output over in pieces: go on until nothing more comes.
        while select.select([self._master], [], [], 0.2)[0]:
            read += os.read(self._master, 1 << 16)
        return read.decode()

    def close(self) -> None:
        self.stream.close()
        os.close(self._master)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    made = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield made
    made.close()


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_a_bar_only_on_a_terminal_that_wants_one(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.attach(monkeypatch)
    assert isinstance(choose_display(plain=False), Bar)
    assert isinstance(choose_display(plain=True), Lines)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert isinstance(choose_display(plain=False), Lines)
    with Path(os.devnull).open("w") as elsewhere:
        monkeypatch.setattr(sys, "stderr", elsewhere)
        assert isinstance(choose_display(plain=False), Lines)


def test_the_bar_waits_two_seconds_and_goes_without_a_trace(
    terminal: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.attach(monkeypatch)
    bar = Bar()
    clock.now += 1.9
    bar.show(Progress("train", 1, 2000))
    assert terminal.seen() == ""
    clock.now += 0.2
    bar.show(Progress("train [red]a[/red]\n", 1500, 2000, "loss [b]3.1"))
    drawn = terminal.seen()
    assert "train [red]a[/red]\\n" in drawn
    assert "1,500 of 2,000" in drawn
    assert "loss [b]3.1" in drawn
    bar.hide()
    assert "\x1b[2K" in terminal.seen()
    bar.hide()
    assert terminal.seen() == ""


def test_the_bar_is_redrawn_ten_times_a_second_at_most(
    terminal: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.attach(monkeypatch)
    bar = Bar()
    clock.now += 5
    bar.show(Progress("train", 1, 2000))
    terminal.seen()
    bar.show(Progress("train", 2, 2000))
    assert terminal.seen() == ""
    clock.now += 0.11
    bar.show(Progress("train", 3, 2000))
    assert "3 of 2,000" in terminal.seen()
    bar.show(Progress("caption val", 4, None))
    drawn = terminal.seen()
    assert "2,000" not in drawn.rpartition("caption val")[2]
    assert "caption val" in drawn
    bar.hide()


def test_lines_are_ten_seconds_apart(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for second in range(1, 31):
        clock.now = 100.0 + second
        lines.show(Progress("ingest", second * 1000, None if second > 20 else 30_000, "so far\x1b"))
    assert capsys.readouterr().err.splitlines() == [
        "ingest: 2,000 of 30,000, so far\\x1b",
        "ingest: 12,000 of 30,000, so far\\x1b",
        "ingest: 22,000, so far\\x1b",
    ]


@pytest.mark.parametrize("colourless", [False, True])
def test_progress_is_on_stderr_and_never_on_stdout(
    start: Callable[..., Any], captioned: Callable[..., Path], tmp_path: Path, colourless: bool
) -> None:
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1" if colourless else ""}
    master, slave = pty.openpty()
    process = start("ingest", captioned(8), tmp_path / "d", "--json", program=EAGER, stderr=slave, env=environment)
    out, _ = process.communicate()
    os.close(slave)
    drawn = os.read(master, 1 << 16).decode()
    os.close(master)
    assert process.returncode == 0
    assert len(out.splitlines()) == 1
    assert "ingest" in drawn
    assert ("\x1b" in drawn) == (not colourless)


def test_on_a_terminal_the_captions_are_the_progress(
    start: Callable[..., Any], photographs: Callable[..., Path], bundle_path: Path
) -> None:
    """A bar would be drawn between the lines of the result."""
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": ""}
    line = ("caption", photographs(3), "--model", bundle_path)
    master, slave = pty.openpty()
    process = start(*line, program=EAGER, stdout=slave, stderr=slave, env=environment)
    process.communicate()
    os.close(slave)
    seen = os.read(master, 1 << 16).decode()
    os.close(master)
    assert "\x1b" not in seen
    assert len(seen.splitlines()) == 4
