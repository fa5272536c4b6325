"""compose.yaml: valid, closed, and in step with the image and the server's options."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mezzetin.cli import app

ROOT = Path(__file__).parents[3]
FILE = ROOT / "compose.yaml"
DOCKERFILE = ROOT / "src" / "mezzetin" / "deployment" / "Dockerfile"
#: Members of a service in the compose specification; only those that the file uses, each with its type.
SERVICE = {
    "image": str,
    "command": list,
    "restart": str,
    "init": bool,
    "read_only": bool,
    "cap_drop": list,
    "cap_add": list,
    "security_opt": list,
    "pids_limit": int,
    "mem_limit": str,
    "tmpfs": list,
    "volumes": list,
    "secrets": list,
    "environment": dict,
    "healthcheck": dict,
    "stop_grace_period": str,
    "profiles": list,
    "depends_on": dict,
    "ports": list,
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    return dict(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def test_every_member_is_one_of_the_specification(compose: dict[str, Any]) -> None:
    assert set(compose) <= {"services", "volumes", "secrets"}
    for service in compose["services"].values():
        assert {name: type(value) for name, value in service.items()} == {name: SERVICE[name] for name in service}
        assert set(service.get("healthcheck", {})) <= {"test", "interval", "timeout", "start_period", "retries"}


def test_what_a_service_names_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        named = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert named <= set(compose["volumes"])
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        assert set(service.get("depends_on", ())) <= set(compose["services"])


def test_containers_may_do_as_little_as_possible(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    captions, tls = compose["services"]["captions"], compose["services"]["tls"]
    assert "ports" not in captions and "cap_add" not in captions
    assert tls["ports"] == ["80:80", "443:443"] and tls["profiles"] == ["tls"]


def test_the_server_is_started_with_options_that_it_has(compose: dict[str, Any]) -> None:
    command = compose["services"]["captions"]["command"]
    shown = CliRunner().invoke(app, ["serve", "--help"], terminal_width=200).output
    for option in command[1:]:
        assert re.search(rf"{option.partition('=')[0]}\b", shown), option
    assert "--keys=/run/secrets/keys" in command


def test_health_is_asked_as_the_image_asks_it(compose: dict[str, Any]) -> None:
    (*_, program) = compose["services"]["captions"]["healthcheck"]["test"]
    assert program in DOCKERFILE.read_text(encoding="utf-8")
    compile(program, "healthcheck", "exec")


@pytest.mark.parametrize("program", [["docker", "compose"], ["docker-compose"]], ids=" ".join)
def test_compose_itself_takes_it(program: list[str], tmp_path: Path) -> None:
    if not shutil.which(program[0]) or subprocess.run([*program, "version"], capture_output=True).returncode != 0:
        pytest.skip(f"there is no {' '.join(program)} here")
    command = [*program, "-f", str(FILE), "--profile", "tls", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
