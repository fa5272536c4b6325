"""Entra by the real azure-identity: `az` on the path, `mezzetin login` and `logout`, and what a token then opens."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mezzetin
from mezzetin.cli import run
from mezzetin.errors import EnvironmentProblem, StoreRefused, StoreUnreachable
from mezzetin.storage.azure import credentials
from mezzetin.storage.paths import Place
from tests.azure.entra import EntraAzurite, bearer_token
from tests.azure.signin import CODE, WHO, SignIn


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A home of its own, no credentials, and no keyring of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    credentials.identity.cache_clear()
    yield
    credentials.identity.cache_clear()


@pytest.fixture
def entra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    """Entra's stand-in, where azure-identity goes; asking Microsoft whether it is genuine is left out."""
    interactive = credentials._interactive

    def here(**options: Any) -> Any:
        return interactive(**options, disable_instance_discovery=True)

    with SignIn(tmp_path / "entra") as server:
        monkeypatch.setattr(credentials, "_interactive", here)
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", server.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority))
        yield server


def az(folder: Path, token: str) -> None:
    """A program `az` that answers as the real one does, and keeps what it was asked."""
    folder.mkdir()
    answer = json.dumps({"accessToken": token, "expires_on": int(time.time()) + 3600, "tokenType": "Bearer"})
    (folder / "az").write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(folder / 'asked')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"print({answer!r})\n"
    )
    (folder / "az").chmod(0o755)


