"""How verbs tell how far they are."""

from __future__ import annotations

from collections.abc import Callable

from mezzetin.records import Progress

Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tell nobody."""
