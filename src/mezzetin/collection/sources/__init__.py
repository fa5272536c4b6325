"""Sources of a collection: folders and containers, tables of museum records, IIIF manifests and collections.

Enters: what a person named. Leaves: a `Source`, which yields a record a picture. A kind of source is a function that
says whether a place is of its kind, and one that opens it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mezzetin.collection.sources import folder, iiif, records
from mezzetin.collection.sources.folder import Folder
from mezzetin.collection.sources.options import SourceOptions
from mezzetin.collection.sources.record import Lookup, Picture, Skip, Source, SourceRecord
from mezzetin.collection.sources.web import PER_SECOND, PutOff, Web
from mezzetin.errors import InputError
from mezzetin.storage.paths import Place


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of source: what it is recognised by, and how it is opened; `open` gives None where it is of another."""

    looks_for: str
    open: Callable[[Place, SourceOptions], Source | None]


def _iiif(place: Place, options: SourceOptions) -> Source | None:
    return None if options.mapping else iiif.open_iiif(place, options)


def _records(place: Place, options: SourceOptions) -> Source | None:
    return records.open_records(place, options) if records.found(place) else None


def _folder(place: Place, options: SourceOptions) -> Source | None:
    return None if place.address.kind == "web" or options.mapping else folder.open_folder(place)


#: Asked in this order, the most particular first.
SOURCES: dict[str, Kind] = {
    "iiif": Kind(iiif.LOOKS_FOR, _iiif),
    "records": Kind(records.LOOKS_FOR, _records),
    "folder": Kind(folder.LOOKS_FOR, _folder),
}


def open_source(named: str, options: SourceOptions) -> Source:
    """Return what a person named as a source.

    Raises:
        InputError: it is of no kind that is known here.
        FetchError: it is on the web and can't be fetched.
        EnvironmentProblem: a store refuses or does not answer.

    """
    place = Place.of(named)
    for kind in SOURCES.values():
        found = kind.open(place, options)
        if found is not None:
            return found
    wanted = "; ".join(kind.looks_for for kind in SOURCES.values())
    raise InputError(f"{place} can't be collected: name {wanted}")


__all__ = [
    "PER_SECOND",
    "SOURCES",
    "Folder",
    "Kind",
    "Lookup",
    "Picture",
    "PutOff",
    "Skip",
    "Source",
    "SourceOptions",
    "SourceRecord",
    "Web",
    "open_source",
]
