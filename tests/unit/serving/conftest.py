"""A server on the bundled captioner that answers on loopback, and another one that holds pictures for it to fetch."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image

from mezzetin.serving.app import create_app
from mezzetin.serving.settings import ServeSettings

Photograph = Callable[..., bytes]


@pytest.fixture(scope="session")
def photograph() -> Photograph:
    """Draw an encoded picture: a horizon and a sky."""

    def draw(width: int = 160, height: int = 120, format: str = "JPEG", seed: int = 0) -> bytes:
        small = np.random.default_rng(seed).integers(60, 200, (6, 8, 3), dtype=np.uint8)
        small[:3] = small[:3] // 2 + np.array([40, 80, 127], np.uint8)
        stream = io.BytesIO()
        Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(stream, format)
        return stream.getvalue()

    return draw


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """Serve an application from a thread, for as long as the block lasts; the address."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
    assert server.started, "the server did not start"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)


@pytest.fixture(scope="session")
def listen() -> Callable[[FastAPI], AbstractContextManager[str]]:
    """Serve any application in a `with` block, which is given its address."""
    return listening


class Pictures:
    """What is to be had at a local address; what is not there is 404."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        pictures = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = pictures.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def put(self, name: str, content: bytes) -> str:
        """Put a file there; its URL."""
        self.files[f"/{name}"] = content
        return f"http://127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def pictures_site() -> Iterator[Pictures]:
    site = Pictures()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def endpoint(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory, pictures_site: Pictures) -> Iterator[str]:
    """The address of a server on the bundled captioner that may fetch from `pictures_site`."""
    settings = ServeSettings(model=str(bundle_path), jobs=tmp_path_factory.mktemp("jobs"), decoders=1, threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEZZETIN_FETCH_NETWORKS", "127.0.0.0/8")
        patch.setenv("MEZZETIN_FETCH_PORTS", str(pictures_site.port))
        app = create_app(settings)
    with listening(app) as address:
        yield address
