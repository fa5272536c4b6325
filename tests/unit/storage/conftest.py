"""Servers that misbehave: each answers on a port of its own with whatever a test writes to the socket."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mezzetin.storage.web.fetch import Fetcher, FetchPolicy

# Writes an answer to the connection; a true result keeps the connection open for the next request.
Answer = Callable[[socket.socket, bytes], bool | None]
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


class Misbehaving:
    """A server on a loopback address that gives every request to `answer`."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None, host: str = "127.0.0.1") -> None:
        self._answer = answer
        self._context = context
        self._listener = socket.create_server((host, 0))
        self._open: list[socket.socket] = []
        self.host = host
        self.port = int(self._listener.getsockname()[1])
        self.requests: list[bytes] = []
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'http' if self._context is None else 'https'}://{self.host}:{self.port}"

    def close(self) -> None:
        # Without the shutdown, a thread that waits in accept would keep the port.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # The client hangs up in the middle in most tests; that is its right.
        with contextlib.suppress(OSError, ValueError):
            connection.settimeout(5)
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            while request := self._head(connection):
                self.requests.append(request)
                if not self._answer(connection, request):
                    break
        connection.close()

    @staticmethod
    def _head(connection: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return b""
            head += piece
        return head


Serve = Callable[..., Misbehaving]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that gives the first request the first answer, and so on; the last one stays.

    An answer is bytes, after which the connection stays open, or a function that writes them.
    """
    started: list[Misbehaving] = []

    def start(*answers: bytes | Answer, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Misbehaving:
        rest = list(answers)

        def answer(connection: socket.socket, request: bytes) -> bool | None:
            now = rest.pop(0) if len(rest) > 1 else rest[0]
            if callable(now):
                return now(connection, request)
            connection.sendall(now)
            return True

        started.append(Misbehaving(answer, context, host))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def fetcher() -> Iterator[Callable[..., Fetcher]]:
    """Make a fetcher that trusts the loopback network and every port; keywords are the policy's."""
    made: list[Fetcher] = []

    def make(**changes: object) -> Fetcher:
        policy = {
            "ports": frozenset(range(1 << 16)),
            "allowed_networks": (LOOPBACK,),
            "timeout_s": 5.0,
            "resolve": lambda host, port: ["127.0.0.1"],
            **changes,
        }
        made.append(Fetcher(FetchPolicy(**policy)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.fixture
def resetting() -> Callable[[socket.socket], None]:
    return reset


@pytest.fixture
def authority(certificate: tuple[Path, Path]) -> tuple[Path, ssl.SSLContext]:
    """The certificate's PEM file, and a server's context that presents it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return certificate[0], context


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for pictures.example and 127.0.0.1, signed by itself, and its key: two PEM files."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography is not installed: no test certificate")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pictures.example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("pictures.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("authority")
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private
