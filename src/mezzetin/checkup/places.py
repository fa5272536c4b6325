"""A place: as whom it is reached, whether it is there, and whether it can be listed, read and written.

Enters: a place. Leaves: findings in that order. Read is tried on the first file that is listed; write only where it was
asked for, with a small file of a telling name that is deleted again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from mezzetin.checkup.findings import Finding, State, Tell
from mezzetin.errors import MezzetinError, StoreRefused
from mezzetin.storage.paths import Place
from mezzetin.storage.store import Entry

_CONTENT = b"mezzetin doctor --write tried whether it can write here. This file may be deleted.\n"
_DATABRICKS = ("/Volumes/", "/dbfs/")


def look_at(place: Place, tell: Tell, *, write: bool) -> None:
    """Find out what can be done at a place."""
    group = str(place)

    def note(name: str, state: State, says: str, advice: str = "") -> None:
        tell(Finding(group, name, state, says, advice))

    note("who", "note", _who(place))
    entry = _there(place, note)
    if entry is None:
        return
    sample = place if not entry.is_folder else _listed(place, note)
    _read(sample, note)
    if not write:
        note("write", "note", "not tried", "give --write to put one small file there and delete it")
    elif not entry.is_folder:
        note("write", "note", "not tried: this is a file; name its folder")
    else:
        _write(place, note)


Note = Callable[..., None]


def _who(place: Place) -> str:
    address = place.address
    if address.kind == "azure":
        from mezzetin.storage.azure.credentials import access

        return access(address.endpoint, address.secret).who
    if address.kind == "filesystem":
        return f"whom the {address.endpoint} library finds in the environment"
    return "nobody: web addresses are fetched without credentials" if address.kind == "web" else "this machine's user"


def _there(place: Place, note: Note) -> Entry | None:
    """What is there; a folder where that can't be known. None where nothing else need be tried."""
    try:
        entry = place.entry()
    except StoreRefused as error:
        # A link without List can't tell a folder from nothing: the rest says what it can.
        note("exists", "note", f"unknown: {error}")
        return Entry(place.address.path, is_folder=True)
    if entry is not None:
        note("exists", "ok", "a folder" if entry.is_folder else f"a file of {entry.size:,} bytes")
        return entry
    if place.is_local or place.address.kind == "web":
        mounted = str(place).startswith(_DATABRICKS)
        advice = "on a machine outside Databricks write dbfs:/…" if mounted else "check the path"
        note("exists", "no", "there is nothing", advice)
        return None
    if not place.address.path or not _container_is_there(place):
        note("exists", "no", f"there is no {place.address.container}", "make it first, or check its name")
        return None
    note("exists", "note", "nothing lies there yet")
    return Entry(place.address.path, is_folder=True)


def _container_is_there(place: Place) -> bool:
    try:
        return Place(place.address.root()).exists()
    except StoreRefused:
        # Whoever may only reach a folder of it must not be told that there is none.
        return True


def _listed(place: Place, note: Note) -> Place | None:
    """The first file of a folder."""
    try:
        first = next(place.walk(), None)
    except FileNotFoundError:
        # Object stores have no empty folders.
        first = None
    except (MezzetinError, OSError) as error:
        note("list", "no", _one_line(error))
        return None
    note("list", "ok", "yes" if first is not None else "yes, and it is empty")
    return first


def _read(sample: Place | None, note: Note) -> None:
    if sample is None:
        note("read", "note", "not tried: no file is known there; name one")
        return
    try:
        with sample.open() as stream:
            stream.read(1)
    except (MezzetinError, OSError) as error:
        note("read", "no", _one_line(error))
    else:
        note("read", "ok", f"yes: {sample}")


def _write(place: Place, note: Note) -> None:
    probe = Place(place.address.down(f"mezzetin-doctor-{uuid.uuid4().hex[:12]}.txt"))
    try:
        probe.write(_CONTENT)
    except (MezzetinError, OSError) as error:
        note("write", "no", _one_line(error))
        return
    note("write", "ok", "yes")
    try:
        probe.delete()
    except (MezzetinError, OSError) as error:
        note("delete", "note", f"{_one_line(error)}; {probe.name} stays there")


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
