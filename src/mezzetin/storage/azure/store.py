"""Azure Blob storage behind the `Store` protocol, by the official SDK.

One container a store. Listings come page by page and are never held whole. Requests are repeated on connection
failures, 429 and 5xx: a few seconds at first contact, when a name may be wrong, and over a minute once the account
has answered, so that a store which restarts does not end an hour's work.
"""

from __future__ import annotations

import errno
import hashlib
import io
import mimetypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TypeVar

from mezzetin.errors import InputError, MissingExtra, StoreRefused, StoreUnreachable
from mezzetin.storage.address import Address
from mezzetin.storage.azure.credentials import Access, access
from mezzetin.storage.azure.quick import QuickReader
from mezzetin.storage.azure.refusal import Operation, explain
from mezzetin.storage.ranged import RangedFile
from mezzetin.storage.store import Entry

T = TypeVar("T")
_TRIES_AT_FIRST, _TRIES = 2, 7
_BLOCK = 4 << 20
_TOO_MANY = 429
_REFUSED = (401, 403)
_MISSING = 404
_CONFLICT = 409
_OF_THE_REQUEST, _OF_THE_SERVICE = 400, 500


class AzureStore:
    """The blobs of one container. Threads may share it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._reached = False

    @cached_property
    def access(self) -> Access:
        """How the account is reached."""
        return access(self._address.endpoint, self._address.secret, stranger=self._address.stranger)

    @cached_property
    def _container(self) -> Any:
        try:
            from azure.storage.blob import BlobServiceClient, ExponentialRetry
        except ImportError as error:
            # azure-core alone, which other packages bring, is not enough.
            raise MissingExtra("azure", "Azure Blob storage") from error
        store = self

        class Patience(ExponentialRetry):
            """Asks more often once the account has answered."""

            def configure_retries(self, request: Any) -> dict[str, Any]:
                """See the SDK's policy."""
                tries = _TRIES if store._reached else _TRIES_AT_FIRST
                counts = dict.fromkeys(("total", "connect", "read", "status"), tries)
                return {**super().configure_retries(request), **counts}

        client = BlobServiceClient(
            self.access.endpoint,
            credential=self.access.credential,
            retry_policy=Patience(initial_backoff=1, increment_base=2, random_jitter_range=1),
            connection_timeout=10,
            read_timeout=60,
            max_block_size=_BLOCK,
        )
        return client.get_container_client(self._address.container)

    @cached_property
    def _quick(self) -> QuickReader:
        return QuickReader(self.access, self._address.container)

    def entry(self, path: str) -> Entry | None:
        """See `Store`."""
        found = self._properties(path) if path else None
        if found is not None:
            return found
        inside = self._pages(path, lambda name: self._container.list_blobs(name_starts_with=name, results_per_page=1))
        try:
            return Entry(path, is_folder=True) if next(inside, None) is not None or not path else None
        except FileNotFoundError:
            return None

    def file_entry(self, path: str) -> Entry | None:
        """See `Store`."""
        found = self._properties(path)
        return None if found is None or found.is_folder else found

    def _properties(self, path: str) -> Entry | None:
        try:
            with self._asking("read", path):
                return _entry(self._again(lambda: self._container.get_blob_client(path).get_blob_properties()))
        except FileNotFoundError:
            return None

    def read(self, path: str) -> bytes:
        """See `Store`."""
        with self._asking("read", path):
            content: bytes = self._again(lambda: self._container.download_blob(path, decompress=False).readall())
            return content

    def read_up_to(self, path: str, limit: int) -> bytes | None:
        """See `Store`: the answer to the request for the first bytes says how many there are."""
        quick = self._quick.read_up_to(path, limit) if self._reached else None
        if quick is not None:
            return quick
        with self._asking("read", path):

            def download() -> bytes | None:
                stream = self._container.download_blob(path, 0, limit + 1, decompress=False)
                content: bytes | None = stream.readall() if stream.size <= limit else None
                return content

            return self._again(download)

    def open(self, path: str) -> IO[bytes]:
        """See `Store`."""
        with self._asking("read", path):
            size = self._again(lambda: self._container.get_blob_client(path).get_blob_properties()).size
        return io.BufferedReader(RangedFile(lambda start, length: self._range(path, start, length), size), _BLOCK)

    def _range(self, path: str, start: int, length: int) -> bytes:
        with self._asking("read", path):
            content: bytes = self._again(
                lambda: self._container.download_blob(path, start, length, decompress=False).readall()
            )
            return content

    def children(self, path: str) -> Iterator[Entry]:
        """See `Store`."""
        for item in self._pages(path, lambda name: self._container.walk_blobs(name_starts_with=name, delimiter="/")):
            if item.name.endswith("/"):
                yield Entry(item.name.rstrip("/"), is_folder=True)
            else:
                yield _entry(item)

    def walk(self, path: str) -> Iterator[Entry]:
        """See `Store`."""
        # With a hierarchical namespace folders are listed too, told apart by their metadata.
        listing = lambda name: self._container.list_blobs(name_starts_with=name, include=["metadata"])  # noqa: E731
        for entry in map(_entry, self._pages(path, listing)):
            if not entry.is_folder:
                yield entry

    def _pages(self, path: str, listing: Callable[[str | None], Any]) -> Iterator[Any]:
        with self._asking("list", path):
            pages = listing(f"{path}/" if path else None).by_page()
        while True:
            with self._asking("list", path):
                page = self._again(lambda: next(pages, None))
            if page is None:
                return
            yield from page

    def write(self, path: str, content: bytes) -> None:
        """See `Store`."""
        self._upload(path, content, hashlib.md5(content, usedforsecurity=False).digest())

    def put(self, path: str, source: Path) -> None:
        """See `Store`; the blob's Content-MD5 is that of the whole file."""
        with source.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).digest()
            stream.seek(0)
            self._upload(path, stream, digest)

    def _upload(self, path: str, content: bytes | IO[bytes], md5: bytes) -> None:
        from azure.storage.blob import ContentSettings

        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        settings = ContentSettings(content_type=kind, content_md5=bytearray(md5))

        def upload() -> None:
            if not isinstance(content, bytes):
                content.seek(0)
            # Every request carries its own digest, which the service checks.
            self._container.upload_blob(
                path, content, overwrite=True, validate_content=True, content_settings=settings, max_concurrency=2
            )

        with self._asking("write", path):
            self._again(upload)

    def get(self, path: str, target: Path) -> None:
        """See `Store`."""
        with target.open("wb") as stream, self._asking("read", path):

            def download() -> None:
                stream.seek(0)
                stream.truncate()
                self._container.download_blob(path, max_concurrency=2, decompress=False).readinto(stream)

            self._again(download)

    def delete(self, path: str) -> None:
        """See `Store`."""
        try:
            with self._asking("delete", path):
                self._again(lambda: self._container.delete_blob(path))
        except FileNotFoundError:
            pass

    def _again(self, ask: Callable[[], T]) -> T:
        """Ask, and ask again where the service says that it is too busy: the SDK repeats 5xx only."""
        from azure.core.exceptions import HttpResponseError

        for count in range(_TRIES):
            try:
                answer = ask()
            except HttpResponseError as error:
                if error.status_code != _TOO_MANY or count == _TRIES - 1:
                    raise
                time.sleep(_wait(error.response, count))
            else:
                self._reached = True
                return answer
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _asking(self, operation: Operation, path: str) -> Iterator[None]:
        """Turn the SDK's exceptions into ours, in which nothing of its own texts is repeated: they hold URLs."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

        place = str(self._address.root().down(path))
        try:
            yield
        except HttpResponseError as error:
            found = getattr(error, "error_code", None)
            # Of some answers it is text, of others an enumeration's member.
            code = str(getattr(found, "value", found) or "")
            if error.status_code == _MISSING:
                raise FileNotFoundError(_MISSING, _missing(code), place) from error
            refused = error.status_code in _REFUSED or isinstance(error, ClientAuthenticationError)
            if refused or (error.status_code == _CONFLICT and code == "PublicAccessNotPermitted"):
                code = code if self.access.credential is not None else "NoAuthenticationInformation"
                raise StoreRefused(explain(place, self.access.sas, operation, code)) from error
            if code in _NO_NAME:
                raise InputError(
                    f"{place} has a name that Azure does not take: containers are called by 3 to 63 of a-z, 0-9 and "
                    "single hyphens"
                ) from error
            if _OF_THE_REQUEST <= (error.status_code or 0) < _OF_THE_SERVICE and error.status_code != _TOO_MANY:
                # Of this blob alone: archived, leased, immutable, changed while it was read, or of an impossible name.
                raise OSError(errno.EIO, f"the store answered {error.status_code} {code}".rstrip(), place) from error
            raise StoreUnreachable(f"{place} answered {error.status_code} {code}: {_LATER}") from error
        except AzureError as error:
            raise StoreUnreachable(f"{place} does not answer ({type(error).__name__}): {_LATER}") from error


_NO_NAME = ("InvalidResourceName", "OutOfRangeInput")
_LATER = "check the name and the network, then run the same command again"


def _missing(code: str) -> str:
    if code == "ContainerNotFound":
        return "there is no such container, make it first (az storage container create, or the portal)"
    return "there is no such blob"


def _wait(response: Any, count: int) -> float:
    told = response.headers.get("Retry-After", "") if response is not None else ""
    return min(float(told), 60.0) if told.isascii() and told.isdigit() else float(2**count)


def _entry(blob: Any) -> Entry:
    if (blob.metadata or {}).get("hdi_isfolder") == "true":
        return Entry(blob.name.rstrip("/"), is_folder=True)
    md5 = blob.content_settings.content_md5
    version = str(blob.etag or "").strip('"')
    return Entry(blob.name, is_folder=False, size=int(blob.size), md5=bytes(md5) if md5 else None, version=version)
