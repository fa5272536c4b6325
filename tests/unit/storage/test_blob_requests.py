"""How often an account is asked: one small blob is one request, also with a stranger's SAS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mezzetin.serving.sources import Sources

pytest.importorskip("azure.storage.blob", reason="mezzetin[azure] is not installed")

SAS = "sv=2024-11-04&sr=b&sp=r&sig=c2VjcmV0"


class Account(ThreadingHTTPServer):
    """Speaks as much of Get Blob as reading takes, and notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.content = b"a picture" * 100
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Account
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        asked = self.headers.get("x-ms-range") or self.headers.get("Range")
        whole = self.server.content
        if asked is None:
            self._answer(whole)
            return
        first, last = (int(part) for part in asked.removeprefix("bytes=").split("-"))
        part = whole[first : last + 1]
        self._answer(part, 206, f"bytes {first}-{first + len(part) - 1}/{len(whole)}")

    def _answer(self, body: bytes, status: int = 200, content_range: str = "") -> None:
        self.server.asked.append(self.command)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body or self.server.content)))
        self.send_header("ETag", '"0x1"')
        self.send_header("Last-Modified", "Sun, 23 Nov 2025 10:00:00 GMT")
        self.send_header("x-ms-blob-type", "BlockBlob")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with Account() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("MEZZETIN_STORE_HOSTS", f"127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


def test_a_blob_is_one_request_and_a_larger_one_is_refused_by_its_size(account: Account) -> None:
    sources = Sources(most=1000)
    address = f"http://127.0.0.1:{account.server_port}/someaccount/container/a%20b.jpg?{SAS}"
    assert sources.read(address) == account.content
    assert account.asked == ["GET"]
    assert sources.read(address) == account.content
    assert account.asked == ["GET"] * 2
    account.content = bytes(1000)
    assert sources.read(address) == account.content
    account.content = bytes(1001)
    refused = sources.read(address)
    assert getattr(refused, "code", None) == "too_large" and "c2VjcmV0" not in str(refused)
    sources.close()
