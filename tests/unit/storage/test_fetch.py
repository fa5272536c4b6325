"""The safe fetch against servers that misbehave: where it may go, and how long and how much it takes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mezzetin.errors import FetchError, InputError
from mezzetin.storage.web.fetch import Fetched, Fetcher, FetchPolicy, policy_from_environment

MakeFetcher = Callable[..., Fetcher]
Serve = Callable[..., Any]


def ok(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def redirect(location: str, *headers: str) -> bytes:
    lines = ["HTTP/1.1 302 Found", f"Location: {location}", "Content-Length: 0", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def failure(fetcher: Fetcher, url: str) -> FetchError:
    with pytest.raises(FetchError) as failed:
        fetcher.fetch(url)
    assert "\n" not in str(failed.value)
    return failed.value


def test_a_fetch_brings_bytes_type_and_url(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(ok(b"picture", "Content-Type: Image/PNG; charset=x", "Set-Cookie: a=b"))
    one = fetcher()
    found = one.fetch(f"{server.url}/a%20b.png?sig=s3cret#part")
    assert found == Fetched(b"picture", "image/png", f"{server.url}/a%20b.png")
    head = server.requests[0].decode()
    assert head.startswith("GET /a%20b.png?sig=s3cret HTTP/1.1\r\n")
    names = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:] if line}
    assert names == {"host", "user-agent", "accept", "accept-encoding"}


def test_a_connection_is_kept_for_the_same_host_and_address_only(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(ok(b"x"))
    with fetcher() as one:
        for host in ("first.example", "first.example", "second.example"):
            one.fetch(f"http://{host}:{server.port}/")
    assert (len(server.requests), server.connections) == (3, 2)


def test_a_kept_connection_that_the_server_closed_costs_no_try(serve: Serve, fetcher: MakeFetcher) -> None:
    def once(connection: socket.socket, request: bytes) -> None:
        connection.sendall(ok(b"x"))

    server, one = serve(once), fetcher(timeout_s=0.2)  # too short for the wait before another try
    for _ in range(2):
        assert one.fetch(server.url).data == b"x"
        time.sleep(0.05)


def test_many_threads_share_a_fetcher(serve: Serve, fetcher: MakeFetcher) -> None:
    def echo(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(ok(request.split()[1]))
        return True

    server, one, wrong = serve(echo), fetcher(), []

    def work(thread: int) -> None:
        for turn in range(20):
            path = f"/{thread}/{turn}".encode()
            if one.fetch(server.url + path.decode()).data != path:
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(server.requests) == 160 and server.connections <= 16


def test_a_port_outside_the_policy_is_never_connected_to(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(ok(b"x"))
    assert failure(fetcher(ports=frozenset({80, 443})), server.url).code == "refused_port"
    assert server.connections == 0


def test_an_inner_address_is_never_connected_to(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(ok(b"x"))
    refused = failure(fetcher(allowed_networks=()), f"http://intranet.example:{server.port}/a?sig=s3cret")
    assert refused.code == "refused_address" and refused.exit_code == 2
    assert "127.0.0.1" not in str(refused) and "s3cret" not in str(refused)
    assert server.connections == 0


def test_a_private_address_among_public_ones_refuses_the_host(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(ok(b"x"))
    one = fetcher(resolve=lambda host, port: ["127.0.0.1", "8.8.8.8", "10.0.0.7"])
    assert failure(one, f"http://mixed.example:{server.port}/").code == "refused_address"
    assert server.connections == 0


def test_a_name_that_changes_its_address_is_asked_once_a_hop(serve: Serve, fetcher: MakeFetcher) -> None:
    asked: list[str] = []

    def rebind(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    server = serve(ok(b"checked"), redirect("/again"))
    one = fetcher(resolve=rebind)
    assert one.fetch(f"http://rebind.example:{server.port}/").data == b"checked"
    assert asked == ["rebind.example"]
    assert failure(one, f"http://rebind.example:{server.port}/").code == "refused_address"
    assert len(asked) == 2 and len(server.requests) == 1


def test_a_hop_connects_to_the_address_that_was_checked(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(ok(b"second"), host="127.0.0.2")
    # localhost is 127.0.0.1, where nobody listens: only the checked address can answer.
    one = fetcher(resolve=lambda host, port: ["127.0.0.2"])
    assert one.fetch(f"http://localhost:{server.port}/").data == b"second"
    assert f"Host: localhost:{server.port}".encode() in server.requests[0]


def test_the_next_address_is_tried_when_one_takes_no_connection(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(ok(b"x"))
    one = fetcher(resolve=lambda host, port: ["127.0.0.3", "127.0.0.1"])
    assert one.fetch(f"http://two.example:{server.port}/").data == b"x"
    lonely = fetcher(resolve=lambda host, port: ["127.0.0.3"])
    assert failure(lonely, f"http://two.example:{server.port}/").code == "connection"


def test_an_unknown_host_and_a_slow_name_server(fetcher: MakeFetcher) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def slow(host: str, port: int) -> list[str]:
        time.sleep(2)
        return ["127.0.0.1"]

    assert failure(fetcher(resolve=unknown), "http://nowhere.example/").code == "unresolved"
    assert failure(fetcher(resolve=lambda host, port: []), "http://nowhere.example/").code == "unresolved"
    began = time.monotonic()
    assert failure(fetcher(resolve=slow, timeout_s=0.2), "http://slow.example/").code == "timeout"
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://169.254.169.254/latest/meta-data/", "refused_address"),
        ("http://metadata.example/", "refused_address"),
        ("//[::1]:80/", "refused_address"),
        ("file:///etc/passwd", "refused_scheme"),
        ("gopher://127.0.0.1/", "refused_scheme"),
        ("http://user:pass@127.0.0.1/", "bad_url"),
        ("http://[broken/", "bad_url"),
    ],
)
def test_a_redirect_is_checked_like_a_url(serve: Serve, fetcher: MakeFetcher, location: str, code: str) -> None:
    names = {"metadata.example": ["169.254.169.254"]}
    server = serve(redirect(location))
    refused = failure(fetcher(resolve=lambda host, port: names[host]), f"{server.url}/start?sig=s3cret")
    assert refused.code == code
    assert f"{server.url}/start" in str(refused) and "s3cret" not in str(refused) and "169.254" not in str(refused)


def test_a_redirect_to_a_port_outside_the_policy(serve: Serve, fetcher: MakeFetcher) -> None:
    inner = serve(ok(b"inner"))
    server = serve(redirect(f"{inner.url}/"))
    assert failure(fetcher(ports=frozenset({server.port})), server.url).code == "refused_port"
    assert inner.connections == 0


def test_a_redirect_loop_ends(serve: Serve, fetcher: MakeFetcher) -> None:
    server = serve(redirect("/round"))
    assert failure(fetcher(), server.url).code == "too_many_redirects"
    assert len(server.requests) == 4
    assert failure(fetcher(redirects=0), server.url).code == "too_many_redirects"
    assert len(server.requests) == 5


def test_nothing_is_carried_from_one_hop_to_the_next(serve: Serve, fetcher: MakeFetcher) -> None:
    last = serve(ok(b"end"))
    first = serve(redirect("/here", "Set-Cookie: id=1; Path=/"), redirect(f"{last.url}/there"))
    found = fetcher().fetch(f"{first.url}/?sig=s3cret")
    assert found == Fetched(b"end", None, f"{last.url}/there")
    later = first.requests[1] + last.requests[0]
    for leak in (b"cookie", b"referer", b"authorization", b"s3cret"):
        assert leak not in later.lower()


def test_proxies_and_files_named_in_the_environment_are_ignored(
    serve: Serve,
    fetcher: MakeFetcher,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server = serve(ok(b"direct"))
    assert fetcher().fetch(server.url).data == b"direct"
    assert b"authorization" not in server.requests[0].lower()


def test_an_operator_widens_the_policy(tmp_path: Path, authority: tuple[Path, object]) -> None:
    environment = {
        "MEZZETIN_FETCH_NETWORKS": "10.1.0.0/16, fd12::/32,",
        "MEZZETIN_FETCH_PORTS": "8080",
        "MEZZETIN_FETCH_CA": str(authority[0]),
    }
    policy = policy_from_environment(environment)
    assert [str(network) for network in policy.allowed_networks] == ["10.1.0.0/16", "fd12::/32"]
    assert (policy.ports, policy.ca_file) == (frozenset({80, 443, 8080}), authority[0])
    assert policy_from_environment({}) == FetchPolicy()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEZZETIN_FETCH_NETWORKS", "10.1.2.3/16"),
        ("MEZZETIN_FETCH_NETWORKS", "inside"),
        ("MEZZETIN_FETCH_PORTS", "0"),
        ("MEZZETIN_FETCH_PORTS", "65536"),
        ("MEZZETIN_FETCH_PORTS", "80-90"),
        ("MEZZETIN_FETCH_CA", "/nowhere/authority.pem"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=name):
        policy_from_environment({name: value})


def test_a_ca_file_that_holds_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    with pytest.raises(InputError, match=r"empty\.pem"):
        Fetcher(FetchPolicy(ca_file=tmp_path / "empty.pem"))
