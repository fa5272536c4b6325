"""The safe fetch: the only code that opens a URL which a user or a table gave us.

Enters: a URL. Leaves: its bytes, or a `FetchError` that says what to do. Each hop, in order: take the URL apart and
check scheme, credentials and port; resolve once; check every address; connect to a checked one; read under the
caps. A redirect is the next hop. A request carries no cookie, credential or referrer, and neither a proxy nor
anything else is taken from the environment.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

import httpcore2
import httpx2

from mezzetin import __version__
from mezzetin.errors import FetchError, InputError
from mezzetin.storage.web.inflate import Body
from mezzetin.storage.web.networks import checked_addresses
from mezzetin.storage.web.policy import FetchPolicy, policy_from_environment
from mezzetin.storage.web.retries import Again, asked_wait, wait_before
from mezzetin.storage.web.sockets import CheckedBackend, peer
from mezzetin.storage.web.target import Target, next_target, target_of

__all__ = ["FetchPolicy", "Fetched", "Fetcher", "policy_from_environment"]

_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (429, 502, 503, 504)
_TRIES = 3
_ADDRESSES_TRIED = 4
_IDLE_CONNECTIONS = 32
_IDLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL held: `content_type` is the bare media type in lower case, `url` the last hop's without query."""

    data: bytes
    content_type: str | None
    url: str


@dataclass(slots=True)
class _Errand:
    """One call of `fetch`: its deadline on `time.monotonic()`, and the tries that all its hops share."""

    deadline: float
    tries: int = 1


class Fetcher:
    """Fetches under one policy; one object serves any number of threads and keeps connections between calls.

    Raises:
        InputError: the policy's `ca_file` can't be read as certificates.

    """

    def __init__(self, policy: FetchPolicy | None = None) -> None:
        self._policy = policy or FetchPolicy()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_trust(self._policy.ca_file),
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=CheckedBackend(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._pool.close()

    def fetch(self, url: str) -> Fetched:
        """Return what a URL holds.

        Raises:
            FetchError: it can't be fetched or must not be; see its codes.

        """
        errand = _Errand(time.monotonic() + self._policy.timeout_s)
        target = target_of(url, self._policy.ports)
        named = target.named
        try:
            for _ in range(self._policy.redirects + 1):
                outcome = self._hop(target, errand)
                if isinstance(outcome, Fetched):
                    return outcome
                target = next_target(target, outcome, self._policy.ports)
        except FetchError as error:
            raise FetchError(error.code, f"{named}: {error}", error.status, error.wait) from error
        raise FetchError("too_many_redirects", f"{named}: it redirects too often: use the final address")

    def _hop(self, target: Target, errand: _Errand) -> Fetched | bytes:
        """Fetch one target; bytes are the Location of a redirect."""
        addresses = self._addresses(target, errand.deadline)
        while True:
            try:
                return self._exchange(target, addresses, errand.deadline)
            except Again as again:
                wait = wait_before(errand.tries, again.after)
                if errand.tries >= _TRIES or time.monotonic() + wait >= errand.deadline:
                    raise again.error from again
                errand.tries += 1
                time.sleep(wait)

    def _addresses(self, target: Target, deadline: float) -> list[str]:
        if target.address is not None:
            answers = [str(target.address)]
        else:
            answers = _resolved(self._policy.resolve, target, deadline)
        return checked_addresses(answers, self._policy.allowed_networks)[:_ADDRESSES_TRIED]

    def _exchange(self, target: Target, addresses: list[str], deadline: float) -> Fetched | bytes:
        with _translated(), closing(self._answer(target, addresses, deadline)) as answer:
            headers = {name.lower(): value for name, value in reversed(answer.headers)}
            if answer.status in _REDIRECTS and b"location" in headers:
                return headers[b"location"]
            if not 200 <= answer.status < 300:
                after = headers.get(b"retry-after")
                refusal = FetchError("http_status", _advice(answer.status), answer.status, asked_wait(after))
                if answer.status in _BUSY:
                    raise Again(refusal, after)
                raise refusal
            encoding = b", ".join(value for name, value in answer.headers if name.lower() == b"content-encoding")
            data = self._body(answer, headers, encoding.decode("latin-1"), deadline)
            media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
            return Fetched(data, media_type or None, target.shown)

    def _answer(self, target: Target, addresses: list[str], deadline: float) -> httpcore2.Response:
        """Send the request to the first address that takes a connection; each gets its share of the time."""
        for left in range(len(addresses), 0, -1):
            now = time.monotonic()
            moments = {"connect": now + (deadline - now) / left, "read": deadline, "write": deadline}
            try:
                return self._pool.handle_request(_request(target, addresses[-left], moments))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if left == 1:
                    raise
        raise FetchError("unresolved", "the host has no address: check its spelling")

    def _body(self, answer: httpcore2.Response, headers: dict[bytes, bytes], encoding: str, deadline: float) -> bytes:
        body = Body(encoding, max_bytes=self._policy.max_bytes, max_decoded_bytes=self._policy.max_decoded_bytes)
        length = headers.get(b"content-length", b"")
        if length.isdigit():
            body.announce(int(length))
        try:
            for piece in answer.iter_stream():
                body.feed(piece)
                if time.monotonic() > deadline:
                    raise httpcore2.ReadTimeout("the time is up")
        except httpcore2.RemoteProtocolError as error:
            raise FetchError("incomplete", "the answer broke off: try again later") from error
        return body.finish()


def _request(target: Target, address: str, moments: dict[str, float]) -> httpcore2.Request:
    return httpcore2.Request(
        b"GET",
        httpcore2.URL(
            scheme=target.scheme.encode(),
            host=peer(target.host, address),
            port=target.port,
            target=target.path_and_query,
        ),
        headers=[
            (b"Host", target.host_header.encode()),
            (b"User-Agent", f"mezzetin/{__version__}".encode()),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"gzip, deflate"),
        ],
        extensions={"timeout": moments, "sni_hostname": target.server_name},
    )


