"""Reading: what a caller names as a picture, and its bytes where it lies in a store."""

from __future__ import annotations

from pathlib import Path

from mezzetin.errors import FetchError, InputError
from mezzetin.pixels import Page
from mezzetin.records import ItemError
from mezzetin.storage.paths import Place

#: An encoded picture, where one lies, or why there is none.
Picture = bytes | str | Path | Place | Page | ItemError


def at_hand(image: Picture) -> bytes | Path | Page | ItemError:
    """Read a remote picture; a local path, bytes, and an error are passed on as they are.

    Raises:
        EnvironmentProblem: a store refuses or does not answer, so that the next picture would fare no better.

    """
    if isinstance(image, bytes | Page | ItemError):
        return image
    try:
        place = Place.of(image)
        return Path(place.address.path) if place.is_local else place.read_bytes()
    except FetchError as error:
        return ItemError(error.code, str(error))
    except FileNotFoundError:
        return ItemError("missing", f"{image} is not there: check its name")
    except InputError as error:
        return ItemError("missing", str(error))
