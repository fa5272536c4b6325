"""A museum on the web, as tests need it: pictures by IIIF's Image API, manifests, tables, and moods.

Enters: documents by path. Leaves: a server over real HTTP that counts what it is asked. A picture at `/iiif/NAME` is
served in any size of level 1, a document as it is; `moods` say of a path how it fails.
"""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

IMAGE = re.compile(r"/iiif/([^/]+)/full/(max|full|(\d+),(\d*))/0/(?:default|native)\.jpg")
Mood = Callable[[int], tuple[int, dict[str, str]] | None]
"""What a path answers at its nth request (from 1): a status with headers, or None for the thing itself."""


class Museum:
    """One server; `asked` lists the paths in order, `times` when each was asked, `agents` who asked."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes | str | Any] = {}
        self.pictures: dict[str, bytes] = {}
        self.moods: dict[str, Mood] = {}
        self.asked: list[str] = []
        self.times: list[float] = []
        self.agents: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def counted(self, path: str) -> int:
        return self.asked.count(path)

    def _answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        with self._lock:
            self.asked.append(path)
            self.times.append(time.monotonic())
        mood = next((found for begin, found in self.moods.items() if path.startswith(begin)), None)
        failing = mood(self.counted(path)) if mood else None
        if failing is not None:
            return *failing, b"not now"
        if (found := IMAGE.fullmatch(path)) and found[1] in self.pictures:
            return 200, {"Content-Type": "image/jpeg"}, _resized(self.pictures[found[1]], found[3])
        if path in self.documents:
            content = self.documents[path]
            if not isinstance(content, bytes):
                content = (content if isinstance(content, str) else json.dumps(content)).encode()
            return 200, {"Content-Type": "application/json"}, content
        return 404, {}, b"nothing here"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        museum = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                museum.agents.add(self.headers["User-Agent"])
                status, headers, body = museum._answer(self.path)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@contextmanager
def museum() -> Iterator[Museum]:
    """A museum, open."""
    server = Museum()
    try:
        yield server
    finally:
        server.close()


def painted(seed: int, size: tuple[int, int] = (160, 120)) -> bytes:
    """A JPEG of a few soft colours, another for each seed."""
    random = np.random.default_rng(seed)
    small = random.integers(40, 220, (6, 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG")
    return stream.getvalue()


def manifest3(base: str, name: str, pictures: list[str], **more: Any) -> dict[str, Any]:
    """A manifest of Presentation 3, a canvas a picture."""
    return {
        "@context": "http://iiif.io/api/presentation/3/context.json",
        "id": f"{base}/{name}",
        "type": "Manifest",
        "label": {"de": ["Die Bank"], "en": [f"The bench, {name}"]},
        "items": [canvas3(base, name, picture) for picture in pictures],
        **more,
    }


def canvas3(base: str, name: str, picture: str, size: tuple[int, int] = (2000, 1500), **more: Any) -> dict[str, Any]:
    """A canvas of Presentation 3 with one image of a service of level 2."""
    service = {"id": f"{base}/iiif/{picture}", "type": "ImageService3", "profile": "level2"}
    body: dict[str, Any] = {
        "id": f"{base}/iiif/{picture}/full/max/0/default.jpg",
        "type": "Image",
        "format": "image/jpeg",
    }
    body |= {"width": size[0], "height": size[1], "service": [service]}
    note = {"type": "Annotation", "motivation": "painting", "body": body}
    return {
        "id": f"{base}/{name}/canvas/{picture}",
        "type": "Canvas",
        "label": {"none": [picture]},
        "items": [{"type": "AnnotationPage", "items": [note]}],
        **more,
    }


def manifest2(base: str, name: str, pictures: list[str], **more: Any) -> dict[str, Any]:
    """A manifest of Presentation 2, a canvas a picture."""
    profile = ["http://iiif.io/api/image/2/level1.json"]
    canvases = []
    for picture in pictures:
        service = {"@context": "http://iiif.io/api/image/2/context.json", "@id": f"{base}/iiif/{picture}"}
        resource = {"@id": f"{base}/{picture}.jpg", "@type": "dctypes:Image", "width": 900, "height": 3000}
        resource["service"] = service | {"profile": profile}
        canvases.append(
            {
                "@id": f"{base}/{name}/canvas/{picture}",
                "@type": "sc:Canvas",
                "label": picture,
                "images": [{"@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource}],
            }
        )
    return {
        "@context": "http://iiif.io/api/presentation/2/context.json",
        "@id": f"{base}/{name}",
        "@type": "sc:Manifest",
        "label": [{"@value": "Die Bank", "@language": "de"}, {"@value": "The bench", "@language": "en"}],
        "sequences": [{"@type": "sc:Sequence", "canvases": canvases}, {"canvases": []}],
        **more,
    }


def _resized(content: bytes, width: str | None) -> bytes:
    if not width:
        return content
    with Image.open(io.BytesIO(content)) as picture:
        stream = io.BytesIO()
        picture.resize((int(width), max(1, picture.height * int(width) // picture.width))).save(stream, "JPEG")
    return stream.getvalue()
