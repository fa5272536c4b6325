"""Fetching politely: a pace, Retry-After, hosts that fail, and hosts of one's own network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mezzetin import __version__
from mezzetin.collection.sources import PutOff, Web
from mezzetin.errors import FetchError, InputError
from mezzetin.storage.web.fetch import FetchPolicy
from tests.unit.collection_sources.museum import Museum, museum


@pytest.fixture
def server() -> Iterator[Museum]:
    with museum() as one:
        one.documents["/x"] = "x"
        yield one


def test_a_host_is_asked_no_faster_than_agreed_however_many_threads_ask(server: Museum) -> None:
    with Web([server.host], per_second=20) as web, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: web.fetch(f"{server.url}/x"), range(8)))
    between = [after - before for before, after in zip(server.times, server.times[1:], strict=False)]
    assert server.times[-1] - server.times[0] >= 7 / 20 - 0.05
    assert min(between) >= 0
    assert server.agents == {f"mezzetin/{__version__}"}


def test_retry_after_is_waited_for(server: Museum) -> None:
    server.moods["/x"] = lambda times: (429, {"Retry-After": "1"}) if times == 1 else None
    # The fetch itself gives up at once, so that the wait is the one of the host.
    with Web([server.host], per_second=1000, policy=FetchPolicy(timeout_s=0.9)) as web:
        begun = time.monotonic()
        assert web.fetch(f"{server.url}/x").data == b"x"
    assert time.monotonic() - begun >= 1
    assert server.counted("/x") == 2


def test_a_host_that_wants_an_hour_is_put_off_and_others_go_on(server: Museum) -> None:
    server.moods["/x"] = lambda times: (503, {"Retry-After": "3600"})
    with museum() as other, Web([server.host, other.host], per_second=1000) as web:
        other.documents["/y"] = "y"
        for _ in range(3):
            with pytest.raises(PutOff):
                web.fetch(f"{server.url}/x")
        assert server.counted("/x") == 1
        assert web.fetch(f"{other.url}/y").data == b"y"


def test_a_host_that_fails_again_and_again_is_put_off_but_missing_pages_are_no_failure_of_it(server: Museum) -> None:
    server.moods["/bad"] = lambda times: (500, {})
    with Web([server.host], per_second=1000) as web:
        for _ in range(20):
            with pytest.raises(FetchError):
                web.fetch(f"{server.url}/none")
        failures: list[type[Exception]] = []
        for number in range(10):
            try:
                web.fetch(f"{server.url}/bad{number}")
            except (FetchError, PutOff) as error:
                failures.append(type(error))
    assert failures == [FetchError] * 6 + [PutOff] * 4


def test_a_host_of_the_own_network_is_reached_only_when_it_is_allowed(server: Museum) -> None:
    with Web(per_second=1000) as web, pytest.raises(FetchError) as refused:
        web.fetch(f"{server.url}/x")
    assert refused.value.code in ("refused_address", "refused_port")
    port = int(server.host.partition(":")[2])
    names = {"intranet.example": ["127.0.0.1"], "metadata.example": ["169.254.169.254"]}
    policy = replace(FetchPolicy(), resolve=lambda host, port: names[host])
    with Web([f"intranet.example:{port}"], per_second=1000, policy=policy) as web:
        assert web.fetch(f"http://intranet.example:{port}/x").data == b"x"
    with Web(["metadata.example"], per_second=1000, policy=policy) as web, pytest.raises(FetchError) as refused:
        web.fetch("http://metadata.example/x")
    assert refused.value.code == "refused_address"


@pytest.mark.parametrize("host", ["", "http://x", "a/b", "x:99999", "user@x", "x:0", "[::1"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InputError, match="--allow-host"):
        Web([host])
