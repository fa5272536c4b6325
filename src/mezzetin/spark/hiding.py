"""Where pictures are, told without their secrets: what a Spark plan, its log or a listing may hold.

Enters: a picture's source. Leaves: plain JSON in which a signature is a number, and the signatures by number, which
travel inside the function that executors run and are written nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mezzetin.data.readers.source import Cell, ImageSource, Slice, Url
from mezzetin.storage.address import Address, without_secrets
from mezzetin.storage.paths import Place


class Secrets:
    """Signatures by number; number 0 is none."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}

    def number(self, secret: str) -> int:
        """The number of a signature, the same one every time."""
        return self._numbers.setdefault(secret, len(self._numbers))

    def all(self) -> tuple[str, ...]:
        """The signatures in the order of their numbers."""
        return tuple(self._numbers)


def told(source: ImageSource, secrets: Secrets) -> list[Any]:
    """A source as JSON without its secret; the last element is the secret's number."""
    match source:
        case Slice(place, offset, length):
            return ["slice", *_address(place), offset, length, secrets.number(place.address.secret)]
        case Cell(place, row_group, row, column):
            return ["cell", *_address(place), row_group, row, column, secrets.number(place.address.secret)]
        case Url(url):
            shown = without_secrets(url)
            return ["url", shown, secrets.number(url if shown != url else "")]
        case place:
            return ["place", *_address(place), secrets.number(place.address.secret)]


def found(telling: Sequence[Any], secrets: Sequence[str]) -> ImageSource:
    """The source that `told` told of; ValueError where it did not."""
    match telling:
        case ["url", str(shown), int(number)]:
            return Url(secrets[number] or shown)
        case ["place", str(), str(), str(), str(), str(), int(number)]:
            return _place(telling, secrets[number])
        case ["slice", str(), str(), str(), str(), str(), int(offset), int(length), int(number)]:
            return Slice(_place(telling, secrets[number]), offset, length)
        case ["cell", str(), str(), str(), str(), str(), int(group), int(row), str(column), int(number)]:
            return Cell(_place(telling, secrets[number]), group, row, column)
    raise ValueError("this is no picture's source: the listing was altered")


def _address(place: Place) -> list[str]:
    # Executors have working folders of their own.
    address = place.address if not place.is_local else Place.of(place.local_path()).address
    return [address.kind, address.endpoint, address.container, address.path, address.scheme]


def _place(telling: Sequence[Any], secret: str) -> Place:
    kind, endpoint, container, path, scheme = telling[1:6]
    return Place(Address(kind, endpoint, container, path, scheme, secret))
