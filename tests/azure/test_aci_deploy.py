"""Target `aci`: the real SDK against the local Resource Manager, and a real server behind the endpoint."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mezzetin.bundle import bundled_captioner
from mezzetin.deployment.aci import AciTarget
from mezzetin.deployment.aci_client import Groups
from mezzetin.deployment.aci_settings import AciSettings
from mezzetin.deployment.base import Answered, Wanted
from mezzetin.errors import EnvironmentProblem, InputError, StoreRefused
from mezzetin.records import Progress
from mezzetin.serving.keys import add_key
from tests.azure.arm.faults import Answer
from tests.azure.arm.server import SUBSCRIPTION, ArmServer, Call
from tests.azure.entra import Signed
from tests.roads.serve_process import Served, serving

IMAGE = "museum.azurecr.io/mezzetin:1"
PUT = ("PUT", r"containerGroups/")
SECRET = "not-for-anybodys-eyes"  # noqa: S105


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Groups, "interval", 0.05)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AZURE_FILES_KEY", SECRET)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of keys for the server of this module and all deployments of its tests."""
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    add_key("archive", file)
    return file


@pytest.fixture(scope="module")
def server(keys: Path) -> Iterator[Served]:
    with serving(keys_file=str(keys)) as served:
        yield served


class Site:
    """A resource group, and where its container groups are reached."""

    def __init__(self, arm: ArmServer, keys: Path, address: str) -> None:
        self.arm, self.address, self.trial = arm, address, address
        arm.group("museum")
        self.values: dict[str, Any] = {
            "subscription": SUBSCRIPTION,
            "resource_group": "museum",
            "location": "westeurope",
            "dns_label": "captions",
            "share": "caddy",
            "share_account": "museumfiles",
            "keys": keys,
            "endpoint": arm.url,
            "wait": 2.0,
        }

    def target(self, **changes: Any) -> AciTarget:
        def reach(group: Mapping[str, Any]) -> str:
            return self.trial if group["name"].endswith("-trial") else self.address

        settings = AciSettings.model_validate({**self.values, **changes})
        return AciTarget(settings, credential=Signed(audience="https://management.azure.com"), reach=reach)

    def deploy(self, **changes: Any) -> Answered:
        return self.target(**changes).deploy(wanted(), ignore)

    def changes(self, since: int = 0) -> list[tuple[str, str]]:
        """What was changed, by method and name."""
        return [(call.method, call.path.rsplit("/", 1)[1]) for call in self.arm.changes(since) if call.status < 300]


@pytest.fixture
def site(arm: ArmServer, keys: Path, server: Served) -> Site:
    return Site(arm, keys, server.address)


def ignore(progress: Progress) -> None:
    pass


def wanted(**changes: Any) -> Wanted:
    return Wanted(**{"name": "pictures", "bundle": bundled_captioner(), "model": "bundled", "image": IMAGE, **changes})


def test_a_group_with_tls_in_front_is_made_and_answers(site: Site) -> None:
    answered = site.deploy(environment={"TZ": "UTC"})
    (put,) = [call for call in site.arm.requests if call.method == "PUT" and "containerGroups" in call.path]
    body: dict[str, Any] = put.body
    captions, proxy = body["properties"]["containers"]
    assert answered.deployment.state == "serving"
    assert answered.deployment.url == "https://captions.westeurope.azurecontainer.io"
    assert answered.caption.endswith(".")
    assert captions["properties"]["image"] == IMAGE
    assert "ports" not in captions["properties"]
    assert body["properties"]["ipAddress"]["dnsNameLabel"] == "captions"
    assert [port["port"] for port in body["properties"]["ipAddress"]["ports"]] == [80, 443]
    assert captions["properties"]["livenessProbe"]["httpGet"] == {"path": "/livez", "port": 8000, "scheme": "http"}
    assert proxy["properties"]["image"].startswith("docker.io/library/caddy:")
    volumes = {volume["name"]: volume for volume in body["properties"]["volumes"]}
    kept = json.loads(base64.b64decode(volumes["keys"]["secret"]["keys.json"]))
    assert {key["name"] for key in kept["keys"]} >= {"archive", "deploy-pictures"}
    assert volumes["certificates"]["azureFile"]["storageAccountKey"] == SECRET
    assert b"captions.westeurope.azurecontainer.io" in base64.b64decode(volumes["caddyfile"]["secret"]["Caddyfile"])


def test_the_same_deployment_again_changes_nothing(site: Site) -> None:
    site.deploy()
    before = len(site.arm.requests)
    site.deploy()
    assert site.changes(before) == []


def test_a_new_version_is_tried_beside_the_old_one_before_that_is_touched(site: Site) -> None:
    site.deploy()
    before = len(site.arm.requests)
    site.deploy(environment={"TZ": "UTC"})
    assert site.changes(before) == [("PUT", "pictures-trial"), ("DELETE", "pictures-trial"), ("PUT", "pictures")]


def test_a_version_that_does_not_answer_on_trial_leaves_the_old_one_untouched(site: Site) -> None:
    site.deploy()
    site.trial = "http://127.0.0.1:9"
    before = len(site.arm.requests)
    with pytest.raises(EnvironmentProblem, match="the version before goes on serving"):
        site.deploy(environment={"TZ": "UTC"}, wait=0.3)
    assert site.changes(before) == [("PUT", "pictures-trial"), ("DELETE", "pictures-trial")]


