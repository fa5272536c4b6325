"""Names of files that come from a listing: which of them can lie at a target, and never outside it.

Enters: a path below the source, with `/` between its parts. Leaves: why no file can be made of it, or nothing.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
import uuid
from pathlib import Path

_LONGEST_PART, _LONGEST_PATH = 255, 4095
_LONGEST_BLOB = 1024
_NUL = "\0"


class Names:
    """The names of one copy; for a disk that takes `A.jpg` and `a.jpg` for one file it remembers a digest of each."""

    def __init__(self, folder: Path | None, *, one_case: bool = False) -> None:
        self._folder = folder
        self._one_case = one_case
        self._seen: set[bytes] = set()

    def trouble(self, name: str) -> str | None:
        """Say why no file of this name can be made in the target, or None."""
        if any(part in ("", ".", "..") for part in name.split("/")):
            return "its name has an empty part, . or .. in it and would lie elsewhere: rename it"
        if "\\" in name or _NUL in name:
            return "its name holds a backslash or a NUL, which is no name everywhere: rename it"
        return self._trouble_in_store(name) if self._folder is None else self._trouble_on_disk(name)

    def _trouble_in_store(self, name: str) -> str | None:
        try:
            name.encode()
        except UnicodeEncodeError:
            return "its name is not UTF-8: rename it"
        return "its name is longer than a store takes: rename it" if len(name) > _LONGEST_BLOB else None

    def _trouble_on_disk(self, name: str) -> str | None:
        longest = max(len(os.fsencode(part)) for part in name.split("/"))
        if longest > _LONGEST_PART or len(os.fsencode(f"{self._folder}/{name}")) > _LONGEST_PATH:
            return "its name is longer than this disk takes: rename it"
        if self._one_case and not self._is_new(name):
            return "this disk takes its name for that of another file, which differs in upper and lower case: rename it"
        return None

    def _is_new(self, name: str) -> bool:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        digest = hashlib.sha256(os.fsencode(folded)).digest()[:12]
        known = len(self._seen)
        self._seen.add(digest)
        return len(self._seen) > known


def takes_one_case(folder: Path) -> bool:
    """Say whether the disk of a folder that can be written to takes upper and lower case for the same.

    Raises:
        OSError: it can't be written to.

    """
    probe = folder / f".mezzetin-{uuid.uuid4().hex}-a"
    probe.touch()
    try:
        return probe.with_name(probe.name[:-1] + "A").exists()
    finally:
        probe.unlink()
