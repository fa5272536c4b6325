"""Staging: what is made on this machine and then belongs in a store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mezzetin.storage.paths import Place, writing


@contextmanager
def staged_folder(place: Place) -> Iterator[Path]:
    """A local folder to write into: the place itself, or one whose files are copied there at the end.

    Raises:
        EnvironmentProblem: the store refuses or does not answer.

    """
    if place.is_local:
        yield Path(place.address.path)
        return
    with tempfile.TemporaryDirectory(prefix="mezzetin-") as scratch:
        folder = Path(scratch)
        yield folder
        with writing(place):
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    (place / path.relative_to(folder).as_posix()).put(path)
