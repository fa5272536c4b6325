"""Which addresses a fetch may reach, however they are spelled."""

from __future__ import annotations

import ipaddress
import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import FetchError
from mezzetin.storage.web.fetch import Fetcher, FetchPolicy
from mezzetin.storage.web.networks import checked_addresses, may_reach, spelled_address
from mezzetin.storage.web.target import target_of

_INSIDE = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
]  # fmt: skip
_INSIDE_6 = [
    "::/128", "::1/128", "::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16", "3fff::/20",
    "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip


def _addresses(networks: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(networks).flatmap(lambda text: st.ip_addresses(network=text)).map(str)


def _part(number: int, style: str) -> str:
    return {"decimal": f"{number}", "octal": f"0{number:o}", "hex": f"0x{number:x}", "HEX": f"0X00{number:X}"}[style]


@st.composite
def _spellings(draw: st.DrawFn) -> str:
    """An inner IPv4 address in one of the ways that a URL's host may spell it."""
    number = int(ipaddress.IPv4Address(draw(_addresses(_INSIDE))))
    count = draw(st.integers(1, 4))
    numbers = [number >> (24 - 8 * place) & 255 for place in range(count - 1)]
    numbers.append(number & (1 << (8 * (5 - count))) - 1)
    styles = st.sampled_from(["decimal", "octal", "hex", "HEX"])
    return ".".join(_part(part, draw(styles)) for part in numbers) + draw(st.sampled_from(["", "."]))


@st.composite
def _wrapped(draw: st.DrawFn) -> str:
    """An inner IPv4 address inside an IPv6 address."""
    inner = int(ipaddress.IPv4Address(draw(_addresses(_INSIDE))))
    shape = draw(st.sampled_from(["mapped", "nat64", "6to4", "teredo", "isatap", "compatible"]))
    public = int(ipaddress.IPv6Address("2a00:1450::"))
    number = {
        "mapped": 0xFFFF << 32 | inner,
        "nat64": 0x64FF9B << 96 | inner,
        "6to4": 0x2002 << 112 | inner << 80 | 1,
        "teredo": 0x20010000 << 96 | 0x08080808 << 64 | (inner ^ 0xFFFFFFFF),
        "isatap": public | 0x5EFE << 32 | inner,
        "compatible": inner,
    }[shape]
    return f"[{ipaddress.IPv6Address(number)}]"


def _never_resolves(host: str, port: int) -> list[str]:
    raise AssertionError("an address needs no name server")


@pytest.fixture(scope="module")
def strict() -> Fetcher:
    return Fetcher(FetchPolicy(resolve=_never_resolves, timeout_s=0.5))


_ZEROS_FIRST = re.compile(r"(?=.*(?:^|\.)0[0-9])[0-9]+(?:\.[0-9]+){3}")
_HOSTS = st.one_of(_spellings(), _wrapped(), _addresses(_INSIDE_6).map(lambda text: f"[{text}]"))


@given(host=_HOSTS)
def test_no_spelling_of_an_inner_address_gets_through(strict: Fetcher, host: str) -> None:
    with pytest.raises(FetchError) as refused:
        strict.fetch(f"http://{host}/latest/meta-data?token=s3cret")
    # httpx2 takes four decimal parts with a leading zero for no URL at all.
    assert refused.value.code == ("bad_url" if _ZEROS_FIRST.fullmatch(host) else "refused_address")
    assert "s3cret" not in str(refused.value) and "\n" not in str(refused.value)


@given(host=_spellings())
def test_a_spelling_means_what_the_system_takes_it_for(host: str) -> None:
    assert str(spelled_address(host.lower())) == socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))


