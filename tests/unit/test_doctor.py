"""`mezzetin doctor`: findings about the machine and places on its disk."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin import __version__, doctor
from mezzetin.checkup import cloud, examination, machine
from mezzetin.checkup.findings import Checkup, Finding
from mezzetin.errors import InputError
from mezzetin.storage.azure.credentials import identity


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No credentials, no network: the hub is a closed port of this machine."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "AWS_", "GOOGLE_", "DATABRICKS_", "HF_", "MEZZETIN_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    identity.cache_clear()
    yield
    identity.cache_clear()


def program(folder: Path, name: str, says: str, code: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!{sys.executable}\nprint({says!r})\nraise SystemExit({code})\n")
    (folder / name).chmod(0o755)


def found(checkup: Checkup, name: str) -> Finding:
    (one,) = (finding for finding in checkup.findings if finding.name == name)
    return one


def test_this_machine() -> None:
    checkup = doctor()
    assert checkup.exit_code == 0
    assert found(checkup, "Mezzetin").says == __version__
    assert re.match(r"\d+\.\d+.* with .*CPUExecutionProvider", found(checkup, "ONNX Runtime").says)
    assert "libvips" in found(checkup, "pictures").says
    assert re.search(r"[1-9].* free in ", found(checkup, "cache").says)
    assert re.fullmatch(r"[\d,.]+ [MG]B", found(checkup, "memory").says)
    assert found(checkup, "model hub").state == "note" and "offline" in found(checkup, "model hub").says
    assert found(checkup, "Azure").state == "note" and "mezzetin login" in found(checkup, "Azure").advice
    assert json.loads(json.dumps(checkup.to_json()))["exit_code"] == 0
    assert all("\n" not in line for line in checkup.lines())


def test_every_extra_of_the_package_and_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from email.message import Message

    facts = Message()
    for name in ("have", "old", "lack", "all"):
        facts["Provides-Extra"] = name
    for line in (
        "pytest>=1; extra == 'have'",
        "pytest>=999.1; extra == 'old'",
        "mezzetin-no-such-package>=1; extra == 'lack'",
        "mezzetin[have,lack]; extra == 'all'",
        "another-that-is-base>=3",
    ):
        facts["Requires-Dist"] = line
    monkeypatch.setattr(machine, "metadata", lambda name: facts)
    told: list[Finding] = []
    machine.extras(told.append)
    assert [(one.name, one.state) for one in told] == [
        ("have", "ok"),
        ("old", "note"),
        ("lack", "note"),
        ("all", "note"),
    ]
    assert "needed is 999.1" in told[1].says
    assert "mezzetin-no-such-package" in told[2].says and told[2].advice == "pip install 'mezzetin[lack]'"
    assert "mezzetin-no-such-package" in told[3].says


def test_a_runtime_that_does_not_load_is_the_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_ONNX", "raise SystemExit(1)")
    checkup = doctor()
    assert found(checkup, "ONNX Runtime").state == "no"
    assert checkup.exit_code == 3


def test_gpu_and_java_by_what_their_programs_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "nvidia-smi", "NVIDIA H100, 81559 MiB")
    program(tmp_path / "bin", "java", "openjdk version 17\nmore")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(machine, "_TORCH", "print('usable by torch 2')")
    told: list[Finding] = []
    machine.gpu(told.append)
    machine.java(told.append)
    says = {one.name: (one.state, one.says) for one in told}
    assert says["GPU"] == ("ok", "NVIDIA H100, 81559 MiB")
    assert says["Java"] == ("ok", "openjdk version 17")
    program(tmp_path / "bin", "nvidia-smi", "driver mismatch", code=9)
    program(tmp_path / "bin", "java", "", code=1)
    told.clear()
    machine.gpu(told.append)
    machine.java(told.append)
    assert [one.state for one in told] == ["note", "note"]


def test_a_hub_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MEZZETIN_FETCH_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("MEZZETIN_FETCH_PORTS", str(port))
    thread = threading.Thread(target=answer)
    thread.start()
    told: list[Finding] = []
    cloud.hub(told.append)
    thread.join()
    listener.close()
    assert [(one.state, one.says) for one in told] == [("ok", "reached")]


def test_variables_are_named_and_never_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=c2VjcmV0")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "c2VjcmV0")
    checkup = doctor(["az://pictures"])
    assert "AWS_SECRET_ACCESS_KEY, AZURE_STORAGE_CONNECTION_STRING" in found(checkup, "variables").says
    assert "c2VjcmV0" not in json.dumps(checkup.to_json())
    assert found(checkup, "reach").state == "no"


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ('{"upn": "iris@museum.example", "tid": "t1"}', "iris@museum.example, tenant t1"),
        ('{"appid": "app1"}', "app1"),
        ("{}", "somebody (the token does not say who)"),
        ("[1]", "somebody (the token does not say who)"),
        ("not JSON", "somebody (the token does not say who)"),
    ],
)
def test_whom_a_token_names(claims: str, says: str) -> None:
    import base64

    body = base64.urlsafe_b64encode(claims.encode()).rstrip(b"=").decode()
    assert cloud.bearer(f"head.{body}.c2VjcmV0") == says
    assert cloud.bearer("c2VjcmV0") == "somebody (the token does not say who)"


def states(checkup: Checkup, place: object) -> dict[str, str]:
    return {finding.name: finding.state for finding in checkup.findings if finding.group == str(place)}


def test_places_on_the_disk(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.jpg").write_bytes(b"1")
    checkup = doctor([folder, folder / "deep" / "a.jpg", tmp_path / "none"], write=True)
    assert checkup.exit_code == 3
    assert states(checkup, folder) == {"who": "note", "exists": "ok", "list": "ok", "read": "ok", "write": "ok"}
    assert states(checkup, folder / "deep" / "a.jpg")["read"] == "ok"
    assert states(checkup, tmp_path / "none")["exists"] == "no"
    assert [path.name for path in folder.rglob("*")] == ["deep", "a.jpg"]
    assert doctor([folder]).exit_code == 0
    assert not (tmp_path / "none").exists()


def test_a_place_that_works_in_part() -> None:
    # Even root can't write there.
    checkup = doctor(["/proc/self/task"], write=True)
    assert (states(checkup, "/proc/self/task")["write"], checkup.exit_code) == ("no", 1)


def test_a_path_of_databricks_elsewhere_says_how_to_write_it() -> None:
    (finding,) = (one for one in doctor(["/Volumes/main/x"]).findings if one.state == "no")
    assert "dbfs:/" in finding.advice


def test_a_place_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(place: object, tell: Any, *, write: bool) -> None:
        tell(Finding(str(place), "who", "note", "somebody"))
        release.wait(30)

    monkeypatch.setattr("mezzetin.checkup.examination.look_at", hang)
    monkeypatch.setattr(examination, "_PLACE_S", 1.0)
    begin = time.monotonic()
    checkup = doctor([tmp_path])
    assert time.monotonic() - begin < 20
    assert states(checkup, tmp_path) == {"who": "note", "reach": "no"}
    assert "no answer in 1 seconds" in found(checkup, "reach").says
    release.set()


def test_a_slip_of_ours_is_no_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slip(place: object, tell: Any, *, write: bool) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mezzetin.checkup.examination.look_at", slip)
    with pytest.raises(ZeroDivisionError):
        doctor([tmp_path])


def test_an_address_of_no_known_kind_is_the_users_error() -> None:
    with pytest.raises(InputError):
        doctor(["ftp://host/pictures"])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mezzetin.cli import run

    assert run(["doctor", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"\n{tmp_path}\n" in out and re.search(r"^  ok  exists +a folder$", out, re.MULTILINE)
    assert run(["doctor", str(tmp_path / "none"), "--json"]) == 3
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["exit_code"] == 3
