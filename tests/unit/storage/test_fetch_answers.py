"""The safe fetch against answers that never end, swell, lie or break off."""

from __future__ import annotations

import gzip
import os
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import FetchError
from mezzetin.storage.web.fetch import Fetcher
from mezzetin.storage.web.inflate import Body

MakeFetcher = Callable[..., Fetcher]
Serve = Callable[..., Any]
PICTURE = os.urandom(3000) + bytes(60_000)


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *(headers or [f"Content-Length: {len(body)}"]), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def packed(body: bytes, encoding: str) -> bytes:
    return answer(body, f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}")


def failure(fetcher: Fetcher, url: str) -> FetchError:
    with pytest.raises(FetchError) as failed:
        fetcher.fetch(url)
    assert "\n" not in str(failed.value)
    return failed.value


def dripping(start: bytes, piece: bytes, pause: float = 0.05) -> Callable[[socket.socket, bytes], None]:
    """Write `start`, then `piece` again and again: no wait between two is long."""

    def drip(connection: socket.socket, request: bytes) -> None:
        connection.sendall(start)
        while True:
            time.sleep(pause)
            connection.sendall(piece)

    return drip


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
)
def test_a_drip_does_not_outlast_the_deadline(serve: Serve, fetcher: MakeFetcher, start: bytes, piece: bytes) -> None:
    server = serve(dripping(start, piece))
    began = time.monotonic()
    assert failure(fetcher(timeout_s=0.25), server.url).code == "timeout"
    assert 0.2 < time.monotonic() - began < 1.2


def test_a_dripped_handshake_does_not_outlast_the_deadline(serve: Serve, fetcher: MakeFetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert failure(fetcher(timeout_s=0.3), url).code == "timeout"
        assert time.monotonic() - began < 1


def test_redirects_share_one_deadline(serve: Serve, fetcher: MakeFetcher) -> None:
    def slowly(connection: socket.socket, request: bytes) -> bool:
        time.sleep(0.2)
        connection.sendall(answer(b"", "Location: /next", "Content-Length: 0", status="302 Found"))
        return True

    server = serve(slowly)
    began = time.monotonic()
    assert failure(fetcher(timeout_s=0.5, redirects=50), server.url).code == "timeout"
    assert time.monotonic() - began < 1.2


@pytest.mark.parametrize("head", ["Transfer-Encoding: chunked", "Connection: close"])
def test_an_endless_body_is_cut_at_the_cap(serve: Serve, fetcher: MakeFetcher, head: str) -> None:
    piece = bytes(64 << 10)
    framed = b"10000\r\n" + piece + b"\r\n" if "chunked" in head else piece
    server = serve(dripping(answer(b"", head), framed, pause=0))
    assert failure(fetcher(max_bytes=1 << 20), server.url).code == "too_large"


def test_padding_that_decodes_to_nothing_counts_on_the_wire(serve: Serve, fetcher: MakeFetcher) -> None:
    start = answer(gzip.compress(b"picture"), "Content-Encoding: gzip", "Connection: close")
    server = serve(dripping(start, bytes(64 << 10), pause=0))
    assert failure(fetcher(max_bytes=1 << 20, timeout_s=2.0), server.url).code == "too_large"


def test_an_announced_length_above_the_cap_is_refused_unread(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(answer(b"", "Content-Length: 1001"))  # the body never comes: waiting for it would be a timeout
    assert failure(fetcher(max_bytes=1000, timeout_s=1.0), server.url).code == "too_large"
    assert failure(fetcher(max_decoded_bytes=1000, timeout_s=1.0), server.url).code == "too_large"
    exact = serve(answer(bytes(1000)))
    assert len(fetcher(max_bytes=1000, max_decoded_bytes=1000).fetch(exact.url).data) == 1000


def test_headers_without_end_are_cut(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(dripping(b"HTTP/1.1 200 OK\r\n", b"X-Fill: " + b"x" * 8000 + b"\r\n", pause=0))
    assert failure(fetcher(timeout_s=0.5), server.url).code == "connection"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_stopped_early(serve: Serve, fetcher: MakeFetcher, encoding: str) -> None:
    maker = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    first, next_one = (maker.compress(bytes(1 << 20)) + maker.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = first + next_one * 199  # a full flush makes a block that may be repeated
    assert len(bomb) < 300_000
    server, one = serve(packed(bomb, encoding)), fetcher(max_decoded_bytes=1 << 20)
    tracemalloc.start()
    try:
        assert failure(one, server.url).code == "too_large"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20


def raw_deflate(body: bytes) -> bytes:
    maker = zlib.compressobj(wbits=-15)
    return maker.compress(body) + maker.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(PICTURE)),
        ("X-GZIP", gzip.compress(PICTURE)),
        ("gzip", gzip.compress(PICTURE[:100]) + gzip.compress(PICTURE[100:])),
        ("gzip", gzip.compress(PICTURE) + bytes(20)),
        ("deflate", zlib.compress(PICTURE)),
        ("deflate", raw_deflate(PICTURE)),
        ("identity", PICTURE),
    ],
)
def test_compressed_answers_come_out_whole(serve: Serve, fetcher: MakeFetcher, encoding: str, body: bytes) -> None:
    assert fetcher(max_decoded_bytes=len(PICTURE)).fetch(serve(packed(body, encoding)).url).data == PICTURE


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", PICTURE),
        ("zstd", PICTURE),
        ("gzip, gzip", gzip.compress(gzip.compress(PICTURE))),
        ("gzip", PICTURE),
        ("gzip", gzip.compress(PICTURE)[:-9]),
        ("gzip", gzip.compress(PICTURE)[:-8] + b"checksum"),
        ("deflate", zlib.compress(PICTURE)[:-4]),
        ("gzip", b"\x1f"),
    ],
)
def test_broken_and_unknown_compression(serve: Serve, fetcher: MakeFetcher, encoding: str, body: bytes) -> None:
    assert failure(fetcher(), serve(packed(body, encoding)).url).code == "bad_encoding"


@given(st.binary(max_size=400), st.sampled_from(["gzip", "deflate", "raw"]), st.lists(st.integers(0, 500), max_size=5))
def test_pieces_may_be_cut_anywhere(data: bytes, encoding: str, cuts: list[int]) -> None:
    raw = {"gzip": gzip.compress(data), "deflate": zlib.compress(data), "raw": raw_deflate(data)}[encoding]
    body = Body("gzip" if encoding == "gzip" else "deflate", max_bytes=len(raw), max_decoded_bytes=len(data))
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    for start, end in pairwise(edges):
        body.feed(raw[start:end])
    assert body.finish() == data


@pytest.mark.parametrize(
    "answered",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
    ],
)
def test_a_body_shorter_than_announced(serve: Serve, fetcher: MakeFetcher, answered: bytes) -> None:
    server = serve(lambda connection, request: connection.sendall(answered))
    assert failure(fetcher(), server.url).code == "incomplete"


def test_a_body_longer_than_announced_does_not_spoil_the_next_answer(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(answer(b"picture and more", "Content-Length: 7"))
    one = fetcher()
    assert [one.fetch(server.url).data for _ in range(3)] == [b"picture"] * 3


def test_two_lengths_that_differ_are_refused(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(answer(b"picture", "Content-Length: 7", "Content-Length: 5"))
    assert failure(fetcher(timeout_s=0.5), server.url).code == "connection"
