"""Shipping a bundle: one archive from the driver to every executor, unpacked there once.

Enters: a bundle's folder on the driver. Leaves: a `Shipment`, which tells a Python worker on any executor where the
bundle lies there. Every file's digest is checked when the bundle is opened.
"""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mezzetin.bundle import Bundle
from mezzetin.storage.cache import cache_folder
from mezzetin.storage.paths import writing

_TAKEN = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Shipment:
    """A bundle under way: `name` is that of its archive, the same for the same content."""

    name: str

    def unpacked(self) -> Path:
        """The bundle's folder on this executor; workers that ask at the same time get the same one."""
        from pyspark import SparkFiles

        archive = Path(SparkFiles.get(self.name))
        folder = archive.with_suffix("")
        if folder.is_dir():
            return folder
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=archive.parent))
        with writing(fresh), zipfile.ZipFile(archive) as packed:
            packed.extractall(fresh)  # our own archive, whose names are plain
        try:
            fresh.rename(folder)
        except OSError:
            # A neighbour was first; what it made has the same name and so the same content.
            if not folder.is_dir():
                raise
        return folder


def ship(session: Any, bundle: Bundle) -> Shipment:
    """Give a bundle to all executors of a session, once however often it is asked for.

    Raises:
        EnvironmentProblem: the archive can't be written.

    """
    name = f"mezzetin-bundle-{bundle.digest[:24]}.zip"
    archive = pack(bundle, cache_folder("spark") / name)
    if hasattr(session, "sparkContext") and not _is_remote(session):
        if not any(path.endswith(f"/{name}") for path in session.sparkContext.listFiles):
            session.sparkContext.addFile(str(archive))
    else:
        session.addArtifacts(str(archive), file=True)
    return Shipment(name)


def pack(bundle: Bundle, target: Path) -> Path:
    """Write a bundle's files as an archive; the same content gives the same bytes."""
    if target.is_file():
        return target
    with writing(target), tempfile.TemporaryDirectory(dir=target.parent) as beside:
        fresh = Path(beside) / target.name
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as packed:
            for path in sorted(path for path in bundle.folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(path.relative_to(bundle.folder).as_posix(), _TAKEN)
                packed.writestr(entry, path.read_bytes())
        fresh.replace(target)
    return target


def _is_remote(session: Any) -> bool:
    """Whether it is a Spark Connect session, which has no context of its own."""
    return "connect" in type(session).__module__
