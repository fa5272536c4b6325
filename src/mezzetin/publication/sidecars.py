"""Sidecars: an XMP file beside each picture, NAME.jpg.xmp, or merged into the one that is there.

Enters: pictures and the sidecars that lie beside them or in the target. Leaves: sidecars with all that they had.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Picture
from mezzetin.errors import ImageError, InputError
from mezzetin.publication.embedding import Embedded
from mezzetin.publication.merging import merge
from mezzetin.publication.order import Exported, Order
from mezzetin.publication.packets import EMPTY, placed, spoken
from mezzetin.publication.perpicture import Claims, Job, write_files
from mezzetin.publication.xmptree import MAX_BYTES, bad_xmp
from mezzetin.storage.paths import Place, writing


def write(collection: Collection, order: Order, done: Exported) -> None:
    """The format `xmp`; see `exporting.FORMATS`."""
    write_files(collection, order, done, _Sidecars())


class _Sidecars:
    name = "xmp"

    def file_name(self, name: str) -> str:
        """See `Maker`."""
        return f"{name}.xmp"

    def beside(self, picture: Picture) -> Place:
        """See `Maker`: the sidecar that there is, otherwise NAME.jpg.xmp."""
        place = Place.of(picture.uri)
        if place.address.kind == "web":
            raise ImageError("remote", "nothing can be written beside it: name a TARGET in place of --in-place")
        if not place.is_file():
            raise FileNotFoundError(str(place))
        return _existing(place) or place.parent / f"{place.name}.xmp"

    def pages(self, claims: Claims) -> Claims:
        """See `Maker`: a sidecar speaks of the whole file."""
        return {page: asked for page, asked in claims.items() if page == 0}

    def make(self, job: Job, part: Path) -> Embedded:
        """See `Maker`."""
        old = _read(job.place) if job.state != "free" else _read(_beside(job.picture))
        merged = merge((old,) if old else (), job.claims[0])
        if not merged.added:
            if job.state == "free":
                part.write_bytes(old or EMPTY)
            return Embedded(changed=False, written=(), same=merged.same, kept=merged.kept)
        new = placed(merged.packets[0], merged.added)
        held = spoken((new,))
        if not all((claim.lang, claim.text) in held.get(claim.name, ()) for claim in merged.written):
            raise ImageError("not_proven", "the new sidecar does not read as it should and is not kept: report it")
        with writing(job.place):
            part.write_bytes(new)
        return Embedded(changed=True, written=merged.written, same=merged.same, kept=merged.kept)

    def replaced(self, job: Job) -> None:
        """See `Maker`: nobody keeps book of sidecars."""


def _beside(picture: Picture) -> Place | None:
    """The sidecar that lies beside a picture, if there is one and it can be told."""
    try:
        place = Place.of(picture.uri)
    except InputError:
        return None
    return None if place.address.kind == "web" else _existing(place)


def _existing(place: Place) -> Place | None:
    """NAME.jpg.xmp, or NAME.xmp where it is this picture's and not that of another file of the same name."""
    full = place.parent / f"{place.name}.xmp"
    if full.is_file():
        return full
    name = PurePosixPath(place.name)
    short = place.parent / f"{name.stem}.xmp"
    if not place.is_local or not short.is_file():
        return None
    folder = place.local_path().parent
    alike = [one for one in folder.iterdir() if one.stem == name.stem and one.name not in (short.name, place.name)]
    return None if alike else short


def _read(place: Place | None) -> bytes:
    if place is None:
        return b""
    content = place.read_up_to(MAX_BYTES)
    if content is None:
        raise bad_xmp("it is longer than 16 MB")
    return content
