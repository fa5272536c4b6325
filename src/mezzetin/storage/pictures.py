"""Finding pictures: what paths, addresses and folders name, one by one, however many a folder holds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mezzetin.errors import InputError
from mezzetin.records import ItemError
from mezzetin.storage.paths import Place

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"})
Found = tuple[str, Place | ItemError]


def find_pictures(places: Iterable[str | Path]) -> Iterator[Found]:
    """The pictures that paths, addresses and folders name, folders searched through, local ones in order of name.

    A file that is named is always taken, whatever its suffix; in folders a file counts by its suffix. A path that
    does not exist, or a folder without pictures, is passed on and becomes a row with an error.

    Raises:
        InputError: there is no picture in any of them.

    """
    empty = []
    found = False
    for named in places:
        if not str(named).strip():
            found = True
            yield "", ItemError("missing", "an empty name is no picture: check the arguments")
            continue
        place = Place.of(named)
        inside = _pictures_of(str(named), place)
        first = next(inside, None)
        if first is None:
            empty.append((str(place), ItemError("no_pictures", f"{place} holds no pictures")))
        else:
            found = True
            yield first
            yield from inside
    if empty and not found:
        known = ", ".join(sorted(PICTURE_SUFFIXES))
        raise InputError(f"{empty[0][0]} holds no pictures ({known})")
    yield from empty


def _pictures_of(name: str, place: Place) -> Iterator[Found]:
    """The pictures that one argument names; none where it is a folder without any."""
    if place.is_local:
        path = Path(place.address.path)
        yield from _pictures_in(path) if path.is_dir() else [(name, place)]
    elif place.address.kind == "web" or place.is_file():
        yield str(place), place
    elif not place.is_folder():
        yield str(place), ItemError("missing", f"{place} is not there: check its name")
    else:
        for file in place.walk():
            if Path(file.name).suffix.lower() in PICTURE_SUFFIXES:
                yield str(file), file


def _pictures_in(path: Path) -> Iterator[Found]:
    for folder, subfolders, names in os.walk(path):
        subfolders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in PICTURE_SUFFIXES:
                inside = Path(folder) / name
                yield str(inside), Place.of(inside)
