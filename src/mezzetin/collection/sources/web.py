"""Fetching for a collection: strangers' addresses by the safe fetch, and politely.

Enters: addresses out of records and manifests. Leaves: bytes. A host is asked at most so often a second, left alone
for as long as it asks (Retry-After), and put off when it fails again and again: then its pictures are neither done nor
failed, and the next run asks for them.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from threading import Event, Lock
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from mezzetin.errors import FetchError, InputError
from mezzetin.storage.address import without_secrets
from mezzetin.storage.web.fetch import Fetched, Fetcher, FetchPolicy, policy_from_environment

PER_SECOND = 5.0
"""Requests a second to one host, unless somebody says otherwise."""
_BUSY = (429, 503)
_LONGEST_WAIT = 300.0
_TIMES_BUSY = 4
_FAILURES_IN_A_ROW = 6
_TIMEOUT_S = 60.0
_OF_THE_SERVER = 500


class PutOff(InputError):
    """A host is left alone for now: its pictures are for a later run."""


@dataclass(slots=True)
class _Host:
    """What is known of one host: when it may be asked next, and how often in a row it failed."""

    next: float = 0.0
    failures: int = 0


class Web:
    """Fetches what records name; threads may share it. `allow_hosts` (`host` or `host:port`) may be inside a network.

    Raises:
        InputError: a host of the list is none, or has no address.

    """

    def __init__(
        self,
        allow_hosts: Iterable[str] = (),
        *,
        per_second: float = PER_SECOND,
        policy: FetchPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        base = policy or replace(policy_from_environment(), timeout_s=_TIMEOUT_S)
        self._fetcher = Fetcher(_widened(base, allow_hosts))
        self._pause = 1.0 / per_second
        self._clock = clock
        self._hosts: dict[str, _Host] = defaultdict(_Host)
        self._lock = Lock()
        self._stopped = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wake whoever waits for a host, and close the connections."""
        self._stopped.set()
        self._fetcher.close()

    def fetch(self, url: str) -> Fetched:
        """Return what a URL holds, once its host may be asked.

        Raises:
            FetchError: it can't be fetched or must not be.
            PutOff: the host has failed too often in a row.

        """
        name = (urlsplit(url).netloc or "").lower()
        for attempt in range(_TIMES_BUSY + 1):
            self._wait_for_turn(name, url)
            try:
                found = self._fetcher.fetch(url)
            except FetchError as error:
                if not self._is_to_be_repeated(name, error, attempt):
                    raise
            else:
                self._hosts[name].failures = 0
                return found
        raise AssertionError("the last attempt returns or raises")

    def json(self, url: str) -> Any:
        """Return a URL's JSON value.

        Raises:
            FetchError: it can't be fetched, or is no JSON.
            PutOff: the host has failed too often in a row.

        """
        return parsed(self.fetch(url).data, without_secrets(url))

    def _wait_for_turn(self, name: str, url: str) -> None:
        with self._lock:
            host, now = self._hosts[name], self._clock()
            if host.failures >= _FAILURES_IN_A_ROW:
                raise PutOff(f"{without_secrets(url)}: its host failed {host.failures} times in a row: run this later")
            turn = max(now, host.next)
            host.next = turn + self._pause
        if turn > now and self._stopped.wait(turn - now):
            raise PutOff(f"{without_secrets(url)}: not fetched, the run ended: run it again")

    def _is_to_be_repeated(self, name: str, error: FetchError, attempt: int) -> bool:
        with self._lock:
            host = self._hosts[name]
            if error.status in _BUSY:
                if attempt == _TIMES_BUSY or (error.wait or 0.0) > _LONGEST_WAIT:
                    host.failures = _FAILURES_IN_A_ROW
                    raise PutOff(f"{error}; the host asks to be left alone") from error
                wait = error.wait if error.wait is not None else 2.0**attempt
                host.next = max(host.next, self._clock() + wait)
                return True
            host.failures = host.failures + 1 if _is_of_the_host(error) else 0
            return False


def parsed(data: bytes, shown: str) -> Any:
    """Return the JSON value of a document that is called `shown`.

    Raises:
        FetchError: it is no JSON.

    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FetchError("bad_encoding", f"{shown} is not JSON: check the address in a browser") from error


def _is_of_the_host(error: FetchError) -> bool:
    """Whether the next picture of the host is likely to fare no better."""
    if error.code in ("unresolved", "connection", "tls", "timeout"):
        return True
    return error.status is not None and error.status >= _OF_THE_SERVER


def _widened(policy: FetchPolicy, allow_hosts: Iterable[str]) -> FetchPolicy:
    """The policy with the operator's own hosts: their addresses of now, and their ports."""
    networks, ports = list(policy.allowed_networks), set(policy.ports)
    for text in allow_hosts:
        host, port = _host_and_port(text)
        ports.update(() if port is None else (port,))
        try:
            answers = policy.resolve(host, port or 443)
        except (OSError, UnicodeError) as error:
            raise InputError(f"--allow-host {text}: the host is not known: check its spelling") from error
        networks += [ip_network(ip_address(answer.partition("%")[0])) for answer in answers]
    return replace(policy, allowed_networks=tuple(networks), ports=frozenset(ports))


def _host_and_port(text: str) -> tuple[str, int | None]:
    refusal = InputError(f"--allow-host {text!r} is no host: write HOST or HOST:PORT")
    try:
        parts = urlsplit(f"//{text.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise refusal from error
    if not host or parts.path or parts.username is not None or port == 0:
        raise refusal
    return host, port
