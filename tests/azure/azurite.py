"""Azurite, the Blob emulator, as a test needs it: started, killed, brought back, and asked for SAS links.

Enters: a folder to keep the blobs in. Leaves: an endpoint on a loopback port that stays the same over restarts.
The process dies with the process that started it (see `durable.cjs`).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

from azure.storage.blob import (
    BlobServiceClient,
    ContainerClient,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

HERE = Path(__file__).parent
PROGRAM = HERE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
ACCOUNT = "devstoreaccount1"
#: The emulator's key, which is the same everywhere and published.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#: Below the ports that systems give to outgoing connections: otherwise a client that retries while the server is down
#: may be given this very port, and then talk to itself and keep the server from coming back.
PORTS = range(20_000, 32_000)
_START_S = 60.0
_STOP_S = 20.0


def missing() -> str | None:
    """Say why Azurite can't run here, or None."""
    if shutil.which("node") is None or not PROGRAM.is_file():
        return "azurite is not installed: run make test with npm"
    return None


class Azurite:
    """One Azurite over http, with its blobs in `folder`; as a context it runs from beginning to end."""

    account = ACCOUNT
    key = KEY
    scheme = "http"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_before = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The account's address."""
        return f"{self.scheme}://127.0.0.1:{self.port}/{self.account}"

    @property
    def connection_string(self) -> str:
        """What the environment variable AZURE_STORAGE_CONNECTION_STRING holds."""
        return (
            f"DefaultEndpointsProtocol={self.scheme};AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.endpoint};"
        )

    def start(self) -> None:
        """Start, or start again with the blobs that are there, and return once it listens."""
        while self._process is None:
            self._launch()
            try:
                self._wait_until_it_listens()
            except RuntimeError as error:
                # Two test processes may have chosen one port. Later the port is ours, and known to clients.
                if self._started_before or "EADDRINUSE" not in str(error):
                    raise
                self.port = _free_port()
        self._started_before = True

    def stop(self) -> None:
        """Stop as a server does that is asked to: requests under way are finished. Nothing where it isn't running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Die at once: requests under way break off; what was acknowledged is there after `start`, as on Azure."""
        self._end(signal.SIGUSR2)

    def client(self) -> BlobServiceClient:
        """Return a client with the account's key, to be closed by the caller."""
        return BlobServiceClient.from_connection_string(self.connection_string, **self._client_options())

    def container(self, name: str | None = None) -> str:
        """Make a container, of a fresh name unless one is given, and return its name."""
        name = name or f"c{uuid4().hex}"
        with self._container(name) as container:
            container.create_container()
        return name

    def put(self, container: str, name: str, data: bytes) -> None:
        """Write a blob, over one that is there."""
        with self._container(container) as client:
            client.upload_blob(name, data, overwrite=True)

    def get(self, container: str, name: str) -> bytes:
        """Return a blob's bytes."""
        with self._container(container) as client:
            return client.download_blob(name).readall()

    def names(self, container: str) -> list[str]:
        """Return the names of a container's blobs in order."""
        with self._container(container) as client:
            return sorted(client.list_blob_names())

    def sas(
        self,
        container: str,
        *,
        folder: str | None = None,
        blob: str | None = None,
        permissions: str = "rl",
        expires_in: float = 3600,
        starts_in: float = 0,
    ) -> str:
        """Return the SAS link of a container, of a folder in it, or of one blob.

        Without a hierarchical namespace a folder's link is the container's signature (sr=c) with the folder put
        behind the container. `permissions` are letters (r, a, c, w, d, l), `expires_in` and `starts_in` seconds from
        now; a negative `expires_in` makes a link that has expired.
        """
        now = datetime.now(UTC)
        terms: dict[str, Any] = {
            "account_key": self.key,
            "permission": permissions,
            "expiry": now + timedelta(seconds=expires_in),
            "start": now + timedelta(seconds=starts_in) if starts_in else None,
        }
        if blob is not None:
            signature = generate_blob_sas(self.account, container, blob, **terms)
        else:
            signature = generate_container_sas(self.account, container, **terms)
        inside = blob if blob is not None else folder
        path = container if inside is None else f"{container}/{quote(inside)}"
        return f"{self.endpoint}/{path}?{signature}"

    def account_sas(self, *, permissions: str = "rl", expires_in: float = 3600) -> str:
        """Return the account's address with a SAS that covers its containers and their blobs."""
        expiry = datetime.now(UTC) + timedelta(seconds=expires_in)
        return f"{self.endpoint}?{generate_account_sas(self.account, self.key, 'sco', permissions, expiry)}"

    def _client_options(self) -> dict[str, Any]:
        return {}

    def _server_options(self) -> list[str]:
        return []

    def _container(self, name: str) -> ContainerClient:
        return ContainerClient.from_connection_string(self.connection_string, name, **self._client_options())

    @property
    def _log(self) -> Path:
        return self.folder / "azurite.log"

    def _launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = ["node", "--require", str(HERE / "durable.cjs"), str(PROGRAM)]
        command += ["--location", str(self.folder), "--blobHost", "127.0.0.1", "--blobPort", str(self.port)]
        command += ["--skipApiVersionCheck", "--silent", "--disableTelemetry", *self._server_options()]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=_environment()
            )

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + _START_S
        while b"successfully listens" not in self._log.read_bytes():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end(signal.SIGKILL)
                raise RuntimeError(f"azurite did not start: {self._log.read_text(encoding='utf-8').strip()}")
            time.sleep(0.02)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(how)
        try:
            process.wait(_STOP_S)
        finally:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()


def _free_port() -> int:
    while True:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def _environment() -> dict[str, str]:
    """Our own environment without what would change Azurite or Node."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AZURITE_", "NODE_"))}
