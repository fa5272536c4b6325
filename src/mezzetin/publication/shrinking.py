"""Small copies of the pictures that are published, made once.

Enters: pictures with their texts. Leaves: the same, each with JPEGs in the folder of the export: those that are there,
those that a server keeps beside the collection, or new ones from the picture where it lies, on all processors and a few
ahead of their turn. What can't be read is reported and left out.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mezzetin.collection.copies import folder_of, place_of
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Picture
from mezzetin.errors import FetchError, ImageError, InputError
from mezzetin.pixels import Page, read_header, thumbnail
from mezzetin.publication.order import Exported, Order
from mezzetin.publication.rows import Published
from mezzetin.publication.tree import Tree
from mezzetin.records import ItemError
from mezzetin.storage.paths import Place
from mezzetin.storage.web.fetch import Fetcher
from mezzetin.storage.web.policy import policy_from_environment
from mezzetin.worker import processors

LARGE, SMALL = 1600, 640
"""The longest side of a copy in pixels: to look at a picture, and to find it among others."""
_QUALITY = 88
_MASTER_PIXELS = 500_000_000


@dataclass(frozen=True, slots=True)
class Copy:
    """A JPEG of an export: its name in the folder, width and height in pixels."""

    name: str
    width: int
    height: int


Copies = dict[int, Copy]
"""The copies of one picture by their longest side."""


class Shrinker:
    """Makes the copies of an export's pictures; close it."""

    def __init__(self, collection: Collection, order: Order, done: Exported, tree: Tree) -> None:
        self._kept = folder_of(collection.path)
        self._order = order
        self._done = done
        self._tree = tree
        self._fetcher = Fetcher(policy_from_environment())
        self._pool = ThreadPoolExecutor(processors(), thread_name_prefix="mezzetin-export")

    def close(self) -> None:
        """End the threads; copies that nobody waits for are not made."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._fetcher.close()

    def copied(self, found: Iterable[Published], sides: tuple[int, ...]) -> Iterator[tuple[Published, Copies]]:
        """Each picture with its copies, in order, their longest sides `sides` (or less, in a smaller picture).

        Raises:
            EnvironmentProblem: a store refuses, or the folder can't be written.

        """
        waiting: deque[tuple[Published, Future[Copies | ItemError]]] = deque()
        for one in found:
            waiting.append((one, self._pool.submit(self._copies, one.picture, sides)))
            if len(waiting) > 4 * processors():
                yield from self._ready(waiting)
        while waiting:
            yield from self._ready(waiting)

    def _ready(
        self, waiting: deque[tuple[Published, Future[Copies | ItemError]]]
    ) -> Iterator[tuple[Published, Copies]]:
        one, future = waiting.popleft()
        made = future.result()
        if isinstance(made, ItemError):
            self._done.fail(self._order, one.picture.uri, made.code, made.message)
        else:
            yield one, made

    def _copies(self, picture: Picture, sides: tuple[int, ...]) -> Copies | ItemError:
        try:
            return self._each(picture, sides)
        except (FetchError, ImageError) as error:
            return ItemError(error.code, str(error))
        except FileNotFoundError:
            return ItemError("missing", "the picture is not in its place any more")
        except InputError as error:
            return ItemError("unreadable", str(error))
        except OSError as error:
            return ItemError("unreadable", f"the picture can't be read ({error.strerror or type(error).__name__})")

    def _each(self, picture: Picture, sides: tuple[int, ...]) -> Copies:
        """The copies, the largest first: a smaller one is made of it, or is it where the picture is small itself."""
        made: Copies = {}
        above: bytes | None = None
        for side in sorted(sides, reverse=True):
            last = made[min(made)] if made else None
            if last is not None and max(last.width, last.height) <= side:
                made[side] = last
                continue
            name = copy_name(picture, side)
            jpeg = self._tree.found(name)
            if jpeg is None:
                jpeg = self._beside(picture, side) or self._made(picture, side, above)
                self._tree.put(name, jpeg)
            header = read_header(jpeg)
            made[side], above = Copy(name, header.width, header.height), jpeg
        return made

    def _beside(self, picture: Picture, side: int) -> bytes | None:
        """The copy that a server has made and keeps."""
        if picture.sha256 is None:
            return None
        try:
            return place_of(self._kept, picture.sha256, picture.page, side).read_bytes()
        except OSError:
            return None

    def _made(self, picture: Picture, side: int, above: bytes | None) -> bytes:
        if above is not None:
            return thumbnail(above, side, quality=_QUALITY)
        with self._content(picture.uri) as content:
            named = Page(content, picture.page) if picture.page else content
            return thumbnail(named, side, quality=_QUALITY, max_pixels=_MASTER_PIXELS)

    @contextmanager
    def _content(self, uri: str) -> Iterator[bytes | Path]:
        place = Place.of(uri)
        if place.is_local:
            yield place.local_path()
        elif place.address.kind == "web":
            yield self._fetcher.fetch(uri).data
        else:
            with ExitStack() as files:
                yield files.enter_context(place.content())


def copy_name(picture: Picture, side: int) -> str:
    """The name of a copy in an export's folder; it changes when the picture does."""
    known = picture.sha256 or f"{picture.uri} {picture.stamp}"
    tag = hashlib.sha256(f"{known} {picture.page} {side}".encode()).hexdigest()[:10]
    return f"images/{picture.id}-{side}-{tag}.jpg"
