"""A stand-in for Entra's sign-in over https: OpenID discovery, device codes (RFC 8628), tokens and their renewal.

Enters: a folder for its certificates. Leaves: a server whose tokens Azurite accepts. A code is pending until `approve`
or `refuse` is called; `asked` holds the grants that came.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from tests.azure.entra import TENANT, _write_certificates, bearer_token

WHO = "iris@museum.example"
CODE = "WATTEAU17"


class SignIn:
    """The server; as a context it runs from beginning to end."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = folder / "authority.pem"
        _write_certificates(self.authority, folder / "certificate.pem", folder / "key.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self.asked: list[str] = []
        self.answer = "authorization_pending"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def approve(self) -> None:
        """The person types the code."""
        self.answer = ""

    def refuse(self) -> None:
        """The person declines."""
        self.answer = "authorization_declined"

    def _configuration(self) -> dict[str, Any]:
        base = f"{self.url}/{TENANT}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }

    def _device_code(self) -> dict[str, Any]:
        address = f"{self.url}/device"
        words = {"device_code": "c2VjcmV0", "user_code": CODE, "verification_uri": address, "message": "unused"}
        return {**words, "expires_in": 60, "interval": 1}

    def _tokens(self, form: dict[str, list[str]]) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": f"{self.url}/{TENANT}/v2.0",
            "aud": form["client_id"][0],
            "sub": "subject",
            "tid": TENANT,
            "preferred_username": WHO,
            "iat": now,
            "exp": now + 3600,
        }
        return {
            "token_type": "Bearer",
            "scope": "https://storage.azure.com/.default",
            "expires_in": 3600,
            "access_token": bearer_token(expires=now + 3600),
            "refresh_token": "c2VjcmV0LXJlZnJlc2g",
            "id_token": f"{_part({'alg': 'none'})}.{_part(claims)}.{_part({})}",
            "client_info": _part({"uid": "user", "utid": TENANT}),
        }

    def _answered(self, path: str, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        if path.endswith("/openid-configuration"):
            return 200, self._configuration()
        if path.endswith("/devicecode"):
            return 200, self._device_code()
        if path.endswith("/token"):
            self.asked.append(form["grant_type"][0].rpartition(":")[2])
            return (400, {"error": self.answer}) if self.answer else (200, self._tokens(form))
        return 404, {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                self._answer(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))

            def _answer(self, form: dict[str, list[str]]) -> None:
                status, content = server._answered(self.path.partition("?")[0], form)
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing on stderr."""

        return Handler


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
