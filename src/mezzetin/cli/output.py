"""Where a command's words go: results to stdout, everything else to stderr, and what its failures end in.

With `--json` stdout holds one JSON object a line and nothing else. Whatever comes from file names, captions or
messages is data: it is never read as markup, and what could move a terminal's cursor is shown as an escape.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TextIO

import typer

from mezzetin.cli.progress import Display, choose_display
from mezzetin.cli.wording import shown
from mezzetin.errors import EnvironmentProblem, MezzetinError
from mezzetin.records import ModelInfo, Progress

INTERRUPTED = 130
CLOSED_PIPE = 141
CRASHED = 70
"""Exit codes beyond DESIGN's: of a shell for SIGINT and SIGPIPE, and `EX_SOFTWARE` of sysexits.h."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line on stdout and nothing else.")]
Plain = Annotated[bool, typer.Option("--plain", help="Show progress as plain lines, without a bar.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="A bundle's folder or address, NAME@ALIAS or NAME/VERSION of the registry. Default: the bundled one.",
    ),
]
Beam = Annotated[
    int | None, typer.Option("--beam", min=1, max=50, help="Width of the beam search. Default: the model's own.")
]


class OutputClosed(Exception):
    """Whoever read stdout has seen enough (`| head`). No OSError: nobody may take it for a failing disk."""


def accept_any_text() -> None:
    """Let stdout and stderr write what their encoding lacks as escapes, in place of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Output:
    """The output of one command."""

    def __init__(self, *, as_json: bool, plain: bool) -> None:
        self.as_json = as_json
        self._display: Display = choose_display(plain=plain)

    def say(self, text: str) -> None:
        """Print a line of the result; with `--json` nothing."""
        if not self.as_json:
            self._write(shown(text))

    def record(self, content: Mapping[str, Any]) -> None:
        """Print a JSON object of the result; without `--json` nothing."""
        if self.as_json:
            ascii_only = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
            self._write(json.dumps(content, ensure_ascii=ascii_only))

    def tell(self, text: str) -> None:
        """Print a line to stderr; a closed stderr costs the line, not the work."""
        self._display.hide()
        try:
            sys.stderr.write(shown(text) + "\n")
            sys.stderr.flush()
        except OSError:
            _abandon(sys.stderr)

    def report(self, progress: Progress) -> None:
        """Show how far a task is; cheap enough to be called for every item."""
        self._display.show(progress)

    def report_rows(self, progress: Progress) -> None:
        """The same for results that are printed as they come: on a terminal they are the progress."""
        if not sys.stdout.isatty():
            self.report(progress)

    def fail(self, message: str, code: str | None = None) -> None:
        """Print an error, and with `--json` also as an object."""
        self.tell(f"error: {message}")
        self.record({"error": {"message": message} if code is None else {"code": code, "message": message}})

    def close(self) -> None:
        """Take the progress away."""
        self._display.hide()

    def _write(self, line: str) -> None:
        self._display.hide()
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except BrokenPipeError as error:
            _abandon(sys.stdout)
            raise OutputClosed from error
        except OSError as error:
            _abandon(sys.stdout)
            raise EnvironmentProblem(
                f"the output can't be written ({error.strerror}): make room or send it elsewhere"
            ) from error


@contextmanager
def opened(*, as_json: bool, plain: bool, goes_on: bool = False) -> Iterator[Output]:
    """The output of a command; every failure inside becomes one line and an exit code.

    `goes_on` says that the same command, run again, goes on where it was cut off.
    """
    output = Output(as_json=as_json, plain=plain)
    try:
        yield output
    except KeyboardInterrupt as error:
        output.tell("stopped: the same command goes on where it was cut off" if goes_on else "stopped before the end")
        raise typer.Exit(INTERRUPTED) from error
    except MezzetinError as error:
        output.fail(str(error), getattr(error, "code", None))
        raise typer.Exit(error.exit_code) from error
    except OSError as error:
        output.fail(why(error))
        raise typer.Exit(EnvironmentProblem.exit_code) from error
    except MemoryError as error:
        output.fail("there is not enough memory: close other programs or use a larger machine")
        raise typer.Exit(EnvironmentProblem.exit_code) from error
    finally:
        output.close()


def model_to_json(info: ModelInfo) -> dict[str, str]:
    """How every JSON object of the command line names a model."""
    return {"name": info.name, "version": info.version, "signature": info.signature, "licence": info.licence}


def why(error: OSError) -> str:
    """A sentence for a failure of the machine that no verb has put into words."""
    reason = error.strerror or type(error).__name__
    place = f"{error.filename}: " if error.filename else ""
    advice = "free some space and run the same command again" if error.errno == errno.ENOSPC else "check the path"
    return f"{place}{reason}: {advice}"


def _abandon(stream: TextIO) -> None:
    """Let what the stream still holds vanish, or Python would complain of it when it ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
