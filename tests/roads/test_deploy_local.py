"""`mezzetin deploy local` as a person types it: real processes, real requests, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin.bundle import bundled_captioner, publish
from mezzetin.deployment.process import Run
from mezzetin.serving.keys import add_key, list_keys

PATIENCE_S = 60.0


class Machine:
    """A machine's state, in a folder; whatever is deployed there is stopped at the end."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.environment = {**os.environ, "XDG_STATE_HOME": str(self.state), "OMP_NUM_THREADS": "1"}

    def folder(self, name: str = "pictures") -> Path:
        return self.state / "mezzetin" / "deployments" / "local" / name

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "mezzetin", *arguments, "--json"]

    def run(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """Run a command line and return the objects that it prints."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def deploy(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        options = ("--name", "pictures", "--set", "decoders=1", "--set", "drain=5")
        (answer,) = self.run("deploy", "local", *options, *arguments, code=code)
        return answer

    def pid(self, name: str = "pictures") -> int:
        return int(json.loads((self.folder(name) / "run" / "process.json").read_text())["server"])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    for folder in (made.folder().parent).glob("*/*"):
        Run(folder).stop(0.0)


def asked(line: str) -> dict[str, Any]:
    """What a printed command line answers."""
    done = subprocess.run(line, shell=True, capture_output=True, check=True, text=True)  # noqa: S602 - it is ours
    return dict(json.loads(done.stdout))


def ended(run: Run) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while run.alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def broken_bundle(folder: Path) -> Path:
    """A bundle that opens and verifies, whose decoder is none."""
    return publish(bundled_captioner(), folder, {"decoder.onnx": b"no graph"}).folder


def test_an_endpoint_outlives_the_command_and_its_curl_line_works(machine: Machine) -> None:
    made = machine.deploy()
    assert asked(made["curl"])["results"][0]["caption"]["text"] == made["caption"]
    (listed,) = machine.run("deployments", "local")
    assert (listed["state"], listed["url"]) == ("serving", made["url"])
    assert machine.run("undeploy", "local", "pictures") == [{"name": "pictures", "target": "local", "removed": True}]
    assert machine.run("deployments") == []
    assert not machine.folder().exists()


def test_the_same_call_changes_nothing_and_other_settings_keep_the_address(machine: Machine) -> None:
    made, first = machine.deploy(), machine.pid()
    assert machine.deploy()["url"] == made["url"]
    assert machine.pid() == first
    assert machine.deploy("--set", "beam=2")["url"] == made["url"]
    assert machine.pid() != first


def test_a_version_that_gives_no_caption_leaves_the_old_one_serving(machine: Machine, tmp_path: Path) -> None:
    made, first = machine.deploy(), machine.pid()
    failed = machine.deploy("--model", str(broken_bundle(tmp_path / "broken")), code=3)
    assert "the version before goes on serving" in failed["error"]["message"]
    (listed,) = machine.run("deployments", "local")
    assert (listed["state"], listed["digest"], machine.pid()) == ("serving", made["digest"], first)


def test_a_first_version_that_gives_no_caption_is_not_left_running(machine: Machine, tmp_path: Path) -> None:
    machine.deploy("--model", str(broken_bundle(tmp_path / "broken")), code=3)
    (listed,) = machine.run("deployments", "local")
    assert listed["state"] == "failed" and listed["details"]["last line"]
    assert machine.deploy()["state"] == "serving"


def test_a_crashed_server_is_failed_with_its_last_line_and_deploy_brings_it_back(machine: Machine) -> None:
    made = machine.deploy()
    os.kill(machine.pid(), signal.SIGKILL)
    ended(Run(machine.folder() / "run"))
    (listed,) = machine.run("deployments", "local")
    assert listed["state"] == "failed"
    assert listed["details"]["last line"]
    assert machine.deploy()["url"] == made["url"]


def test_a_server_whose_keeper_is_killed_ends_too(machine: Machine) -> None:
    machine.deploy()
    facts = Run(machine.folder() / "run").facts("process.json")
    os.kill(facts["keeper"], signal.SIGKILL)
    ended(Run(machine.folder() / "run"))
    assert machine.run("deployments", "local")[0]["state"] == "failed"


def test_a_stale_file_with_somebody_elses_number_deceives_nobody(machine: Machine) -> None:
    machine.deploy()
    run = Run(machine.folder() / "run")
    run.stop(5.0)
    with subprocess.Popen(["sleep", "60"]) as other:
        # As after a reboot: the number that the file names is another program's now.
        (run.folder / "process.json").write_text(json.dumps({"keeper": other.pid, "server": other.pid}))
        assert machine.run("deployments", "local")[0]["state"] == "failed"
        machine.run("undeploy", "local", "pictures")
        assert other.poll() is None
        other.kill()


def test_a_deployment_that_was_killed_goes_on(machine: Machine) -> None:
    options = ("deploy", "local", "--name", "pictures", "--set", "decoders=1", "--set", "drain=5")
    with subprocess.Popen(machine.command(*options), env=machine.environment, stdout=subprocess.DEVNULL) as deploying:
        run = Run(machine.folder() / "run")
        deadline = time.monotonic() + PATIENCE_S
        while not run.alive():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        deploying.kill()
    first = machine.deploy()
    assert first["state"] == "serving"
    assert machine.run("deployments", "local")[0]["details"]["pid"] == str(machine.pid())


def test_of_two_deployments_at_once_one_is_told_to_wait(machine: Machine) -> None:
    command = machine.command("deploy", "local", "--name", "pictures", "--set", "decoders=1")
    both = [subprocess.Popen(command, env=machine.environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 3]), said
    if codes == [0, 3]:
        assert any("being changed by another command" in text for text in said)
    assert [found["state"] for found in machine.run("deployments", "local")] == ["serving"]


def test_a_port_that_is_taken_is_named_in_the_error(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = machine.deploy("--set", f"port={port}", code=3)
    assert f"127.0.0.1:{port} can't be listened on" in answer["error"]["message"]


def test_with_keys_the_smoke_test_has_one_of_its_own(machine: Machine, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    archive = add_key("archive", keys)
    made = machine.deploy("--set", f"keys={keys}")
    shown = json.dumps(made)
    own = (machine.folder() / "key").read_text().strip()
    assert own not in shown and archive not in shown
    assert (machine.folder() / "key").stat().st_mode & 0o077 == 0
    assert asked(made["curl"].replace("$(cat ", "$(echo "))["error"]["code"] == "unauthorized"
    assert asked(made["curl"])["results"][0]["caption"]["text"] == made["caption"]
    machine.run("undeploy", "local", "pictures")
    assert {key.name: bool(key.revoked) for key in list_keys(keys)} == {"archive": False, "deploy-pictures": True}


def test_a_dry_run_makes_nothing(machine: Machine) -> None:
    steps = machine.run("deploy", "local", "--name", "pictures", "--dry-run")
    assert [step["verb"] for step in steps] == ["write", "write", "run", "POST"]
    assert not machine.state.exists()
