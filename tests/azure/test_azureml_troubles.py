"""Target `azureml` when things go wrong: whatever fails, is in the way or breaks off, the old version keeps serving."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mezzetin.bundle import Bundle
from mezzetin.errors import EnvironmentProblem, InputError, StoreRefused
from mezzetin.records import Progress
from tests.azure.arm.faults import Answer, refusal
from tests.azure.arm.machinelearning import shown
from tests.azure.azureml_rollouts import (
    NAME,
    bundle,
    deploy,
    deployed,
    name_of,
    other,
    scoring,
    served,
    target,
    traffic,
    wanted,
)
from tests.azure.azureml_world import World, named_azurite, world

__all__ = ["bundle", "named_azurite", "other", "scoring", "served", "world"]


def test_a_version_that_has_no_caption_gets_no_requests(
    served: World, bundle: Bundle, other: Bundle, scoring: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    deploy(served, bundle)
    old, new = name_of(served, bundle), name_of(served, other)
    served.azureml.backend = lambda deployment: "http://127.0.0.1:9" if deployment["name"] == new else scoring
    with pytest.raises(EnvironmentProblem, match=f"gave no caption.*{old} still serves; the log of {new}") as caught:
        deploy(served, other)
    assert traffic(served) == {old: 100} and deployed(served) == [old] and "\n" not in str(caught.value)
    assert (tmp_path / "mezzetin" / "deployments" / "azureml" / f"{NAME}.log").read_text() == "started\nout of memory\n"
    served.azureml.backend = lambda deployment: scoring
    deploy(served, other)
    assert traffic(served) == {new: 100}


def test_a_provisioning_that_fails_leaves_the_old_version(
    served: World, bundle: Bundle, other: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    deploy(served, bundle)
    served.arm.faults.fail_provisioning(f"deployments/{name_of(served, other)}", "OutOfQuota", "Not enough quota.")
    with pytest.raises(EnvironmentProblem, match=r"Not enough quota.* still serves") as caught:
        deploy(served, other)
    assert "\n" not in str(caught.value)
    assert traffic(served) == {name_of(served, bundle): 100} and deployed(served) == [name_of(served, bundle)]


def test_what_is_in_the_way_is_waited_for(served: World, bundle: Bundle) -> None:
    served.arm.faults.conflict("PUT", f"onlineEndpoints/{NAME}$", times=2)
    served.arm.faults.throttle("PUT", "/deployments/", retry_after=1)
    served.arm.faults.expire_token("PUT", "/environments/")
    served.arm.faults.reset("GET", f"onlineEndpoints/{NAME}$")
    deploy(served, bundle)
    puts = [(call.path.split("/")[-2], call.status) for call in served.arm.requests if call.method == "PUT"]
    assert puts.count(("onlineEndpoints", 409)) == 2 and ("environments" not in dict(puts))
    throttled = [call for call in served.arm.requests if call.status == 429]
    assert len(throttled) == 1 and traffic(served) == {name_of(served, bundle): 100}
    assert [call.status for call in served.arm.requests if "/environments/" in call.path and call.changes] == [401, 201]


def test_a_call_that_was_cut_off_goes_on(served: World, bundle: Bundle, other: Bundle) -> None:
    deploy(served, bundle)
    new = name_of(served, other)

    class Killed(BaseException):
        pass

    for task in (f"wait for the deployment {new}", "smoke test", "traffic"):

        def cut(progress: Progress, task: str = task) -> None:
            if task in (progress.task, progress.note):
                raise Killed

        with pytest.raises(Killed):
            target(served).deploy(wanted(other), cut)
        assert traffic(served) == {name_of(served, bundle): 100}
    asked = len(served.arm.requests)
    deploy(served, other)
    assert [shown(call) for call in served.arm.changes(asked)] == [
        f'PUT onlineEndpoints/{NAME} {{"{new}": 100}}',
        f"DELETE deployments/{name_of(served, bundle)}",
    ]


#: A process of its own that deploys and tells each step on a line; in the one that it is told it stays.
DEPLOYING = """
import socket, sys, time
from pathlib import Path
from mezzetin.bundle import Bundle
from mezzetin.deployment.azureml import AzureMLSettings, AzureMLTarget
from mezzetin.deployment.base import Wanted
from tests.azure.arm.cloud import resolve_localhost
from tests.azure.entra import Signed

def report(progress):
    print(progress.task, "/", progress.note, flush=True)
    if sys.argv[3] in (progress.task, progress.note):
        time.sleep(60)

socket.getaddrinfo = resolve_localhost
settings = AzureMLSettings.model_validate_json(sys.argv[1])
target = AzureMLTarget(settings, Signed(), pause=0.02)
target.deploy(Wanted("captions", Bundle.open(Path(sys.argv[2])), "captioner@champion"), report)
"""


def killed_at(world: World, bundle: Bundle, step: str) -> None:
    """Deploy in a process that dies (SIGKILL) at a step."""
    settings = target(world).settings.model_dump_json()
    command = [sys.executable, "-c", DEPLOYING, settings, str(bundle.folder), step]
    root = Path(__file__).parents[2]
    variables = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, env=variables, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(step in line for line in lines), "it ended before"
        process.send_signal(signal.SIGKILL)
        process.wait(30)


def test_a_process_that_is_killed_is_followed_by_one_that_goes_on(served: World, bundle: Bundle, other: Bundle) -> None:
    deploy(served, bundle)
    old, new = name_of(served, bundle), name_of(served, other)
    killed_at(served, other, f"wait for the deployment {new}")
    assert traffic(served) == {old: 100} and sorted(deployed(served)) == sorted([old, new])
    asked = len(served.arm.requests)
    deploy(served, other)
    assert [shown(call) for call in served.arm.changes(asked)] == [
        f'PUT onlineEndpoints/{NAME} {{"{new}": 100}}',
        f"DELETE deployments/{old}",
    ]


def test_an_endpoint_of_somebody_else_is_left_alone(served: World, bundle: Bundle) -> None:
    path = f"{served.azureml.path}/onlineEndpoints/{NAME}"
    theirs = {"location": "westeurope", "tags": {}, "properties": {"authMode": "Key", "traffic": {}, "properties": {}}}
    served.arm.resources.add(path, theirs)
    with pytest.raises(InputError, match="Mezzetin did not make"):
        deploy(served, bundle)
    with pytest.raises(InputError, match="has no deployment"):
        target(served).undeploy(NAME)
    assert target(served).deployments() == [] and served.arm.changes() == []


def test_it_says_nothing(
    served: World, bundle: Bundle, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "azure.ai.ml"):
        deploy(served, bundle)
    assert capfd.readouterr() == ("", "")
    assert [record.message for record in caplog.records if record.name.startswith("azure.ai.ml")] == []


def test_who_may_not_is_told(served: World, bundle: Bundle) -> None:
    forbidden = refusal(403, "AuthorizationFailed", "No authorization to perform action 'write'.")
    served.arm.faults.answer("PUT", f"onlineEndpoints/{NAME}$", forbidden)
    with pytest.raises(StoreRefused, match="AzureML Data Scientist"):
        deploy(served, bundle)


def test_an_answer_that_is_no_json(served: World, bundle: Bundle) -> None:
    served.arm.faults.answer("GET", f"onlineEndpoints/{NAME}$", Answer(500, b"<html>", {}), times=9)
    with pytest.raises(EnvironmentProblem) as caught:
        deploy(served, bundle)
    assert "\n" not in str(caught.value)
