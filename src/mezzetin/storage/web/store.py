"""Files on the web behind the `Store` protocol: read one by one, through the safe fetch; nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, NoReturn

from mezzetin.errors import FetchError, InputError
from mezzetin.storage.address import Address
from mezzetin.storage.store import Entry
from mezzetin.storage.web.fetch import Fetcher, policy_from_environment

_NOWHERE = (404, 410)


@lru_cache(maxsize=1)
def fetcher() -> Fetcher:
    """The process's fetcher, with what the operator's environment allows."""
    return Fetcher(policy_from_environment())


class WebStore:
    """One host."""

    def __init__(self, address: Address) -> None:
        self._address = address
        # Asking whether a file is there reads it, so the one read last is kept.
        self._last: tuple[str, bytes] | None = None

    def entry(self, path: str) -> Entry | None:
        """See `Store`; the file is fetched for it."""
        try:
            return Entry(path, is_folder=False, size=len(self.read(path)))
        except FileNotFoundError:
            return None

    def file_entry(self, path: str) -> Entry | None:
        """See `Store`; a server says of nothing that it is a folder."""
        return self.entry(path)

    def read(self, path: str) -> bytes:
        """See `Store`."""
        last = self._last
        if last is not None and last[0] == path:
            return last[1]
        address = self._address.at(path)
        try:
            content = fetcher().fetch(address.unredacted()).data
        except FetchError as error:
            if getattr(error, "status", None) in _NOWHERE:
                raise FileNotFoundError(404, "there is no such page", str(address)) from error
            raise
        self._last = (path, content)
        return content

    def read_up_to(self, path: str, limit: int) -> bytes | None:
        """See `Store`; how much is fetched at most is the fetch policy's to say."""
        content = self.read(path)
        return content if len(content) <= limit else None

    def open(self, path: str) -> IO[bytes]:
        """See `Store`."""
        return io.BytesIO(self.read(path))

    def children(self, path: str) -> Iterator[Entry]:
        """See `Store`; web servers don't list."""
        self._refuse("listed")

    def walk(self, path: str) -> Iterator[Entry]:
        """See `Store`; web servers don't list."""
        self._refuse("listed")

    def write(self, path: str, content: bytes) -> None:
        """See `Store`; web servers are only read."""
        self._refuse("written to")

    def put(self, path: str, source: Path) -> None:
        """See `Store`; web servers are only read."""
        self._refuse("written to")

    def get(self, path: str, target: Path) -> None:
        """See `Store`."""
        target.write_bytes(self.read(path))

    def delete(self, path: str) -> None:
        """See `Store`; web servers are only read."""
        self._refuse("written to")

    def _refuse(self, what: str) -> NoReturn:
        raise InputError(
            f"{self._address.root()} is a web address, which can't be {what}: name a folder, a container or a bucket"
        )
