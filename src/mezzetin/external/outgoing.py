"""What leaves the machine: a small JPEG without metadata, whatever the picture was and wherever it lay.

Enters: an encoded picture, where one lies, or why there is none. Leaves: a JPEG of bounded size, or an error. No name,
address, signature, EXIF, GPS position or embedded preview goes with it.
"""

from __future__ import annotations

from pathlib import Path

from mezzetin.errors import EnvironmentProblem, ImageError, InputError
from mezzetin.pixels import thumbnail
from mezzetin.records import ItemError
from mezzetin.storage.paths import Place

#: An encoded picture, where one lies, or why there is none.
Picture = bytes | str | Path | Place | ItemError


def derivative(picture: Picture, longest: int) -> bytes | ItemError:
    """Read a picture and encode it anew, its longest side `longest` pixels or fewer; `unreadable` where it can't be."""
    if isinstance(picture, ItemError):
        return picture
    try:
        return thumbnail(_content(picture), longest)
    except (InputError, EnvironmentProblem) as error:
        return ItemError("unreadable", str(error))


def _content(picture: bytes | str | Path | Place) -> bytes | Path:
    if isinstance(picture, bytes):
        return picture
    place = Place.of(picture)
    if place.is_local:
        return Path(place.address.path)
    try:
        return place.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("missing", f"{place} is not there: check its name") from error
