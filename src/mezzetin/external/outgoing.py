"""What leaves the machine: a small JPEG without metadata, whatever the picture was and wherever it lay; and what stays.

Enters: an encoded picture, where one lies, or why there is none. Leaves: a JPEG of bounded size, or an error. No name,
address, signature, EXIF, GPS position or embedded preview goes with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote

from mezzetin.errors import EnvironmentProblem, ImageError, InputError
from mezzetin.pixels import Page, thumbnail
from mezzetin.records import ItemError
from mezzetin.storage.paths import Place

#: An encoded picture, where one lies, or why there is none.
Picture = bytes | str | Path | Place | Page | ItemError


#: The error of a picture that must not leave.
RESTRICTED = ItemError("restricted", "the picture is marked restricted and does not leave this machine")


def is_restricted(name: str, patterns: Iterable[str]) -> bool:
    """Say whether a name, as it is written or with its %XX resolved, fits one of the shell `patterns`.

    >>> is_restricted("https://example.org/priv%61te/p.jpg", ["*/private/*"])
    True
    """
    names = {name, unquote(name)}
    return any(fnmatchcase(one, pattern) for one in names for pattern in patterns)


def derivative(picture: Picture, longest: int) -> bytes | ItemError:
    """Read a picture and encode it anew, its longest side `longest` pixels or fewer; `unreadable` where it can't be."""
    if isinstance(picture, ItemError):
        return picture
    try:
        return thumbnail(_content(picture), longest)
    except (InputError, EnvironmentProblem) as error:
        return ItemError("unreadable", str(error))


def _content(picture: bytes | str | Path | Place | Page) -> bytes | Path | Page:
    if isinstance(picture, bytes | Page):
        return picture
    place = Place.of(picture)
    if place.is_local:
        return Path(place.address.path)
    try:
        return place.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("missing", f"{place} is not there: check its name") from error
