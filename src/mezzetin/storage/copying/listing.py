"""What a copy is of: the files of a source as a stream, each with its size, and what can't be copied.

Enters: a file or folder, on a disk or in a store. Leaves: errands, and a `Problem` for each thing that is no errand.
Nothing is held in memory but the folders of a disk that are still to be read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from mezzetin.storage.address import without_secrets
from mezzetin.storage.copying.names import Names
from mezzetin.storage.copying.transfer import Errand
from mezzetin.storage.paths import Place
from mezzetin.storage.store import Entry


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file was not copied: a `conflict` with one that is there, or a failure; `link` is a folder not followed."""

    name: str
    kind: Literal["conflict", "failed", "link"]
    message: str


Found = tuple[str, Place, Entry]


def files_below(source: Place) -> Iterator[Found | Problem]:
    """All files below a folder: path below it, place and what is known of it."""
    if source.is_local:
        yield from _on_disk(source.local_path())
        return
    for place, entry in source.walk_entries():
        name = _inside(entry.path, source.address.path)
        # Some tools mark a folder by an empty blob of its name and a slash.
        if not (name.endswith("/") and entry.size == 0):
            yield name, place, entry


def file_alone(source: Place, name: str, entry: Entry) -> Iterator[Found | Problem]:
    """One file, as if it were found in a folder as `name`."""
    if not source.is_local:
        yield name, source, entry
        return
    found = _on_disk_file(source.local_path(), source.local_path().parent)
    yield found if isinstance(found, Problem) else (name, *found[1:])


def errands(
    found: Iterator[Found | Problem], target: Place, names: Names, include: Sequence[str]
) -> Iterator[Errand | Problem]:
    """What is to be carried to `target`: each file that a pattern of `include` fits, and all where there is none."""
    for one in found:
        name = one.name if isinstance(one, Problem) else one[0]
        # A folder that can't be read may hold anything.
        if include and not name.endswith("/") and not any(_fits(name, pattern) for pattern in include):
            continue
        if isinstance(one, Problem):
            yield one
            continue
        _, place, entry = one
        trouble = names.trouble(name)
        if trouble is not None:
            yield Problem(name, "failed", trouble)
        else:
            # `Place / name` would take a name such as `file:/etc/x` for an address of its own.
            yield Errand(name, place, Place(target.address.down(name)), entry)


def _inside(path: str, folder: str) -> str:
    """The path below `folder` exactly as the store spells it, doubled and last slashes too."""
    return path[len(folder) + 1 :] if folder else path


def _fits(name: str, pattern: str) -> bool:
    """Patterns with a slash are of the whole path, others of the last part; upper and lower case are the same."""
    subject = name if "/" in pattern else name.rpartition("/")[2]
    return fnmatchcase(subject.lower(), pattern.lower())


def _on_disk(folder: Path) -> Iterator[Found | Problem]:
    troubles: list[Problem] = []

    def note(error: OSError) -> None:
        troubles.append(Problem(_below(Path(error.filename or folder), folder) + "/", "failed", reason(error)))

    for above, folders, names in os.walk(folder, onerror=note):
        yield from troubles
        troubles.clear()
        folders.sort()
        for name in folders:
            if (Path(above) / name).is_symlink():
                where = _below(Path(above) / name, folder)
                yield Problem(f"{where}/", "link", "a link to a folder is not followed: copy that folder itself")
        for name in sorted(names):
            yield _on_disk_file(Path(above) / name, folder)
    yield from troubles


def _on_disk_file(path: Path, folder: Path) -> Found | Problem:
    name = _below(path, folder)
    try:
        found = path.stat()
    except OSError as error:
        return Problem(name, "failed", reason(error))
    if not stat.S_ISREG(found.st_mode):
        return Problem(name, "failed", "it is no file but a pipe, socket or device")
    return name, Place.of(path), Entry(str(path), is_folder=False, size=found.st_size)


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def reason(error: Exception) -> str:
    """A failure in one line, without what an address may carry."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return without_secrets(text or type(error).__name__)
