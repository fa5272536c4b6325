"""The safe fetch against servers that reset, are busy, refuse, or come under a certificate that does not hold."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import FetchError
from mezzetin.storage.web.fetch import Fetcher
from mezzetin.storage.web.retries import wait_before

MakeFetcher = Callable[..., Fetcher]
Serve = Callable[..., Any]


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *(headers or [f"Content-Length: {len(body)}"]), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def failure(fetcher: Fetcher, url: str) -> FetchError:
    with pytest.raises(FetchError) as failed:
        fetcher.fetch(url)
    assert "\n" not in str(failed.value)
    return failed.value


def test_a_reset_is_tried_again_and_then_told(
    serve: Serve, fetcher: MakeFetcher, resetting: Callable[[socket.socket], None]
) -> None:
    def break_off(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
        time.sleep(0.05)  # let the beginning arrive, so that the reset hits the body
        resetting(connection)

    def hang_up(connection: socket.socket, request: bytes) -> None:
        resetting(connection)

    for broken in (break_off, hang_up):
        server = serve(broken, answer(b"whole"))
        assert fetcher().fetch(server.url).data == b"whole"
        assert len(server.requests) == 2
        assert failure(fetcher(timeout_s=0.6), serve(broken).url).code == "connection"


def test_a_busy_server_is_asked_again_when_it_says(serve: Serve, fetcher: MakeFetcher) -> None:
    busy = answer(b"", "Retry-After: 1", "Content-Length: 0", status="429 Too Many Requests")
    server = serve(busy, answer(b"whole"))
    began = time.monotonic()
    assert fetcher().fetch(server.url).data == b"whole"
    assert 1 <= time.monotonic() - began < 2
    # There is no time to wait a second: the answer is given at once.
    began = time.monotonic()
    refused = failure(fetcher(timeout_s=0.9), serve(busy).url)
    assert (refused.code, refused.status) == ("http_status", 429)
    assert time.monotonic() - began < 0.5


def test_there_are_three_tries_in_all(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(answer(b"", "Content-Length: 0", status="503 Service Unavailable"))
    refused = failure(fetcher(), server.url)
    assert (refused.code, refused.status, len(server.requests)) == ("http_status", 503, 3)


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 410, 418, 500])
def test_a_refusal_is_told_once_without_what_the_server_said(serve: Serve, fetcher: MakeFetcher, status: int) -> None:
    server = serve(answer(b"inner s3cret", status=f"{status} s3cret"))
    refused = failure(fetcher(), f"{server.url}/a?sig=s3cret")
    assert (refused.code, refused.status, len(server.requests)) == ("http_status", status, 1)
    assert str(status) in str(refused) and "s3cret" not in str(refused)


@given(st.text(max_size=40) | st.integers().map(str) | st.datetimes().map(str))
def test_any_retry_after_is_a_wait(text: str) -> None:
    assert wait_before(1, text.encode("latin-1", "ignore")) >= 0.25


def test_retry_after_may_be_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < wait_before(1, soon.encode()) <= 30
    assert wait_before(2, b"Mon, 01 Jan 2001 00:00:00 GMT") == wait_before(2, None) == 0.75


def test_a_certificate_of_nobody_is_refused(
    serve: Serve, fetcher: MakeFetcher, authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answer(b"picture"), context=authority[1])
    assert failure(fetcher(), server.url).code == "tls"
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    assert failure(fetcher(), server.url).code == "tls"
    assert server.requests == []


def test_an_authority_of_the_operator_is_trusted_for_its_names(
    serve: Serve, fetcher: MakeFetcher, authority: tuple[Path, ssl.SSLContext]
) -> None:
    named: list[str | None] = []
    authority[1].sni_callback = lambda connection, name, context: named.append(name)
    server, one = serve(answer(b"picture"), context=authority[1]), fetcher(ca_file=authority[0])
    for host in ("pictures.example", "pictures.example", "127.0.0.1"):
        assert one.fetch(f"https://{host}:{server.port}/").data == b"picture"
    assert named == ["pictures.example", None] and server.connections == 2
    # The same address and certificate under another name: what is kept for the first must not serve it.
    assert failure(one, f"https://other.example:{server.port}/").code == "tls"


def test_a_step_from_https_to_http_is_refused(
    serve: Serve, fetcher: MakeFetcher, authority: tuple[Path, ssl.SSLContext]
) -> None:
    plain = serve(answer(b"picture"))
    moved = answer(b"", f"Location: {plain.url}/", "Content-Length: 0", status="301 Moved Permanently")
    server = serve(moved, context=authority[1])
    assert failure(fetcher(ca_file=authority[0]), server.url).code == "refused_scheme"
    assert plain.connections == 0


def test_a_server_that_speaks_no_tls(fetcher: MakeFetcher) -> None:
    def speak() -> None:
        connection, _ = plain.accept()
        with connection:
            connection.recv(10)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(2)
        thread = threading.Thread(target=speak)
        thread.start()
        assert failure(fetcher(timeout_s=2.0), f"https://127.0.0.1:{plain.getsockname()[1]}/").code == "tls"
        thread.join()
