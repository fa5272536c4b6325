"""Small copies of a collection's pictures: where they are kept, and taking them away.

Enters: a collection's path, and digests of pictures. Leaves: a folder beside it, without the copies of pictures that
nobody may see any more. A copy's name begins with its picture's digest; who makes copies is above this floor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def folder_of(collection: Path) -> Path:
    """Where the small copies of a collection are kept: a folder beside it."""
    return collection.with_suffix(".thumbnails")


def place_of(folder: Path, sha256: str, page: int, longest: int) -> Path:
    """The file of one copy: of a page (from 0) of a picture, its longest side `longest` pixels."""
    return folder / sha256[:2] / f"{sha256}-{page}-{longest}.jpg"


def erase_copies(folder: Path, digests: Iterable[str]) -> int:
    """Remove every copy of the pictures with these digests (sha256, hex); return how many there were."""
    removed = 0
    for digest in set(digests):
        # Whatever else stands in the column is no part of a file's name.
        if _DIGEST.fullmatch(digest) is None:
            continue
        for path in list((folder / digest[:2]).glob(f"{digest}-*.jpg")):
            path.unlink(missing_ok=True)
            removed += 1
    return removed
