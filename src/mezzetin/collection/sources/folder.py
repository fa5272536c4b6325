"""A folder, a container or a part of it, or one picture: what lies there, by its suffix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mezzetin.collection.sources.options import is_there, local_stamp, name_of
from mezzetin.collection.sources.record import Skip, SourceRecord
from mezzetin.errors import InputError
from mezzetin.storage.paths import Place, reading
from mezzetin.storage.pictures import PICTURE_SUFFIXES
from mezzetin.storage.store import Entry

LOOKS_FOR = "a folder, a container or a SAS link, with pictures in it"


@dataclass(frozen=True, slots=True)
class Folder:
    """The pictures below one place, in the order in which its store lists them; a local one is named from the root."""

    place: Place

    @property
    def name(self) -> str:
        """See `Source`."""
        return name_of(self.place)

    def records(self) -> Iterator[SourceRecord | Skip]:
        """See `Source`."""
        empty = True
        for place, entry in self._entries():
            empty = False
            if _is_sayable(str(place)):
                yield SourceRecord(picture=place, uri=str(place), stamp=_stamp(place, entry))
            else:
                yield Skip("bad_name", str(place).encode("utf-8", "replace").decode(), "its name is no text: rename it")
        if empty:
            known = ", ".join(sorted(PICTURE_SUFFIXES))
            raise InputError(f"{self.place} holds no pictures ({known})")

    def count(self) -> int | None:
        """See `Source`; a listing costs little beside the pictures."""
        return sum(1 for _ in self._entries())

    def still_there(self, uri: str) -> bool:
        """See `Source`; a store is asked."""
        if self.place.is_local:
            return is_there(uri)
        below = f"{self.place}/"
        if not uri.startswith(below):
            return True
        inside = "/".join(part for part in (self.place.address.path, uri.removeprefix(below)) if part)
        return Place(self.place.address.at(inside)).file_entry() is not None

    def _entries(self) -> Iterator[tuple[Place, Entry]]:
        with reading(self.place):
            found = self.place.entry()
            if found is None:
                raise InputError(f"{self.place} is not there: check its name")
            if not found.is_folder:
                yield self.place, found
                return
            for place, entry in self.place.walk_entries():
                if PurePosixPath(place.name).suffix.lower() in PICTURE_SUFFIXES and not _is_hidden(place):
                    yield place, entry


def open_folder(place: Place) -> Folder:
    """Return a place as a source of pictures."""
    return Folder(Place.of(place.local_path()) if place.is_local else place)


def _is_hidden(place: Place) -> bool:
    """What begins with `._` is a Mac's note about a file of that name, not the picture."""
    return place.name.startswith("._")


def _is_sayable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _stamp(place: Place, entry: Entry) -> str:
    if place.is_local:
        return local_stamp(Path(place.address.path))
    return f"{entry.size}-{entry.version}"
