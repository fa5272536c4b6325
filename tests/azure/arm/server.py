"""A small Azure Resource Manager on loopback: real HTTP or HTTPS, so that Azure's own SDKs talk to it.

Enters: what an SDK sends. Leaves: what ARM would answer, long-running operations included, and a record of everything:
`requests` (each with its status), `violations` (bodies that the published description refuses; they are answered 400)
and `unknown` (members that only a preview knows). Bodies are checked where a description of their provider is at hand.

Order of answering: a fault that was ordered, the token, handlers of one's own, operations under way, the resources.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import RLock, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.azure.arm.exchange import Exchange
from tests.azure.arm.faults import Answer, Faults, refusal, unauthorised
from tests.azure.arm.resources import Resources
from tests.azure.arm.specs import Operation, Specs

SUBSCRIPTION = "6d1f3a52-90c7-4c3e-8b35-0f5b1f2f7a11"
_PAUSE = {"x-ms-retry-after-ms": "10"}


@dataclass
class Call:
    """One request: what came, and what it was answered."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes = b""
    status: int = 0
    #: Of its path, what the pattern of a handler caught.
    found: tuple[str, ...] = ()

    @property
    def body(self) -> Any:
        """The body as JSON; None where there is none."""
        return json.loads(self.raw) if self.raw else None

    @property
    def changes(self) -> bool:
        """Whether it makes, alters or removes something."""
        return self.method in ("PUT", "PATCH", "DELETE")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


#: Answers a call, or steps aside with None.
Handler = Callable[[Call], Answer | None]


@dataclass
class _Slow:
    method: str
    pattern: re.Pattern[str]
    polls: int
    style: str


