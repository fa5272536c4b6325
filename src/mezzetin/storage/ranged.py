"""A remote file as a stream that can seek: every read asks for a range."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any


class RangedFile(io.RawIOBase):
    """A file of `size` bytes, read by `ask(start, length)`; wrap it in a BufferedReader."""

    def __init__(self, ask: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._ask, self._size, self._at = ask, size, 0

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def tell(self) -> int:
        """See `io.RawIOBase`."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.RawIOBase`."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`."""
        view = memoryview(buffer).cast("B")
        length = min(len(view), self._size - self._at)
        if length <= 0:
            return 0
        content = self._ask(self._at, length)
        view[: len(content)] = content
        self._at += len(content)
        return len(content)
