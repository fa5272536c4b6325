"""Sources: the pictures that a request names by address, read with what the address carries and nothing else.

Enters: a URL of somebody's request, or a place found in a stranger's folder. Leaves: its bytes, or an `ItemError`.
Azure's hosts and those that the operator lists are read as stores, with the SAS alone; any other URL goes through the
safe fetch. The server's own identity and this machine's disk are out of reach from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath

from mezzetin.errors import EnvironmentProblem, FetchError, InputError, StoreRefused, StoreUnreachable
from mezzetin.records import ItemError
from mezzetin.storage.address import without_secrets
from mezzetin.storage.paths import Place
from mezzetin.storage.pictures import PICTURE_SUFFIXES
from mezzetin.storage.web.fetch import Fetcher, policy_from_environment


class Sources:
    """Reads addresses; threads may share it. A picture of more than `most` bytes is refused."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._fetcher = Fetcher(replace(policy_from_environment(), max_bytes=most, max_decoded_bytes=most))

    def read(self, address: str | Place) -> bytes | ItemError:
        """Read one picture."""
        try:
            place = address if isinstance(address, Place) else _store_of(address)
            return self._fetcher.fetch(str(address)).data if place is None else self._stored(place)
        except FetchError as error:
            return ItemError(error.code, str(error))
        except InputError as error:
            return ItemError("bad_url", str(error))
        except StoreRefused as error:
            return ItemError("store_refused", str(error))
        except StoreUnreachable as error:
            return ItemError("store_unreachable", str(error))
        except EnvironmentProblem as error:
            return ItemError("unavailable", str(error))
        except FileNotFoundError:
            return ItemError("missing", "there is nothing at this address: check it")
        except OSError as error:
            return ItemError("unreadable", f"the store can't give it ({error.strerror or type(error).__name__})")

    def folder(self, sas_uri: str, most: int) -> list[Place]:
        """The pictures below a container's or folder's SAS URI, `most` at most, in the store's order; or the one blob.

        Raises:
            InputError: it is no SAS URI of a store that may be named, or there is no picture.
            StoreRefused: the SAS does not let it be listed.
            StoreUnreachable: the store does not answer.

        """
        place = Place.of_stranger(sas_uri)
        try:
            found = list(islice(pictures_below(place), most))
        except FileNotFoundError as error:
            raise InputError("there is no such container: check the SAS URI") from error
        if not found:
            raise InputError(f"there are no pictures below {place}: check the folder's name")
        return found

    def close(self) -> None:
        """Close the connections that are kept."""
        self._fetcher.close()

    def _stored(self, place: Place) -> bytes | ItemError:
        content = place.read_up_to(self._most)
        if content is None:
            return ItemError("too_large", f"the picture is larger than {self._most:,} bytes: send a smaller copy")
        return content


def name_of(address: str | Place) -> str:
    """What is said of an address, and kept: all of it but its secrets."""
    return str(address) if isinstance(address, Place) else without_secrets(address)


def pictures_below(place: Place) -> Iterator[Place]:
    """The files below a folder whose names are those of pictures, as a stream; a picture is its own only one."""
    if place.address.path and _is_picture(place):
        yield place
        return
    yield from filter(_is_picture, place.walk())


def _is_picture(place: Place) -> bool:
    return PurePosixPath(place.name).suffix.lower() in PICTURE_SUFFIXES


def _store_of(url: str) -> Place | None:
    """The place of a URL that is read as a store; None for one that is fetched."""
    try:
        return Place.of_stranger(url)
    except InputError:
        return None
