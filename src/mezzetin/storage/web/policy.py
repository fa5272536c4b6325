"""The policy of a fetch, and how an operator widens it.

Enters: the environment of the process. Leaves: a frozen `FetchPolicy`. It may trust more networks, ports and
authorities than the default; the caps are the caller's.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mezzetin.errors import InputError
from mezzetin.storage.web.networks import Network, system_resolve

_PORTS = frozenset({80, 443})
_NETWORKS_VARIABLE = "MEZZETIN_FETCH_NETWORKS"
_PORTS_VARIABLE = "MEZZETIN_FETCH_PORTS"
_CA_VARIABLE = "MEZZETIN_FETCH_CA"


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What a fetch may do.

    `allowed_networks` are those that the operator trusts though they are not global; `timeout_s` covers a whole
    fetch, with redirects and further tries; `max_bytes` counts what comes over the wire, `max_decoded_bytes` what it
    decompresses to; `ca_file` (PEM) is trusted beside the system's authorities; `resolve` takes a host and a port and
    returns addresses, or raises OSError.
    """

    ports: frozenset[int] = _PORTS
    allowed_networks: tuple[Network, ...] = ()
    timeout_s: float = 20.0
    redirects: int = 3
    max_bytes: int = 64 << 20
    max_decoded_bytes: int = 64 << 20
    ca_file: Path | None = None
    resolve: Callable[[str, int], list[str]] = system_resolve


def policy_from_environment(environment: Mapping[str, str] | None = None) -> FetchPolicy:
    """Return the default policy, widened by what the operator set.

    `MEZZETIN_FETCH_NETWORKS` (`10.1.0.0/16,fd12:3456::/32`) and `MEZZETIN_FETCH_PORTS` (`8080,8443`) add to what is
    allowed, lists with commas; `MEZZETIN_FETCH_CA` names a PEM file. `environment` defaults to the process's own.

    Raises:
        InputError: a value can't be understood, or the file is not there.

    """
    found = os.environ if environment is None else environment
    ca_file = found.get(_CA_VARIABLE, "").strip()
    if ca_file and not Path(ca_file).is_file():
        raise InputError(f"{_CA_VARIABLE} names no file: set it to a PEM file of certificates")
    return FetchPolicy(
        ports=_PORTS.union(_port(text) for text in _listed(found, _PORTS_VARIABLE)),
        allowed_networks=tuple(_network(text) for text in _listed(found, _NETWORKS_VARIABLE)),
        ca_file=Path(ca_file) if ca_file else None,
    )


def _listed(environment: Mapping[str, str], variable: str) -> Iterator[str]:
    return (part.strip() for part in environment.get(variable, "").split(",") if part.strip())


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 1 << 16:
        return int(text)
    raise InputError(f"{_PORTS_VARIABLE} holds {text!r}: list port numbers from 1 to 65535, with commas between them")


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InputError(
            f"{_NETWORKS_VARIABLE} holds {text!r}: list networks such as 10.1.0.0/16, with commas between them"
        ) from error
