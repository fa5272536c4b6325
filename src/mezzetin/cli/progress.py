"""Progress on stderr: a bar on a terminal, now and then a line elsewhere, nothing for what is quick.

Enters: `records.Progress`, as often as a task likes. Leaves: at most ten refreshes of a bar a second, or one line in
ten seconds.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Protocol

from mezzetin.cli.wording import shown
from mezzetin.records import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichBar

SECONDS_BEFORE = 2.0
SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_REFRESHES = 0.1


class Display(Protocol):
    """Something that shows progress."""

    def show(self, progress: Progress) -> None:
        """Show how far a task is."""

    def hide(self) -> None:
        """Make room for a line; the next `show` brings the progress back."""


def choose_display(*, plain: bool) -> Display:
    """A bar where stderr is a terminal that can draw one and nobody asked for less, otherwise lines."""
    drawing = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    return Bar() if drawing and not plain else Lines()


class Lines:
    """A plain line after two seconds, then one in ten."""

    def __init__(self) -> None:
        self._due = time.monotonic() + SECONDS_BEFORE

    def show(self, progress: Progress) -> None:
        """See `Display`."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + SECONDS_BETWEEN_LINES
        try:
            note = f", {progress.note}" if progress.note else ""
            sys.stderr.write(shown(f"{progress.task}: {_amount(progress)}{note}") + "\n")
            sys.stderr.flush()
        except OSError:
            # Nobody listens any more; the work goes on.
            self._due = float("inf")

    def hide(self) -> None:
        """See `Display`; lines need no room."""


class Bar:
    """A bar of rich's, drawn from two seconds on, taken away at the end."""

    def __init__(self) -> None:
        self._begin = time.monotonic() + SECONDS_BEFORE
        self._due = 0.0
        self._task = ""
        self._bar: RichBar | None = None

    def show(self, progress: Progress) -> None:
        """See `Display`."""
        now = time.monotonic()
        new = progress.task != self._task
        if now < self._begin or (now < self._due and not new):
            return
        self._due = now + SECONDS_BETWEEN_REFRESHES
        amount, note = _amount(progress), shown(progress.note)
        if self._bar is None or new:
            self.hide()
            self._task, self._bar = progress.task, _rich_bar()
            self._bar.add_task(
                shown(progress.task), total=progress.total, completed=progress.done, amount=amount, note=note
            )
        self._bar.start()
        only = self._bar.task_ids[0]
        self._bar.update(only, total=progress.total, completed=progress.done, amount=amount, note=note)
        self._bar.refresh()

    def hide(self) -> None:
        """See `Display`."""
        if self._bar is not None:
            self._bar.stop()


def _rich_bar() -> RichBar:
    # Loaded here: rich takes a tenth of a second, and quick commands never draw.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichBar

    return RichBar(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(file=sys.stderr, markup=False, highlight=False, emoji=False),
        # Without rich's own thread, and without its hands on stdout, where results go.
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
        transient=True,
    )


def _amount(progress: Progress) -> str:
    return f"{progress.done:,}" if progress.total is None else f"{progress.done:,} of {progress.total:,}"
