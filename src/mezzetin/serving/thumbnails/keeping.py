"""Small copies of a collection's pictures, made once and kept beside it.

Enters: a picture of the collection. Leaves: a JPEG from the folder of small copies, or made now: read where the
picture lies, decoded in a process of its own. A copy is filed under the digest of its picture, so that one that moved
is not made again and one that changed is; nothing out of a request becomes part of a path.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from mezzetin.collection.copies import place_of
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Picture
from mezzetin.errors import EnvironmentProblem, FetchError, InputError
from mezzetin.records import ItemError
from mezzetin.serving.thumbnails.painter import Painter
from mezzetin.storage.paths import Place
from mezzetin.storage.web.fetch import Fetcher, policy_from_environment

SIZES = {"small": 640, "large": 1600}
"""The longest side of a copy, in pixels."""
_IN_MEMORY = 16 << 20
_GONE = ItemError("missing", "the picture is not in its place any more")


@dataclass(frozen=True, slots=True)
class Copy:
    """A JPEG and what tells it from another one."""

    jpeg: bytes
    tag: str


class Thumbnails:
    """Makes and keeps small copies; `sources` are places with the signature that their pictures are read with."""

    def __init__(
        self, folder: Path, *, count: int, limit: float, memory: int, max_pixels: int, sources: Sequence[str] = ()
    ) -> None:
        self._folder = folder
        self._sources = [Place.of(source) for source in sources]
        self._painters = [Painter(limit=limit, memory=memory, max_pixels=max_pixels) for _ in range(count)]
        self._free: SimpleQueue[Painter] = SimpleQueue()
        for painter in self._painters:
            self._free.put(painter)
        # A few more than draw, since reading is waiting.
        self._threads = ThreadPoolExecutor(count + 4, thread_name_prefix="mezzetin-thumbnail")
        self._fetcher = Fetcher(policy_from_environment())

    async def get(self, picture: Picture, size: str) -> Copy | ItemError:
        """The small copy of a picture in one of `SIZES`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._get, picture, SIZES[size])

    async def shrunk(self, content: bytes, size: str = "small") -> bytes | ItemError:
        """A small copy of a picture that is not the collection's; it is kept nowhere."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._drawn, content, 0, SIZES[size])

    def close(self) -> None:
        """End the processes."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for painter in self._painters:
            painter.close()
        self._fetcher.close()

    def sweep(self, collection: Collection) -> int:
        """Remove the copies of pictures that the collection does not hold any more; returns how many."""
        removed = 0
        for path in self._folder.glob("??/*.jpg"):
            digest = path.name.partition("-")[0]
            if collection.one("SELECT 1 FROM pictures WHERE sha256 = ?", (digest,)) is None:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _get(self, picture: Picture, longest: int) -> Copy | ItemError:
        tag = tag_of(picture, longest)
        if picture.sha256 is None:
            # Nobody has read it yet, so nobody can say later whose copy this is.
            return self._made(picture, longest, tag)
        path = place_of(self._folder, picture.sha256, picture.page, longest)
        try:
            return Copy(path.read_bytes(), tag)
        except FileNotFoundError:
            pass
        made = self._made(picture, longest, tag)
        if isinstance(made, Copy):
            _keep(path, made.jpeg)
        return made

    def _made(self, picture: Picture, longest: int, tag: str) -> Copy | ItemError:
        try:
            with self._content(picture.uri) as content:
                drawn = self._drawn(content, picture.page, longest)
        except FetchError as error:
            return ItemError(error.code, str(error))
        except FileNotFoundError:
            return _GONE
        except (InputError, EnvironmentProblem) as error:
            return ItemError("unreadable", str(error))
        except OSError as error:
            return ItemError("unreadable", f"the picture can't be read ({error.strerror or type(error).__name__})")
        return Copy(drawn, tag) if isinstance(drawn, bytes) else drawn

    def _drawn(self, content: bytes | Path, page: int, longest: int) -> bytes | ItemError:
        painter = self._free.get()
        try:
            return painter.draw(content, page, longest)
        finally:
            self._free.put(painter)

    @contextmanager
    def _content(self, uri: str) -> Iterator[bytes | Path]:
        place = self._place(uri)
        if place.is_local:
            path = place.local_path()
            if not path.is_file():
                raise FileNotFoundError(path)
            yield path
        elif place.address.kind == "web":
            yield self._fetcher.fetch(uri).data
        else:
            with ExitStack() as files:
                yield files.enter_context(place.content(_IN_MEMORY))

    def _place(self, uri: str) -> Place:
        """Where a picture lies, with the signature of the source that it lies below."""
        for source in self._sources:
            if not source.is_local and uri.startswith(f"{source}/"):
                inside = "/".join(part for part in (source.address.path, uri.removeprefix(f"{source}/")) if part)
                return Place(source.address.at(inside))
        return Place.of(uri)


def tag_of(picture: Picture, longest: int) -> str:
    """What changes when a picture's small copy does."""
    known = picture.sha256 or f"{picture.uri} {picture.stamp}"
    return hashlib.sha256(f"{known} {picture.page} {longest}".encode()).hexdigest()[:32]


def _keep(path: Path, jpeg: bytes) -> None:
    """Put a copy in its place whole; where the disk is full or read-only it is made again the next time."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
    except OSError:
        return
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(jpeg)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
