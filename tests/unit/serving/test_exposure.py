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