@pytest.mark.parametrize("zone", ["fe80::1%eth0", "fe80::1%25eth0", "::1%lo", "fd00:ec2::254%eth0"])
def test_a_zone_does_not_hide_an_address(strict: Fetcher, zone: str) -> None:
    with pytest.raises(FetchError) as refused:
        strict.fetch(f"http://[{zone}]/")
    assert refused.value.code == "refused_address"
    with pytest.raises(FetchError):
        checked_addresses([zone.replace("%25", "%")], [ipaddress.ip_network("fd00:ec2::/32")])


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "151.101.1.69", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_pass(text: str) -> None:
    assert may_reach(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["168.63.129.16", "169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_metadata_is_refused_inside_an_allowed_network_too(text: str) -> None:
    everything = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
    assert may_reach(ipaddress.ip_address("10.0.0.1"), everything)
    assert not may_reach(ipaddress.ip_address(text), everything)


def test_an_allowed_network_lets_its_own_addresses_in_and_no_other() -> None:
    allowed = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd12::/32")]
    assert [may_reach(ipaddress.ip_address(text), allowed) for text in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1")] == [
        True,
        True,
        True,
    ]
    assert not may_reach(ipaddress.ip_address("10.2.0.1"), allowed)


@given(
    bad=_addresses(_INSIDE + _INSIDE_6),
    good=st.lists(st.sampled_from(["8.8.8.8", "2606:4700:4700::1111", "1.1.1.1"]), max_size=4),
    place=st.integers(0, 4),
)
def test_one_bad_address_spoils_the_answer(bad: str, good: list[str], place: int) -> None:
    assert checked_addresses([*good, "8.8.4.4"]) == [*good, "8.8.4.4"]
    with pytest.raises(FetchError) as refused:
        checked_addresses([*good[:place], bad, *good[place:]])
    assert refused.value.code == "refused_address"


@pytest.mark.parametrize(
    "host", ["1.2.3.4.5", "256.1.1.1", "1.2.3.256", "4294967296", "08.1.1.1", "a.1", "1..2", "0x1g.1"]
)
def test_what_looks_like_an_address_and_is_none_is_refused(host: str) -> None:
    with pytest.raises(FetchError) as refused:
        target_of(f"http://{host}/", {80})
    assert refused.value.code == "bad_url"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "refused_scheme"),
        ("pictures/cat.jpg", "refused_scheme"),
        ("//host/x", "refused_scheme"),
        ("file:///etc/passwd", "refused_scheme"),
        ("ftp://host/x", "refused_scheme"),
        ("gopher://host:80/x", "refused_scheme"),
        ("http:///etc/passwd", "bad_url"),
        ("http:x", "bad_url"),
        ("http://user:pass@host/", "bad_url"),
        ("http://user@host/", "bad_url"),
        ("http://good.example\\@127.0.0.1/", "bad_url"),
        ("http://127%2e0.0.1/", "bad_url"),
        ("http://a b/", "bad_url"),
        ("http://a|127.0.0.1/", "bad_url"),
        ("http://a..b/", "bad_url"),
        ("http://.a/", "bad_url"),
        ("http://host\r\nX: y/", "bad_url"),
        (f"http://{'a' * 64}.org/", "bad_url"),
        ("http://host:99999/", "refused_port"),
        ("http://host:0/", "refused_port"),
        ("http://host:22/", "refused_port"),
        ("https://host:8443/", "refused_port"),
    ],
)
def test_a_url_that_is_not_fetched(url: str, code: str) -> None:
    with pytest.raises(FetchError) as refused:
        target_of(url, {80, 443})
    assert refused.value.code == code
    assert "pass" not in str(refused.value).replace("password", "")


@given(st.text(max_size=60).map(lambda text: f"http://{text}") | st.text(max_size=60))
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        target = target_of(text, {80, 443})
    except FetchError:
        return
    assert target.scheme in ("http", "https") and target.port in (80, 443)
    assert target.host and target.host.isascii() and "@" not in target.shown.partition("//")[2].partition("/")[0]
    assert target.shown.isprintable() and "?" not in target.shown


def test_a_target_in_every_detail() -> None:
    target = target_of(" HTTPS://Bücher.Example:443/é a?sig=1#part ", {443})
    assert (target.scheme, target.host, target.port) == ("https", "xn--bcher-kva.example", 443)
    assert (target.host_header, target.path_and_query) == ("xn--bcher-kva.example", b"/%C3%A9%20a?sig=1")
    assert target.shown == "https://xn--bcher-kva.example/%C3%A9%20a"
    assert target_of("http://[2606:4700::1]:8080/", {8080}).host_header == "[2606:4700::1]:8080"
