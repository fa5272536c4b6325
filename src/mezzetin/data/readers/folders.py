"""The files of a kind below a folder, each with its path relative to that folder.

What begins with a dot or an underscore is no part of a dataset, by the convention of Spark and Hadoop.
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.splits import is_split
from mezzetin.storage.paths import Place, reading


def files_below(source: Place, kinds: tuple[str, ...]) -> Iterator[tuple[str, Place]]:
    """Yield (relative path, place) of the files that end in one of `kinds`, in any order; `source` if it is one."""
    if source.is_file():
        if source.name.lower().endswith(kinds):
            yield source.name, source
    elif source.is_folder():
        with reading(source):
            for place in source.walk():
                path = place.relative_to(source)
                if path.lower().endswith(kinds) and not any(part.startswith((".", "_")) for part in path.split("/")):
                    yield path, place


def holds(source: Place, kinds: tuple[str, ...]) -> bool:
    """Say whether there is such a file: `source`, in it, or in a folder of it that is named as parts are.

    Those are `data/`, splits, and `column=value/`; a folder of a million pictures is not searched for tables.
    """
    if source.is_file():
        return source.name.lower().endswith(kinds)
    if not source.is_folder():
        return False
    with reading(source):
        for place, entry in source.child_entries():
            name = place.name.lower()
            if not entry.is_folder and name.endswith(kinds) and not name.startswith((".", "_")):
                return True
            named = name in ("data", "shards") or "=" in name or is_split(name)
            if entry.is_folder and named and next(files_below(place, kinds), None) is not None:
                return True
    return False
