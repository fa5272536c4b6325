"""The bytes behind a picture's source, wherever they are, each picture with one request.

Enters: an `ImageSource`. Leaves: its bytes, or a local path where they are too many to hold.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mezzetin.data.readers.source import Cell, ImageSource, Slice, Url, read_cell, read_slice
from mezzetin.storage.paths import Place

_opened = threading.local()


@contextmanager
def content_of(source: ImageSource, in_memory: int) -> Iterator[bytes | Path]:
    """The content of a picture: bytes, or a local path where it is a file of more than `in_memory` bytes.

    OSError where it can't be read, FileNotFoundError where it is not there.

    Raises:
        FetchError: it is on the web and can't be fetched.
        DatasetError: the table that holds it is damaged.
        EnvironmentProblem: its store refuses or does not answer.

    """
    match source:
        case Place():
            with source.content(in_memory) as content:
                yield content
        case Slice():
            yield read_slice(source) if source.place.is_local else _range(source)
        case Cell():
            cell = read_cell(source)
            if cell is None:
                raise FileNotFoundError("the cell is empty")
            yield cell
        case Url(url):
            from mezzetin.storage.web.store import fetcher

            yield fetcher().fetch(url).data


def is_remote(source: ImageSource) -> bool:
    """Say whether reading waits for a network."""
    return isinstance(source, Url) or not (source if isinstance(source, Place) else source.place).is_local


def _range(piece: Slice) -> bytes:
    """A slice of a remote file by one request of its length; a thread keeps the file that it read last open."""
    stream: IO[bytes]
    kept = getattr(_opened, "last", None)
    if kept is not None and kept[0] == piece.place:
        stream = kept[1]
    else:
        stream = piece.place.open()
        _opened.last = (piece.place, stream)
    # Beneath the buffer, which would fetch megabytes for every picture.
    beneath = getattr(stream, "raw", stream)
    beneath.seek(piece.offset)
    content: bytes = beneath.read(piece.length)
    if len(content) != piece.length:
        raise OSError("the file ends before the picture does")
    return content
