"""The HTTP of the local Resource Manager: one request read, one answer written, or the connection broken."""

from __future__ import annotations

import json
import socket
import struct
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar


class Exchange(BaseHTTPRequestHandler):
    """One connection; `arm` is the server that answers."""

    arm: ClassVar[Any]
    protocol_version = "HTTP/1.1"
    #: A client that never begins its handshake, or falls silent, does not hold a thread for ever.
    timeout = 60

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.title(): value for name, value in self.headers.items()}
        answer = self.arm.respond(self.command, self.path, headers, self.rfile.read(length))
        if answer.status == 0:
            self._break()
            return
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        body = b"" if answer.body is None else body
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_PATCH = do_POST = do_DELETE = do_HEAD = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the server keeps a record of its own."""

    def _break(self) -> None:
        # Closed with this option, a socket sends RST rather than FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
