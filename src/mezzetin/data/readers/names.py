"""The names of pictures, as people write them and as folders spell them.

Enters: a path from a table that another machine may have written. Leaves: the path, relative to a folder, of the file
that is meant. Folders are listed, each once, into a private SQLite file, so that no picture costs a request and a
million of them no memory; what can't be listed is taken as written.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from mezzetin.data.readers.record import is_name
from mezzetin.data.scratch import scratch_disk
from mezzetin.errors import MezzetinError
from mezzetin.storage.paths import Place

_UNCLEAN = re.compile(r"\\|//|/$|(^|/)\.(/|$)|^$")
_DRIVE = re.compile(r"[A-Za-z]:/+|//+")
# A folder a picture would make a request a picture: past this many, names are taken as written.
_MOST_FOLDERS = 256


def clean(name: str) -> str:
    """Return a path with the slashes of Unix, without `./` and doubled slashes."""
    plain = name.strip()
    # Most names are clean, and there may be millions.
    return str(PurePosixPath(plain.replace("\\", "/"))) if _UNCLEAN.search(plain) else plain


class Pictures:
    """The pictures under a folder, found by what a source calls them; use it with `with`."""

    def __init__(self, root: Place) -> None:
        self.root = root
        #: Names of listed files that are not UTF-8, as ASCII.
        self.unreadable: list[str] = []
        self._folders: dict[str, int | None] = {}
        self._here: dict[str, bool] = {}
        self._known: dict[str, str | None] = {}
        self._last: tuple[str, Sequence[str], str] = ("", (), "")
        self._table = sqlite3.connect("", isolation_level=None)
        with scratch_disk():
            self._table.execute("PRAGMA journal_mode = OFF")
            self._table.execute(
                "CREATE TABLE entry (folder INTEGER, folded TEXT, name TEXT, PRIMARY KEY (folder, folded, name)) "
                "WITHOUT ROWID"
            )

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *trouble: object) -> None:
        self._table.close()

    def find(self, name: str) -> str | None:
        """Return the relative path `name` as the folders spell it, letter case aside; None where it isn't there."""
        folder, _, last = name.rpartition("/")
        if last == ".." or name.startswith("/"):
            return None
        there = self._resolved(folder)
        spelled = None if there is None else self._spelled(there, last)
        return f"{there}/{spelled}" if there and spelled else spelled

    def best(self, name: str, folders: Sequence[str] = ("",)) -> str:
        """Return the path of the picture that a source calls `name`, in the first of `folders` that has it.

        Where none has it, the path in the first of them.
        """
        # The captions of one picture mostly follow each other.
        if self._last[:2] != (name, folders):
            self._last = (name, folders, self._best(name, folders))
        return self._last[2]

    def _best(self, name: str, folders: Sequence[str]) -> str:
        plain = clean(name)
        drive = _DRIVE.match(plain)
        if plain.startswith("/") and drive is None and self._is_here(plain):
            return plain
        if drive or plain.startswith("/"):
            # Written on another machine: as much of its path as is here, last the name alone.
            parts = PurePosixPath(plain[drive.end() if drive else 1 :]).parts
            endings = ["/".join(parts[start:]) for start in range(len(parts))] or [plain]
        else:
            endings = [plain]
        choices = [f"{folder}/{ending}" if folder else ending for ending in endings for folder in folders]
        found = next((place for choice in choices if (place := self.find(choice)) is not None), None)
        return found or (choices[0] if len(endings) == 1 else endings[-1])

    def names(self, folder: str = "") -> Iterator[str]:
        """Yield the names in a folder, sorted."""
        with scratch_disk():
            key = self._listed(folder)
            for (name,) in self._table.execute("SELECT name FROM entry WHERE folder = ? ORDER BY name", (key,)):
                yield str(name)

    def _is_here(self, path: str) -> bool:
        """Whether an absolute path's folder is one of this machine; asked once a folder."""
        if not self.root.is_local:
            return False
        folder = str(PurePosixPath(path).parent)
        if folder not in self._here and len(self._here) < _MOST_FOLDERS:
            self._here[folder] = (self.root / folder).is_folder()
        return self._here.get(folder, False)

    def _resolved(self, folder: str) -> str | None:
        if not folder:
            return ""
        if folder not in self._known:
            if len(self._known) >= _MOST_FOLDERS:
                self._known.clear()
            self._known[folder] = self.find(folder)
        return self._known[folder]

    def _spelled(self, folder: str, part: str) -> str | None:
        key = self._listed(folder)
        if key is None:
            return None
        query = "SELECT name FROM entry WHERE folder = ? AND folded = ? ORDER BY name <> ?, name LIMIT 1"
        with scratch_disk():
            row = self._table.execute(query, (key, _folded(part), part)).fetchone()
        return str(row[0]) if row else None

    def _listed(self, folder: str) -> int | None:
        if folder not in self._folders:
            if len(self._folders) >= _MOST_FOLDERS:
                return None
            key = len(self._folders)
            self._folders[folder] = key if self._list(key, self.root / folder if folder else self.root) else None
        return self._folders[folder]

    def _list(self, key: int, folder: Place) -> bool:
        """Whether a folder could be listed; its names are in the table then."""
        names = _Names(folder)
        with scratch_disk():
            self._table.execute("BEGIN")
            for name in names:
                if is_name(name):
                    self._table.execute("INSERT OR IGNORE INTO entry VALUES (?, ?, ?)", (key, _folded(name), name))
                else:
                    self.unreadable.append(ascii(name))
            self._table.execute("COMMIT")
        return names.listed


class _Names:
    """The names in a folder; `listed` says afterwards whether it could be listed."""

    def __init__(self, folder: Place) -> None:
        self._folder, self.listed = folder, True

    def __iter__(self) -> Iterator[str]:
        try:
            for place in self._folder.children():
                yield place.name
        except (OSError, MezzetinError):
            # Not there, or a link that may read but not list; what that means shows when pictures are read.
            self.listed = False


def _folded(name: str) -> str:
    """Letter case aside; macOS writes accents apart."""
    return unicodedata.normalize("NFC", name).casefold()


def first_folder(source: Place, names: Iterable[str]) -> Place | None:
    """Return the first of these folders of `source` that is there."""
    return next((source / name for name in names if (source / name).is_folder()), None)
