"""Who may listen where: others are let in with keys and encryption only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mezzetin.cli import run
from mezzetin.errors import InputError
from mezzetin.serving.exposure import check_exposure, is_loopback
from mezzetin.serving.settings import ServeSettings

KEYS: dict[str, Any] = {"keys_file": Path("keys.json")}
TENANT = "11111111-2222-3333-4444-555555555555"
TLS: dict[str, Any] = {"tls_certificate": Path("c.pem"), "tls_key": Path("k.pem")}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST."])
def test_this_machine_is_open_to_itself(host: str) -> None:
    assert is_loopback(host)
    check_exposure(ServeSettings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "museum.example", "localhost.example", ""])  # noqa: S104
@pytest.mark.parametrize(
    ("given", "words"),
    [({}, "--keys"), (KEYS, "--tls-certificate"), (TLS, "--keys"), ({"behind_proxy": True}, "--keys")],
)
def test_others_need_keys_and_encryption(host: str, given: dict[str, Any], words: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(InputError, match=words):
        check_exposure(ServeSettings(host=host, **given))


@pytest.mark.parametrize("given", [KEYS | TLS, KEYS | {"behind_proxy": True}])
def test_with_both_it_starts(given: dict[str, Any]) -> None:
    check_exposure(ServeSettings(host="0.0.0.0", **given))  # noqa: S104


def test_the_command_says_in_one_line_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--host", "0.0.0.0", "--tls-certificate", "c.pem", "--tls-key", "k.pem"]) == 2  # noqa: S104
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "mezzetin keys add" in said


def test_half_a_certificate_is_refused_everywhere() -> None:
    with pytest.raises(InputError, match="two files"):
        check_exposure(ServeSettings(tls_certificate=Path("c.pem")))


def test_a_gateway_that_asks_takes_the_place_of_keys_and_tls() -> None:
    check_exposure(ServeSettings(host="0.0.0.0", behind_gateway=True))  # noqa: S104


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (KEYS, "so would this server"),
        ({"entra_tenant": "t", "entra_audiences": ("a",)}, "so would this server"),
        ({"tls_key": Path("k.pem")}, "two files"),
    ],
)
def test_a_gateway_and_a_door_of_ones_own_are_one_too_many(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_exposure(ServeSettings(behind_gateway=True, **given))


def test_behind_a_gateway_nobody_reviews(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a review needs names"):
        check_exposure(ServeSettings(behind_gateway=True, collection=tmp_path / "own.collection"))


def test_the_usual_keys_count_unless_a_gateway_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MEZZETIN_SERVE_KEYS", str(tmp_path / "none.json"))
    assert run(["serve", "--host", "0.0.0.0", "--behind-proxy"]) == 2  # noqa: S104
    assert "none.json" in capsys.readouterr().err
    monkeypatch.setenv("MEZZETIN_BEHIND_GATEWAY", "true")
    assert run(["serve", "--host", "0.0.0.0", "--keys", "keys.json"]) == 2  # noqa: S104
    assert "so would this server" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"behind_proxy": True}, "a proxy passes on"),
        ({"entra_tenant": TENANT}, "--entra-audience"),
        ({"entra_audiences": ("a",)}, "--entra-tenant"),
        ({"host": "0.0.0.0", "entra_tenant": TENANT, "entra_audiences": ("a",)}, "encrypts"),  # noqa: S104
    ],
)
def test_settings_that_expose(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_exposure(ServeSettings(**given))
