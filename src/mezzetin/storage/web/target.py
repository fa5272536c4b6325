"""Targets: a URL taken apart and checked, as far as that goes without asking a name server.

Enters: a URL as a person, a table or a redirect wrote it. Leaves: a `Target`. The text is parsed once and nothing
downstream parses it again, so that no two parsers can disagree about the host.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

import httpx2

from mezzetin.errors import FetchError
from mezzetin.storage.web.networks import Address, spelled_address

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,254}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Target:
    """Where one hop of a fetch goes: `host` is a name in ASCII, or the usual spelling of `address`."""

    url: httpx2.URL
    scheme: str
    host: str
    address: Address | None
    port: int

    @property
    def host_header(self) -> str:
        """The host and, unless it is the scheme's own, the port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def server_name(self) -> str:
        """What the certificate must be for."""
        return self.host.removesuffix(".")

    @property
    def path_and_query(self) -> bytes:
        """What follows the method in the request."""
        return self.url.raw_path

    @property
    def shown(self) -> str:
        """The URL without its query and fragment, which may hold a signature; one line of ASCII."""
        path = self.path_and_query.partition(b"?")[0].decode("ascii")
        return f"{self.scheme}://{self.host_header}{path}"

    @property
    def named(self) -> str:
        """What `shown` says, no longer than a message can bear."""
        return self.shown if len(self.shown) <= _LONGEST_SHOWN else f"{self.shown[:_LONGEST_SHOWN]}…"


def target_of(text: str, ports: Set[int]) -> Target:
    """Take a URL apart; white space around it is dropped.

    Raises:
        FetchError: `bad_url`, `refused_scheme` or `refused_port`.

    """
    try:
        url = httpx2.URL(text.strip())
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise FetchError("bad_url", "this is no URL: write it as https://host/path") from error
    return _checked(url, ports)


def next_target(target: Target, location: bytes, ports: Set[int]) -> Target:
    """Return where a redirect from `target` leads; `location` is the header's value.

    Raises:
        FetchError: as `target_of`; `refused_scheme` also for a step from https to http.

    """
    try:
        url = target.url.join(location.decode("utf-8").strip())
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise FetchError("bad_url", "it redirects to something that is no URL: use the final address") from error
    after = _checked(url, ports)
    if target.scheme == "https" and after.scheme == "http":
        raise FetchError("refused_scheme", "it redirects from https to http: use an address that stays on https")
    return after


def _checked(url: httpx2.URL, ports: Set[int]) -> Target:
    scheme = url.scheme
    if scheme not in _DEFAULT_PORTS:
        raise FetchError("refused_scheme", "only http and https are fetched: use a URL that begins with https://")
    if url.userinfo:
        raise FetchError("bad_url", "the URL holds a user name or password: leave them out")
    host = url.raw_host.decode("ascii").lower()
    try:
        address = spelled_address(host)
    except ValueError as error:
        raise FetchError("bad_url", "the URL's host is neither a name nor an address: check it") from error
    if address is None and not _NAME.fullmatch(host):
        raise FetchError("bad_url", "the URL has no proper host: write it as https://host/path")
    port = _DEFAULT_PORTS[scheme] if url.port is None else url.port
    if port not in ports:
        raise FetchError(
            "refused_port",
            "this port is not fetched from: use 80 or 443, or have the operator set MEZZETIN_FETCH_PORTS",
        )
    return Target(url.copy_with(fragment=None), scheme, host if address is None else str(address), address, port)
