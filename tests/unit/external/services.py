"""Small servers that speak the languages of Azure Image Analysis 4.0 and of OpenAI's chat completions."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image

KEY = "planted0secret0key0a1b2c3d4e5f6"


@dataclass(frozen=True)
class Request:
    """What came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What goes out; `trickle` sends a byte so many seconds until the client leaves."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    trickle: float = 0


def as_json(content: object, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json", **named})


class Service:
    """A server on loopback: `script` replies come first, in order; then what `speak` says."""

    def __init__(self, speak: Callable[[Request], Reply]) -> None:
        self.requests: list[Request] = []
        self.script: list[Reply] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._speak = speak
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def reply(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            scripted = self.script.pop(0) if self.script else None
        reply = scripted or self._speak(request)
        self._closing.wait(reply.delay)
        with self._lock:
            self._at_once -= 1
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = service.reply(Request(parts.path, query, headers, body))
                # The client may have lost patience.
                with contextlib.suppress(OSError):
                    self._send(reply)

            do_GET = do_POST

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if not reply.trickle:
                    self.wfile.write(reply.body)
                    return
                for byte in reply.body:
                    self.wfile.write(bytes([byte]))
                    if service._closing.wait(reply.trickle):
                        return

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@contextlib.contextmanager
def served(speak: Callable[[Request], Reply]) -> Iterator[Service]:
    service = Service(speak)
    try:
        yield service
    finally:
        service.close()


def azure(request: Request) -> Reply:
    """Image Analysis 4.0: says what is wrong with a request as Azure does."""
    if request.headers.get("ocp-apim-subscription-key") != KEY and "authorization" not in request.headers:
        message = f"Access denied due to invalid subscription key {request.headers.get('ocp-apim-subscription-key')}."
        return as_json({"error": {"code": "401", "message": message}}, 401)
    if request.path != "/computervision/imageanalysis:analyze":
        return as_json({"error": {"code": "404", "message": "Resource not found"}}, 404)
    if request.query.get("api-version") not in ("2023-10-01", "2024-02-01"):
        return azure_error("InvalidRequest", "NotSupportedApiVersion")
    if request.query.get("features") != "caption":
        return azure_error("InvalidRequest", "NotSupportedVisualFeature")
    if request.headers.get("content-type") != "application/octet-stream":
        return azure_error("InvalidRequest", "BadContentType")
    with Image.open(io.BytesIO(request.body)) as picture:
        size = {"width": picture.width, "height": picture.height}
    if min(size.values()) < 50:
        return azure_error("InvalidRequest", "InvalidImageSize")
    person = "person" if request.query.get("gender-neutral-caption") == "true" else "man"
    caption = {"text": f"a {person} sitting on a bench", "confidence": 0.8125}
    return as_json({"modelVersion": "2023-10-01", "captionResult": caption, "metadata": size})


def azure_error(code: str, inner: str, status: int = 400) -> Reply:
    innererror = {"code": inner, "message": "no"}
    return as_json({"error": {"code": code, "message": f"{KEY} is wrong", "innererror": innererror}}, status)


def chat(request: Request) -> Reply:
    """Chat completions: takes one text and one data URL, counts 1,000 tokens read and 20 written."""
    given = (request.headers.get("authorization", ""), request.headers.get("api-key"))
    if f"Bearer {KEY}" != given[0] and given[1] != KEY:
        return as_json({"error": {"code": "invalid_api_key", "message": f"Incorrect key: {given}"}}, 401)
    asked = json.loads(request.body)
    text, picture = asked["messages"][0]["content"]
    assert text["type"] == "text" and picture["type"] == "image_url"
    assert picture["image_url"]["url"].startswith("data:image/jpeg;base64,")
    return answered("A man sits on a bench.", model=asked["model"])


def answered(text: str | None, *, finish: str = "stop", model: str = "small-vision", **message: object) -> Reply:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    usage = {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020}
    return as_json(
        {
            "id": "c",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [choice],
            "usage": usage,
        }
    )


def picture_of(request: Request) -> bytes:
    """The picture that a chat request carries."""
    url: str = json.loads(request.body)["messages"][0]["content"][1]["image_url"]["url"]
    return base64.b64decode(url.partition(",")[2])