def trust(monkeypatch: pytest.MonkeyPatch, folder: Path, *authorities: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trusted.pem").write_bytes(b"".join(path.read_bytes() for path in authorities))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "trusted.pem"))
    monkeypatch.setenv("MEZZETIN_STORE_HOSTS", "127.0.0.1")


def test_az_login_opens_a_store(entra_azurite: EntraAzurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    container = entra_azurite.container()
    az(tmp_path / "bin", bearer_token(expires=int(time.time()) + 3600))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    trust(monkeypatch, tmp_path / "trust", entra_azurite.authority)
    (tmp_path / "a.jpg").write_bytes(b"one")
    address = f"{entra_azurite.endpoint}/{container}/deep/"
    assert mezzetin.store(tmp_path / "a.jpg", address).copied == 1
    assert entra_azurite.get(container, "deep/a.jpg") == b"one"
    assert Place.of(f"{address}a.jpg").read_bytes() == b"one"
    assert "--resource https://storage.azure.com" in (tmp_path / "bin" / "asked").read_text()
    checkup = mezzetin.doctor([address])
    assert checkup.exit_code == 0
    said = {one.name: one.says for one in checkup.findings}
    assert said["Azure"].startswith("signed in as ") and "DefaultAzureCredential" in said["who"]


def test_a_host_that_is_not_listed_gets_no_token(
    entra_azurite: EntraAzurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    az(tmp_path / "bin", bearer_token(expires=int(time.time()) + 3600))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    trust(monkeypatch, tmp_path / "trust", entra_azurite.authority)
    monkeypatch.delenv("MEZZETIN_STORE_HOSTS")
    container = entra_azurite.container()
    entra_azurite.put(container, "a.jpg", b"one")
    with pytest.raises((StoreRefused, FileNotFoundError)):
        Place.of(f"{entra_azurite.endpoint}/{container}/a.jpg").read_bytes()
    assert not (tmp_path / "bin" / "asked").exists()


def test_a_token_that_the_store_does_not_take(
    entra_azurite: EntraAzurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = bearer_token(expires=int(time.time()) + 3600, audience="https://vault.azure.net")
    az(tmp_path / "bin", token)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    trust(monkeypatch, tmp_path / "trust", entra_azurite.authority)
    with pytest.raises(StoreRefused) as caught:
        Place.of(f"{entra_azurite.endpoint}/{entra_azurite.container()}/a.jpg").read_bytes()
    assert token not in str(caught.value) and "\n" not in str(caught.value)


def test_nobody_is_signed_in(entra_azurite: EntraAzurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, tmp_path / "trust", entra_azurite.authority)
    with pytest.raises((StoreRefused, FileNotFoundError)):
        Place.of(f"{entra_azurite.endpoint}/{entra_azurite.container()}/a.jpg").read_bytes()
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "no-such-credential")
    credentials.identity.cache_clear()
    with pytest.raises(mezzetin.MezzetinError, match="AZURE_TOKEN_CREDENTIALS"):
        credentials.identity()


def test_login_by_a_code_then_a_store_then_logout(
    entra: SignIn,
    entra_azurite: EntraAzurite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    trust(monkeypatch, tmp_path / "trust", entra.authority, entra_azurite.authority)
    threading.Timer(0.3, entra.approve).start()
    assert run(["login", "--device-code", "--json"]) == 0
    out, err = capfd.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == [{"signed_in": WHO}]
    assert err.count("\n") == 1 and CODE in err and f"{entra.url}/device" in err
    assert entra.asked[0] == "device_code" and "c2VjcmV0" not in out + err

    container = entra_azurite.container()
    entra_azurite.put(container, "a.jpg", b"one")
    place = Place.of(f"{entra_azurite.endpoint}/{container}/a.jpg")
    assert place.read_bytes() == b"one"
    assert "mezzetin login" in credentials.access(place.address.endpoint, "").who
    assert set(entra.asked) <= {"device_code"}, "the token of the login was kept"

    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file() and path.stat().st_size]
    secret = [path for path in kept if b"c2VjcmV0" in path.read_bytes()]
    assert secret and all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in secret)
    assert b"c2VjcmV0" not in credentials.login_file().read_bytes()

    assert run(["logout"]) == 0
    assert capfd.readouterr().out == "signed out\n"
    assert not credentials.login_file().exists()
    assert [
        path for path in (tmp_path / "home").rglob("*") if path.is_file() and b"c2VjcmV0" in path.read_bytes()
    ] == []
    assert "mezzetin login" not in credentials.identity()[1]
    assert run(["logout", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"signed_out": False}


def test_a_sign_in_that_is_declined(entra: SignIn, capfd: pytest.CaptureFixture[str]) -> None:
    entra.refuse()
    assert run(["login", "--device-code"]) == 3
    out, err = capfd.readouterr()
    assert out == "" and err.splitlines()[-1] == "error: the sign-in was not completed: run mezzetin login again"
    assert err.count("\n") == 2 and not credentials.login_file().exists()


def test_ctrl_c_while_the_code_waits(
    entra: SignIn, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Interrupted:
        """msal's `time` alone: what patches the module itself reaches every thread of this process."""

        time = staticmethod(time.time)

        @staticmethod
        def sleep(seconds: float) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr("msal.oauth2cli.oauth2.time", Interrupted)
    assert run(["login", "--device-code"]) == 130
    out, err = capfd.readouterr()
    assert out == "" and CODE in err and err.endswith("stopped before the end\n")
    assert not credentials.login_file().exists()


def test_entra_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(StoreUnreachable, match="Entra does not answer"):
            credentials.login(
                device_code=True,
                tell=lambda text: None,
                options={"disable_instance_discovery": True, "retry_total": 0},
            )


def test_a_machine_without_a_browser(entra: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    class Waiting:
        """In place of azure-identity's own server for the browser's answer, which it leaves open in this case."""

        def __init__(self, host: str, port: int, timeout: int) -> None:
            self.port = port

    monkeypatch.setattr("webbrowser.open", lambda url: False)
    told: list[str] = []
    with pytest.raises(EnvironmentProblem, match="--device-code"):
        credentials.login(tell=told.append, options={"_server_class": Waiting})
    assert told == ["sign in in the browser that opens now"]


def test_a_result_that_can_not_be_kept(entra: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc")
    entra.approve()
    with pytest.raises(EnvironmentProblem, match="XDG_CONFIG_HOME"):
        credentials.login(device_code=True, tell=lambda text: None)
