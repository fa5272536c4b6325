"""How a source is read, and what its pictures are called from run to run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from mezzetin.collection.sources.web import Web
from mezzetin.storage.address import is_address, without_secrets
from mezzetin.storage.paths import Place


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """`mapping` names a shipped mapping or a TOML file; `lang` is the language that texts are wanted in."""

    web: Web = field(repr=False)
    mapping: str | None = None
    lang: str = "en"


def name_of(place: Place) -> str:
    """The name of a source: its address without a signature, a local one from the root."""
    return str(Path(place.address.path).absolute()) if place.is_local else without_secrets(str(place))


def stamp_of(picture: object, changed: str = "") -> str:
    """The stamp of a picture that a record names: it changes with its address and with what the record says."""
    if isinstance(picture, Place) and picture.is_local:
        return local_stamp(Path(picture.address.path))
    return hashlib.sha256(f"{picture}\n{changed}".encode("utf-8", "replace")).hexdigest()[:16]


def local_stamp(path: Path) -> str:
    """The stamp of a file of this machine: its size and when it was written; "" where it can't be asked."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}"


def is_there(uri: str) -> bool:
    """Whether a picture that was met before is still in its place: asked of this machine only, of others it is."""
    return is_address(uri) or Path(uri).is_file()
