"""Private SQLite files: where things are sorted and looked up that must not grow in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from mezzetin.errors import EnvironmentProblem


@contextmanager
def scratch_disk() -> Iterator[None]:
    """Turn a failure of a private file into one line.

    Raises:
        EnvironmentProblem: the disk of temporary files is full or refuses.

    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise EnvironmentProblem(
            f"temporary files can't be written ({error}): free some space or set TMPDIR to another folder"
        ) from error