def _resolved(resolve: Callable[[str, int], list[str]], target: Target, deadline: float) -> list[str]:
    """Resolve a name before the deadline: on a thread of its own, since a resolver can't be interrupted."""
    answers: SimpleQueue[list[str] | OSError | UnicodeError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(target.host, target.port))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    Thread(target=ask, name="mezzetin-resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
    except Empty as error:
        raise FetchError("timeout", "its name server took too long: try again later") from error
    if isinstance(answer, list):
        return answer
    raise FetchError("unresolved", "the host is not known: check its spelling and the network") from answer


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise FetchError("timeout", "the server took too long: try again later, or fetch a smaller copy") from error
    except ssl.SSLError as error:
        raise FetchError(
            "tls", "its certificate or TLS can't be trusted: have it mended, or name its authority in MEZZETIN_FETCH_CA"
        ) from error
    except httpcore2.ConnectError as error:
        raise FetchError("connection", "the server takes no connection: check the address") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise Again(FetchError("connection", "the server broke the connection: try again later")) from error


def _advice(status: int) -> str:
    if status in (401, 403, 407):
        return f"the server refuses access (HTTP status {status}): use a link that needs no login or has not expired"
    if status in (404, 410):
        return f"there is nothing at this address (HTTP status {status}): check it"
    if status in _BUSY or status >= 500:
        return f"the server is in trouble or busy (HTTP status {status}): try again later"
    return f"the server answered with HTTP status {status}: check the address in a browser"


@lru_cache(maxsize=1)
def _system_trust() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return _system_trust()
    context = httpx2.create_ssl_context(trust_env=False)
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise InputError(f"{ca_file} can't be read as certificates: name a PEM file for MEZZETIN_FETCH_CA") from error
    return context
