"""Sockets that go only to an address that was checked, and stop at a deadline.

Enters: a peer key made by `peer`. Leaves: streams for httpcore2's connection pool. Every timeout that reaches this
module is a moment on `time.monotonic()`, not a number of seconds: a server that sends a byte now and then
would start a number of seconds anew with each of them.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2

_SEPARATOR = "|"  # stands in no host and no address


def peer(host: str, address: str) -> bytes:
    """Return the name under which the pool keeps connections to `host` at the checked `address`.

    The pool reuses a connection for the same scheme, name and port. With both in the name, a host whose address
    changes gets a new connection, and two hosts at one address never share one certificate check. The process is in it
    too: after a fork, two must not talk on one connection.
    """
    return _SEPARATOR.join((host, str(os.getpid()), address)).encode("ascii")


class CheckedBackend(httpcore2.NetworkBackend):
    """Connects to the address inside a peer's name; no name is looked up here."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to `host`, which is a peer's name, before the moment `timeout`."""
        address = host.rpartition(_SEPARATOR)[2]
        try:
            # AI_NUMERICHOST: whatever the text is, no name server is asked a second time.
            family, kind, protocol, _, where = socket.getaddrinfo(
                address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )[0]
            connection = socket.socket(family, kind, protocol)
        except OSError as error:
            raise httpcore2.ConnectError("no such address") from error
        try:
            connection.settimeout(_remaining(timeout))
            connection.connect(where)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError as error:
            connection.close()
            raise httpcore2.ConnectTimeout("no connection in time") from error
        except OSError as error:
            connection.close()
            raise httpcore2.ConnectError("no connection") from error
        return DeadlineStream(connection)


class DeadlineStream(httpcore2.NetworkStream):
    """A socket whose every operation ends at a moment."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive up to `max_bytes`; nothing means that the peer closed."""
        try:
            self._socket.settimeout(_remaining(timeout))
            return self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout("nothing came in time") from error
        except OSError as error:
            raise httpcore2.ReadError("the connection broke") from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        rest = memoryview(buffer)
        try:
            while rest:
                self._socket.settimeout(_remaining(timeout))
                rest = rest[self._socket.send(rest) :]
        except TimeoutError as error:
            raise httpcore2.WriteTimeout("nothing was taken in time") from error
        except OSError as error:
            raise httpcore2.WriteError("the connection broke") from error

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Shake hands; a certificate that does not hold raises ssl.SSLError as it is."""
        try:
            # Python gives the whole handshake one timeout, however the peer splits its bytes.
            self._socket.settimeout(_remaining(timeout))
            return DeadlineStream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname))
        except ssl.SSLError:
            self.close()
            raise
        except TimeoutError as error:
            self.close()
            raise httpcore2.ConnectTimeout("no handshake in time") from error
        except OSError as error:
            self.close()
            raise httpcore2.ConnectError("no handshake") from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """Answer what the pool asks: whether an idle connection has something to read, which means its end."""
        if info == "is_readable":
            return self._has_news()
        return self._socket if info == "socket" else None

    def _has_news(self) -> bool:
        try:
            self._socket.settimeout(0)
            # Below TLS on purpose: SSLSocket refuses to peek.
            socket.socket.recv(self._socket, 1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


def _remaining(moment: float | None) -> float | None:
    if moment is None:
        return None
    left = moment - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is up")
    return left
