"""Other stores (S3, Google Cloud Storage, Databricks) through fsspec, behind the `Store` protocol.

Credentials are those that each file system's own library finds. A folder is listed at once, a tree folder by folder.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

from mezzetin.errors import MissingExtra, StoreRefused, StoreUnreachable
from mezzetin.storage.address import Address
from mezzetin.storage.store import Entry

_EXTRA = {"s3": "s3", "gs": "gcs"}
_CHUNK = 4 << 20


class FilesystemStore:
    """One bucket of a file system that fsspec knows."""

    def __init__(self, address: Address) -> None:
        self._address = address

    @cached_property
    def _files(self) -> Any:
        import fsspec

        protocol = self._address.endpoint
        options: dict[str, Any] = {}
        if protocol == "dbfs":
            options = _databricks()
        try:
            return fsspec.filesystem(protocol, **options)
        except ImportError as error:
            raise MissingExtra(_EXTRA.get(protocol, protocol), f"{protocol}:// storage") from error

    def _full(self, path: str) -> str:
        return "/".join(part for part in (self._address.container, path) if part) or "/"

    def _inner(self, full: str) -> str:
        return full.strip("/").removeprefix(self._address.container).strip("/")

    def _entry(self, found: dict[str, Any]) -> Entry:
        folder = found["type"] == "directory"
        told = (found.get(key) for key in ("ETag", "etag", "LastModified", "updated", "mtime", "created"))
        version = str(next((value for value in told if value), "")).strip('"')
        return Entry(self._inner(found["name"]), folder, 0 if folder else int(found["size"] or 0), version=version)

    def entry(self, path: str) -> Entry | None:
        """See `Store`."""
        try:
            with self._asking("read", path):
                return self._entry(self._files.info(self._full(path)))
        except FileNotFoundError:
            return None

    def file_entry(self, path: str) -> Entry | None:
        """See `Store`."""
        found = self.entry(path)
        return None if found is None or found.is_folder else found

    def read(self, path: str) -> bytes:
        """See `Store`."""
        with self._asking("read", path):
            return cast("bytes", self._files.cat_file(self._full(path)))

    def read_up_to(self, path: str, limit: int) -> bytes | None:
        """See `Store`; two requests: a range of an empty object is refused in as many ways as there are stores."""
        found = self.entry(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self.read(path) if found.size <= limit else None

    def open(self, path: str) -> IO[bytes]:
        """See `Store`."""
        with self._asking("read", path):
            return cast("IO[bytes]", self._files.open(self._full(path), "rb", block_size=_CHUNK))

    def children(self, path: str) -> Iterator[Entry]:
        """See `Store`."""
        with self._asking("list", path):
            # Without its cache, which would keep every listing in memory.
            found = self._files.ls(self._full(path), detail=True, refresh=True)
            self._files.invalidate_cache(self._full(path))
        for item in found:
            entry = self._entry(item)
            # Object stores list the folder's own marker among what it holds.
            if entry.path.strip("/") != path.strip("/"):
                yield entry

    def walk(self, path: str) -> Iterator[Entry]:
        """See `Store`."""
        waiting = [path]
        while waiting:
            for entry in self.children(waiting.pop()):
                if entry.is_folder:
                    waiting.append(entry.path)
                else:
                    yield entry

    def write(self, path: str, content: bytes) -> None:
        """See `Store`."""
        with self._asking("write", path):
            self._files.pipe_file(self._full(path), content)

    def put(self, path: str, source: Path) -> None:
        """See `Store`."""
        with self._asking("write", path):
            self._files.put_file(str(source), self._full(path))

    def get(self, path: str, target: Path) -> None:
        """See `Store`."""
        with self._asking("read", path), self._files.open(self._full(path), "rb") as reading, target.open("wb") as out:
            shutil.copyfileobj(reading, out, _CHUNK)

    def delete(self, path: str) -> None:
        """See `Store`."""
        try:
            with self._asking("delete", path):
                self._files.rm_file(self._full(path))
        except FileNotFoundError:
            pass

    @contextmanager
    def _asking(self, operation: str, path: str) -> Iterator[None]:
        place = str(self._address.root().down(path))
        try:
            yield
        except (FileNotFoundError, MissingExtra, StoreRefused):
            raise
        except PermissionError as error:
            raise StoreRefused(
                f"{place} refused to {operation}: check the credentials and roles of this machine for it"
            ) from error
        # Every file system has exceptions of its own, without a common root.
        except Exception as error:
            raise StoreUnreachable(
                f"{place} could not be reached ({type(error).__name__}): check the name, the credentials and the "
                "network, then run the same command again"
            ) from error


def _databricks() -> dict[str, Any]:
    import os

    host, token = os.environ.get("DATABRICKS_HOST"), os.environ.get("DATABRICKS_TOKEN")
    if not host or not token:
        raise StoreRefused("dbfs: addresses outside Databricks need DATABRICKS_HOST and DATABRICKS_TOKEN: set both")
    return {"instance": host.removeprefix("https://").rstrip("/"), "token": token}