class ArmServer:
    """A Resource Manager with nothing in it; as a context it runs from beginning to end.

    `specs` is the folder of published descriptions; None checks no bodies. `tls` is (certificate, key) for https.
    """

    def __init__(self, specs: Path | None = None, tls: tuple[Path, Path] | None = None) -> None:
        self.specs = Specs(specs) if specs is not None and specs.is_dir() else None
        self.faults = Faults()
        self.resources = Resources()
        self.requests: list[Call] = []
        self.violations: list[str] = []
        #: What is in `tolerated` is no violation: the service is known to take it although its description does not.
        self.tolerated: tuple[str, ...] = ()
        self.overlooked: set[str] = set()
        #: (operation, the version the SDK asked for -> the stable one, member)
        self.unknown: set[tuple[str, str, str]] = set()
        #: Fills in what a service itself says of a resource that was put; it gets its id and the resource.
        self.complete: Callable[[str, dict[str, Any]], None] | None = None
        self.lock = RLock()
        self._handlers: list[tuple[str, re.Pattern[str], Handler, bool]] = []
        self._slow: list[_Slow] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Exchange,), {"arm": self}))
        self._server.daemon_threads, self._server.block_on_close = True, False
        self._scheme = "http"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What an SDK takes as `base_url`."""
        return f"{self._scheme}://localhost:{self.port}"

    def handle(self, method: str, pattern: str, handler: Handler, *, open_to_all: bool = False) -> None:
        """Let `handler` answer requests whose whole path fits; the latest that is added is asked first.

        One that is `open_to_all` is asked without a token, too.
        """
        self._handlers.insert(0, (method, re.compile(pattern, re.IGNORECASE), handler, open_to_all))

    def slow(self, method: str, pattern: str, *, polls: int = 2, style: str = "Azure-AsyncOperation") -> None:
        """Make requests that fit long-running; `style` is that header, or "Location"."""
        self._slow.insert(0, _Slow(method, re.compile(pattern, re.IGNORECASE), polls, style))

    def changes(self, since: int = 0) -> list[Call]:
        """The requests from number `since` on that changed something, or tried to."""
        return [call for call in self.requests[since:] if call.changes]

    def group(self, name: str, location: str = "westeurope") -> str:
        """Make a resource group; its id."""
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}"
        self.resources.add(path, {"location": location})
        return path

    def respond(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """Answer one request, and write it down."""
        parts = urlsplit(target)
        path = re.sub("/providers/", "/providers/", re.sub("/{2,}", "/", parts.path).rstrip("/"), flags=re.IGNORECASE)
        call = Call(method, path, dict(parse_qsl(parts.query)), headers, raw)
        with self.lock:
            self.requests.append(call)
            answer = self.faults.meet(method, call.path) or self._handled(call)
            call.status = answer.status
        return answer

    def _handled(self, call: Call) -> Answer:
        for method, pattern, handler, is_open in self._handlers:
            if method == call.method and (found := pattern.fullmatch(call.path)):
                call.found = found.groups()
                if not is_open and (refused := _token(call)) is not None:
                    return refused
                if (answer := handler(call)) is not None:
                    return answer
        if (refused := _token(call)) is not None:
            return refused
        if "/operations/" in call.path or "/operationresults/" in call.path:
            return self._operation(call)
        return self._resource(call)

    def _operation(self, call: Call) -> Answer:
        running = self.resources.running.get(call.path.rpartition("/")[2])
        if running is None:
            return refusal(404, "NotFound", "There is no such operation.")
        running.look(self.resources)
        if "/operationresults/" in call.path:
            if running.status == "InProgress":
                return Answer(202, None, {**_PAUSE, "Location": f"{self.url}{call.path}"})
            if running.error is None:
                return Answer(204) if running.method == "DELETE" else Answer(200, self.resources[running.path])
            return refusal(409, *running.error)
        body: dict[str, Any] = {"id": call.path, "name": running.identifier, "status": running.status}
        if running.error and running.status == "Failed":
            body["error"] = {"code": running.error[0], "message": running.error[1]}
        return Answer(200, body, _PAUSE)

    def _resource(self, call: Call) -> Answer:
        if not call.query.get("api-version"):
            return refusal(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        operation = self._described(call)
        if isinstance(operation, Answer):
            return operation
        if (busy := self.resources.busy(call.path)) is not None:
            if call.changes:
                return refusal(409, "Conflict", "Another operation is in progress on this resource.")
            busy.look(self.resources)
        if call.method == "GET":
            return self._shown(call)
        if call.method == "PUT":
            return self._put(call, operation)
        if call.path not in self.resources:
            return Answer(204) if call.method == "DELETE" else _missing(call)
        if call.method == "PATCH":
            return self._begun(call, Answer(200, self.resources.patch(call.path, call.body)))
        if call.method == "DELETE":
            return self._begun(call, Answer(200))
        return refusal(404, "NotFound", f"Nothing here answers {call}.")

    def _described(self, call: Call) -> Operation | Answer | None:
        """The operation that is asked for, or a refusal of its body."""
        version = call.query["api-version"]
        operation = self.specs.operation(call.method, call.path, version) if self.specs else None
        if self.specs is None or operation is None or not call.raw:
            return operation
        findings = self.specs.check(operation, call.body)
        self.unknown |= {(operation.identifier, f"{version} -> {operation.version}", name) for name in findings.unknown}
        told = {text: f"{operation.identifier} ({operation.version}) {text}" for text in findings.violations}
        wrong = [text for text in findings.violations if not text.startswith(self.tolerated or ("\n",))]
        self.violations += [told.pop(text) for text in wrong]
        self.overlooked |= set(told.values())
        if wrong:
            return refusal(400, "InvalidRequestContent", "; ".join(wrong))
        return operation

    def _shown(self, call: Call) -> Answer:
        if call.path in self.resources:
            return Answer(200, self.resources[call.path])
        # Behind the provider, names of collections and of resources take turns: an odd number is a collection's.
        behind = call.path.partition("/providers/")[2].split("/")[1:]
        if len(behind) % 2 == 1:
            return Answer(200, {"value": self.resources.under(call.path)})
        return _missing(call)

    def _put(self, call: Call, operation: Operation | None) -> Answer:
        parent = _parent(call.path)
        if parent is not None and parent not in self.resources:
            return refusal(404, "ParentResourceNotFound", f"{parent} does not exist.")
        is_new = call.path not in self.resources
        made = self.resources.add(call.path, call.body)
        if self.specs is not None and operation is not None:
            example = self.specs.read_only(operation, call.body)
            made["properties"] = {**example.get("properties", {}), **made["properties"]}
            made |= {key: value for key, value in example.items() if key != "properties"}
        if self.complete is not None:
            self.complete(call.path, made)
        return self._begun(call, Answer(201 if is_new else 200, made))

    def _begun(self, call: Call, answer: Answer) -> Answer:
        """The answer that says an operation is under way, where this request is one of those."""
        slow = next((s for s in self._slow if s.method == call.method and s.pattern.fullmatch(call.path)), None)
        error = self.faults.provisioning(call.path) if call.method == "PUT" else None
        if slow is None and error is None:
            if call.method == "DELETE":
                self.resources.remove(call.path)
            return answer
        running = self.resources.begin(call.path, call.method, slow.polls if slow else 1, error)
        style = slow.style if slow else "Azure-AsyncOperation"
        kind = "operations" if style == "Azure-AsyncOperation" else "operationresults"
        place = f"{self.url}/subscriptions/{SUBSCRIPTION}/providers/Mezzetin.Tests/locations/here/{kind}"
        answer.headers |= {style: f"{place}/{running.identifier}?api-version=2024-04-01", **_PAUSE}
        if style == "Location" or call.method == "DELETE":
            return Answer(202, None, answer.headers)
        return answer


def _token(call: Call) -> Answer | None:
    """A refusal of the request's token: none, or one (RFC 7519) whose time is over."""
    kind, _, token = call.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or not token:
        return unauthorised("The request has no Bearer token.")
    parts = token.split(".")
    if len(parts) == 3:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        if claims.get("exp", 0) < time.time():
            return unauthorised()
    return None


def _missing(call: Call) -> Answer:
    code = "ResourceGroupNotFound" if "/providers/" not in call.path else "ResourceNotFound"
    return refusal(404, code, f"{call.path} was not found.")


def _parent(path: str) -> str | None:
    """The id of the resource or group that a resource lies in; None for what lies in a subscription itself."""
    group, _, behind = path.partition("/providers/")
    parts = behind.split("/")
    if len(parts) > 3:
        return path.rsplit("/", 2)[0]
    return group if "/resourcegroups/" in group.lower() and behind else None
