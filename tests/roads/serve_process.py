"""A server in a process of its own, as its users start it; and an origin of pictures for it to fetch from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2

#: A background job starts with SIGINT ignored; a user's shell does not.
PROGRAM = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from mezzetin import serve
serve(started=lambda address: print(address, flush=True), **json.loads(sys.argv[1]))
"""
START_S = 120.0
#: Longer than any fetch may take, in seconds.
PATIENCE = 20.0


class Served:
    """A server that answers at `address`; `client` is connected to it."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address
        self.client = httpx2.Client(base_url=address, timeout=60, trust_env=False)

    def children(self) -> list[int]:
        """The processes that it has started."""
        lists = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for path in lists for pid in path.read_text().split()]

    def post(self, pictures: list[bytes]) -> httpx2.Response:
        """Upload pictures to /score."""
        return self.client.post("/score", files=[("images", (f"{n}.jpg", one)) for n, one in enumerate(pictures)])

    def finished(self, job_url: str) -> dict[str, Any]:
        """Wait for a job's end."""
        deadline = time.monotonic() + START_S
        while (job := self.client.get(job_url).json())["state"] not in ("done", "failed"):
            assert time.monotonic() < deadline, job
            time.sleep(0.05)
        return dict(job)


@contextmanager
def serving(environment: dict[str, str] | None = None, **settings: Any) -> Iterator[Served]:
    """Start a server with `mezzetin.serve`, and end it if the test has not."""
    command = [sys.executable, "-c", PROGRAM, json.dumps({"port": 0, "decoders": 2, "deadline": 300.0, **settings})]
    with started(command, environment) as process:
        assert process.stdout is not None
        served = Served(process, process.stdout.readline().strip())
        with served.client:
            yield served


@contextmanager
def started(command: list[str], environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed at the end of the block unless it has ended."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Origin(ThreadingHTTPServer):
    """A web server on loopback that gives the same picture for every path, after `delay` seconds."""

    daemon_threads = True

    def __init__(self, picture: bytes, delay: float) -> None:
        self.picture, self.delay = picture, delay
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def environment(self) -> dict[str, str]:
        """What lets a server fetch from here."""
        return {"MEZZETIN_FETCH_NETWORKS": "127.0.0.0/8", "MEZZETIN_FETCH_PORTS": str(self.server_port)}

    def url(self, number: int, query: str = "") -> str:
        """The address of a picture."""
        return f"http://127.0.0.1:{self.server_port}/{number}.jpg{query}"


class _Handler(BaseHTTPRequestHandler):
    server: Origin

    def do_GET(self) -> None:
        time.sleep(self.server.delay)
        if self.server.delay > PATIENCE:
            # Whoever asked has long gone.
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.picture)))
        self.end_headers()
        self.wfile.write(self.server.picture)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def origin(picture: bytes, delay: float = 0.0) -> Iterator[Origin]:
    """An `Origin` that answers."""
    with Origin(picture, delay) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