def test_a_group_that_fails_after_its_trial_is_put_back_with_its_secrets(site: Site) -> None:
    site.deploy()
    before = len(site.arm.requests)
    site.arm.faults.fail_provisioning(r"containerGroups/pictures$", "InaccessibleImage", "the image can't be pulled")
    with pytest.raises(EnvironmentProblem, match=r"the version before serves again: .*the image can't be pulled"):
        site.deploy(environment={"TZ": "UTC"})
    last = [call for call in site.arm.changes(before) if call.method == "PUT"][-1].body
    assert last["properties"]["containers"][0]["properties"].get("environmentVariables", []) == []
    volumes = {volume["name"]: volume for volume in last["properties"]["volumes"]}
    assert volumes["certificates"]["azureFile"]["storageAccountKey"] == SECRET
    assert volumes["keys"]["secret"]["keys.json"]
    assert site.target().deployments()[0].state == "serving"


def test_other_sizes_need_a_group_made_anew(site: Site) -> None:
    site.deploy()
    before = len(site.arm.requests)
    site.deploy(cpu=3)
    assert site.changes(before)[2:] == [("DELETE", "pictures"), ("PUT", "pictures")]


def test_refusals_that_pass_are_waited_for(site: Site) -> None:
    site.arm.slow("PUT", r".*/containerGroups/[^/]+", polls=2)
    site.arm.faults.conflict(*PUT)
    site.arm.faults.throttle(*PUT)
    site.arm.faults.expire_token(*PUT)
    assert site.deploy().deployment.state == "serving"


def test_a_group_that_is_not_provisioned_says_why(site: Site) -> None:
    site.arm.faults.fail_provisioning(*PUT[1:], "InaccessibleImage", "the image can't be pulled")
    with pytest.raises(EnvironmentProblem, match=r"InaccessibleImage: .*the image can't be pulled"):
        site.deploy()
    assert site.deploy().deployment.state == "serving"


def test_a_container_that_keeps_ending_is_not_waited_for(site: Site) -> None:
    site.deploy()

    def crashing(call: Call) -> Answer | None:
        if call.path in site.arm.resources:
            found = site.arm.resources[call.path]["properties"]["containers"][0]
            found["properties"]["instanceView"] = {"restartCount": 3}
        return None

    site.arm.handle("GET", r".*/containerGroups/pictures-trial", crashing)
    site.arm.handle("GET", r".*/containers/captions/logs", lambda call: Answer(200, {"content": "no model\n\n"}))
    with pytest.raises(EnvironmentProblem, match="container captions ended 3 times: no model"):
        site.deploy(environment={"TZ": "UTC"})


def test_a_deployment_that_was_killed_goes_on(site: Site, keys: Path, server: Served) -> None:
    """The process is killed while Azure still makes the group: the same call finds it and makes nothing twice."""
    site.arm.slow("PUT", r".*/containerGroups/[^/]+", polls=40)
    program = f"""
import os, signal, threading
from pathlib import Path
from tests.azure.test_aci_deploy import Signed, AciTarget, AciSettings, Groups, wanted
Groups.interval = 0.05
settings = AciSettings.model_validate({ {**site.values, "keys": str(keys)}!r})
def report(progress):
    os.kill(os.getpid(), signal.SIGKILL)
AciTarget(settings, credential=Signed(), reach=lambda group: {server.address!r}).deploy(wanted(), report)
"""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", program], check=False, cwd=root, env=environment, capture_output=True)
    assert done.returncode == -9, done.stderr
    before = len(site.arm.requests)
    assert site.deploy(wait=30.0).deployment.state in ("serving", "starting")
    assert site.changes(before) == []


def test_a_plan_asks_nobody_and_shows_no_secret(site: Site) -> None:
    steps = site.target(acr_username="puller", acr="museum", log_workspace="w", secrets=("PATH",)).plan(wanted())
    assert site.arm.requests == []
    shown = repr(steps)
    assert [step.verb for step in steps] == ["write", "PUT", "POST", "DELETE", "PUT", "POST"]
    assert SECRET not in shown and os.environ["PATH"] not in shown
    assert shown.count("(secret)") >= 4


def test_a_plan_is_what_is_sent(site: Site) -> None:
    planned = site.target().plan(wanted())[-2].body
    site.deploy()
    (sent,) = [call.body for call in site.arm.changes() if "containerGroups" in call.path]
    assert isinstance(planned, Mapping)
    before, after = planned["properties"]["containers"], sent["properties"]["containers"]
    assert before == after


def test_what_is_deployed_is_listed_and_removed(site: Site) -> None:
    site.deploy()
    (found,) = site.target().deployments()
    assert (found.name, found.state, found.model) == ("pictures", "serving", "bundled")
    assert "$(cat " in found.details["curl"]
    site.target().undeploy("pictures")
    assert site.target().deployments() == []
    with pytest.raises(InputError, match="there is no deployment pictures"):
        site.target().undeploy("pictures")


def test_a_group_of_somebody_else_is_left_alone(site: Site) -> None:
    site.deploy()
    (path,) = [call.path for call in site.arm.changes() if call.path.endswith("/pictures")]
    site.arm.resources[path]["tags"] = {"owner": "somebody"}
    before = len(site.arm.requests)
    with pytest.raises(InputError, match="none of Mezzetin's"):
        site.deploy()
    with pytest.raises(InputError, match="none of Mezzetin's"):
        site.target().undeploy("pictures")
    assert site.changes(before) == []


def test_a_missing_resource_group_and_right_are_named(site: Site) -> None:
    with pytest.raises(InputError, match="no such resource group"):
        site.deploy(resource_group="elsewhere")
    site.arm.faults.answer(*PUT, Answer(403, {"error": {"code": "AuthorizationFailed", "message": "no"}}))
    with pytest.raises(StoreRefused, match="AuthorizationFailed"):
        site.deploy()


def test_a_deployment_made_elsewhere_wants_its_keys(site: Site) -> None:
    site.deploy()
    with pytest.raises(InputError, match="--set keys=FILE"):
        site.deploy(keys=None)
