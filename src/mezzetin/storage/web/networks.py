"""Network addresses: what a host spells and which addresses a fetch may reach.

Enters: a host out of a URL, or what a name server answered. Leaves: the address it stands for, and a verdict. An
IPv6 address that carries an IPv4 address inside is judged by the address where its packets end.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence

from mezzetin.errors import FetchError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where clouds answer with the machine's own credentials or configuration. 168.63.129.16 (Azure) and
# 100.100.100.200 (Alibaba) lie outside the link-local range; some of these an operator's wide network could cover.
_NEVER: frozenset[Address] = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "168.63.129.16",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
# Special-purpose registries (RFC 6890) that some Python releases still call global.
_NOT_GLOBAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = 0x5EFE
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")


def spelled_address(host: str) -> Address | None:
    """Return the address that a lower-case ASCII host spells, or None where it is a name.

    IPv4 in the spellings of the URL standard (WHATWG, "ends in a number"): one to four parts, each decimal,
    octal after `0` or hexadecimal after `0x`. IPv6 without brackets; its zone is dropped.

    Raises:
        ValueError: it looks like an address and is none.

    """
    if ":" in host:
        return ipaddress.IPv6Address(host.partition("%")[0])
    parts = host.removesuffix(".").split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    numbers = [_number(part) for part in parts]
    if len(numbers) > 4 or any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        raise ValueError(f"{len(numbers)} parts are no IPv4 address")
    high = sum(number << (24 - 8 * place) for place, number in enumerate(numbers[:-1]))
    return ipaddress.IPv4Address(high + numbers[-1])


def _number(part: str) -> int:
    if not _NUMBER.fullmatch(part):
        raise ValueError("a part of an IPv4 address is no number")
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)


def may_reach(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Say whether a fetch may connect to `address`: it is global, or lies in a network of `allowed`.

    The addresses of cloud metadata services are refused even inside an allowed network. Every IPv4 address inside
    an IPv6 address must pass too. 6to4 and Teredo are not global, whatever they carry.
    """
    allowed = tuple(allowed)
    return all(_passes(end, allowed) for end in _ends(address))


def _passes(address: Address, allowed: tuple[Network, ...]) -> bool:
    if address in _NEVER:
        return False
    if any(address in network for network in allowed if network.version == address.version):
        return True
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    special = (
        address.is_multicast
        or address.is_reserved
        or any(address in network for network in _NOT_GLOBAL if network.version == address.version)
    )
    return address.is_global and not special


def _ends(address: Address) -> list[Address]:
    """List the addresses that packets to `address` may reach."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    number = int(address)
    plain = ipaddress.IPv6Address(number)  # without its zone, which would hide it from the comparisons
    last = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if plain in _MAPPED or plain in _NAT64:
        return [last]
    if plain.sixtofour is not None:
        return [plain, plain.sixtofour]
    if plain.teredo is not None:
        return [plain, *plain.teredo]
    if number >> 32 & 0xFDFFFFFF == _ISATAP:  # RFC 5214; the bit left out says "globally unique"
        return [plain, last]
    return [plain]


def system_resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver for the addresses of a host, best first.

    Raises:
        OSError: there is no such name, or no answer.

    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def checked_addresses(answers: Sequence[str], allowed: Iterable[Network] = ()) -> list[str]:
    """Return a name server's answer when every address of it may be reached.

    Raises:
        FetchError: `refused_address` for one that may not, though others may; `unresolved` for an empty answer.

    """
    allowed = tuple(allowed)
    try:
        addresses = [ipaddress.ip_address(answer) for answer in answers]
    except ValueError as error:
        raise FetchError("unresolved", "the name server's answer holds no address: check the host") from error
    if not addresses:
        raise FetchError("unresolved", "the host has no address: check its spelling")
    if not all(may_reach(address, allowed) for address in addresses):
        raise FetchError(
            "refused_address",
            "the host, or one that it redirects to, is not on the public internet: use a public address, or have the "
            "operator list its network in MEZZETIN_FETCH_NETWORKS",
        )
    return [str(address) for address in addresses]
