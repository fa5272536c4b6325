"""Reading: a picture's bytes with their digest, wherever they lie, a few ahead of their turn.

Enters: a record of a source. Leaves: its content, small ones in memory and large ones as a file, or why there is none.
What was copied to a file is deleted when nobody refers to the content any more.
"""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mezzetin.collection.sources import Picture, PutOff, SourceRecord, Web
from mezzetin.data.readers.source import Url
from mezzetin.errors import FetchError, ImageError, InputError
from mezzetin.pixels import ImageHeader, Page, count_pages, read_header
from mezzetin.records import ItemError
from mezzetin.storage.paths import Place

IN_MEMORY = 4 << 20
_READERS = 8
T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False)
class Content:
    """A picture that was read: its bytes or file, `sha256` in hex and `size` in bytes of them, its header and pages."""

    data: bytes | Path
    sha256: str
    size: int
    header: ImageHeader
    pages: int

    def page(self, number: int) -> bytes | Path | Page:
        """What is decoded for a page, counted from 0."""
        return self.data if number == 0 else Page(self.data, number)


Outcome = Content | ItemError | PutOff


def read(record: SourceRecord, web: Web) -> Outcome:
    """Read a record's picture.

    Raises:
        EnvironmentProblem: a store refuses or does not answer, so that the next picture would fare no better.

    """
    try:
        return _content(record.picture, web)
    except PutOff as error:
        return error
    except (FetchError, ImageError) as error:
        return ItemError(error.code, str(error))
    except FileNotFoundError:
        return ItemError("missing", f"{record.uri} is not there: check its name")
    except InputError as error:
        return ItemError("missing", str(error))
    except OSError as error:
        return ItemError("unreadable", f"{record.uri} can't be read ({error.strerror or type(error).__name__})")


def ahead(items: Iterable[T], work: Callable[[T], R | None]) -> Iterator[tuple[T, R | None]]:
    """Do `work` for items on threads, a few ahead of their turn, in order."""
    waiting: deque[tuple[T, Future[R | None]]] = deque()
    with ThreadPoolExecutor(_READERS, thread_name_prefix="read") as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(work, item)))
                while len(waiting) > 2 * _READERS or (waiting and waiting[0][1].done()):
                    done, result = waiting.popleft()
                    yield done, result.result()
            while waiting:
                done, result = waiting.popleft()
                yield done, result.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _content(picture: Picture, web: Web) -> Content:
    with ExitStack() as files:
        data = _data(picture, web, files)
        if isinstance(data, Path):
            with data.open("rb") as stream:
                digest, size = hashlib.file_digest(stream, "sha256").hexdigest(), data.stat().st_size
        else:
            digest, size = hashlib.sha256(data).hexdigest(), len(data)
        header = read_header(data)
        found = Content(data, digest, size, header, count_pages(data) if header.format == "tiff" else 1)
        weakref.finalize(found, files.pop_all().close)
        return found


def _data(picture: Picture, web: Web, files: ExitStack) -> bytes | Path:
    if isinstance(picture, Place):
        if picture.is_local:
            return picture.local_path()
        return files.enter_context(picture.content(IN_MEMORY))
    address = picture if isinstance(picture, Url) else picture.find(web)
    data = web.fetch(address.url).data
    if len(data) <= IN_MEMORY:
        return data
    copy = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="mezzetin-"))) / "large"
    copy.write_bytes(data)
    return copy
