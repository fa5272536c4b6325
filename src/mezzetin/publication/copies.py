"""Embedding: copies of the pictures with their texts inside, or, asked for in so many words, the pictures themselves.

Enters: the pictures where they lie. Leaves: files whose pixels and other metadata are as they were.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, Picture
from mezzetin.errors import ImageError
from mezzetin.publication.embedding import Embedded, embed, foreign_texts
from mezzetin.publication.journal import stamp_of
from mezzetin.publication.order import Exported, Order
from mezzetin.publication.perpicture import Claims, Job, write_files
from mezzetin.storage.files import file_sha256
from mezzetin.storage.paths import Place, writing


def write(collection: Collection, order: Order, done: Exported) -> None:
    """The format `embed`; see `exporting.FORMATS`."""
    write_files(collection, order, done, _Copies(collection, order))


class _Copies:
    name = "embed"

    def __init__(self, collection: Collection, order: Order) -> None:
        self._collection, self._in_place = collection, order.in_place

    def file_name(self, name: str) -> str:
        """See `Maker`."""
        return name

    def beside(self, picture: Picture) -> Place:
        """See `Maker`: the picture itself."""
        place = Place.of(picture.uri)
        if not place.is_local:
            raise ImageError("remote", "it is not on this machine: name a TARGET for copies in place of --in-place")
        path = place.local_path()
        if path.exists() and not os.access(path, os.W_OK):
            raise ImageError("read_only", "it may not be written to: change its permissions, or name a TARGET")
        return place

    def pages(self, claims: Claims) -> Claims:
        """See `Maker`."""
        return claims

    def make(self, job: Job, part: Path) -> Embedded:
        """See `Maker`."""
        with _local(Place.of(job.picture.uri)) as source:
            self._check(job, source)
            if not self._in_place and job.state == "taken":
                _spare(job, source)
            with writing(job.place):
                made = embed(source, job.claims, part)
                if not made.changed and not self._in_place:
                    shutil.copyfile(source, part)
            return made

    def replaced(self, job: Job) -> None:
        """See `Maker`: the collection learns how the file looks now, or the next run would take it for another."""
        if not self._in_place:
            return
        place = Place.of(job.picture.uri)
        stamp = stamp_of(place)
        if stamp is None or stamp == job.picture.stamp:
            return
        with self._collection.writing(Actor.machine("export"), "export") as changing:
            changing.execute(
                "UPDATE pictures SET stamp = ?, size = ? WHERE uri = ?", (stamp, place.size(), job.picture.uri)
            )

    def _check(self, job: Job, source: Path) -> None:
        """Refuse a file that is not the one that was described."""
        known = {job.picture.sha256, job.noted.sha256 if self._in_place and job.noted else None} - {None}
        if known and file_sha256(source) not in known:
            raise ImageError("changed", "it is not the file that was described: run `mezzetin collect` first")


def _spare(job: Job, source: Path) -> None:
    """Refuse to replace a copy into which somebody wrote a text of their own."""
    pages = sorted(job.claims)
    with _local(job.place) as there:
        try:
            held = foreign_texts(there, pages)
        except ImageError:
            # No picture, or one that can't be read: --overwrite was asked for, and no text can be in it.
            return
    if held - foreign_texts(source, pages):
        raise ImageError("kept", f"{job.place} holds a text that a person wrote: it stays as it is")


@contextmanager
def _local(place: Place) -> Iterator[Path]:
    """A picture as a file of this machine; a copy of what lies elsewhere."""
    if place.is_local:
        if not place.is_file():
            raise FileNotFoundError(str(place))
        yield place.local_path()
        return
    with tempfile.TemporaryDirectory(prefix="mezzetin-") as scratch:
        copy = Path(scratch) / "picture"
        if place.address.kind == "web":
            copy.write_bytes(place.read_bytes())
        else:
            place.get(copy)
        yield copy
