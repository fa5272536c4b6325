"""Deploying with the real kubectl to an API server on loopback; what would be the pods is a real server here.

A pod that is not there can't be forwarded to: `kubectl port-forward` is not tried.
"""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from mezzetin.bundle import Bundle, bundled_captioner, publish
from mezzetin.deployment import image
from mezzetin.deployment.base import Wanted
from mezzetin.deployment.kubernetes import KubernetesSettings, KubernetesTarget
from mezzetin.deployment.kubernetes.target import PROVEN
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress
from mezzetin.serving.keys import add_key
from tests.azure.arm.containerregistry import Registry
from tests.azure.arm.server import SUBSCRIPTION, ArmServer
from tests.azure.entra import Signed
from tests.roads.serve_process import Served, serving
from tests.unit.deployment.kubernetes_cluster import Cluster, cluster

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")
NAME = "lobby-mezzetin"


def silent(progress: Progress) -> None:
    pass


def wanted(image: str, bundle: Bundle | None = None) -> Wanted:
    return Wanted("lobby", bundle or bundled_captioner(), "tower@champion", image)


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """A server with the file of keys that the deployments use."""
    keys = tmp_path_factory.mktemp("pod") / "keys.json"
    add_key("somebody", keys)
    with serving(keys_file=str(keys), jobs=str(keys.parent / "jobs")) as served:
        yield served, keys


@pytest.fixture
def place(
    pod: tuple[Served, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Cluster, KubernetesTarget]]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    served, keys = pod
    with cluster() as there:
        settings = KubernetesSettings(
            kubeconfig=there.kubeconfig(tmp_path), namespace="captions", keys=keys, url=served.address, wait=20
        )
        yield there, KubernetesTarget(settings)


def test_a_deployment_is_made_listed_made_again_and_removed(place: tuple[Cluster, KubernetesTarget]) -> None:
    there, target = place
    answered = target.deploy(wanted("mezzetin:1"), silent)
    assert len(answered.caption.split()) > 3
    assert {kind for kind, _ in there.objects} >= {"deployments", "services", "networkpolicies", "secrets"}
    [listed] = target.deployments()
    assert listed == answered.deployment
    assert (listed.name, listed.model, listed.state) == ("lobby", "tower@champion", "serving")
    assert listed.digest == bundled_captioner().digest
    key = answered.key or ""
    keys = base64.b64decode(there.objects[("secrets", f"{NAME}-keys")]["data"]["keys.json"])
    assert json.loads(keys)["keys"][-1]["name"] == "deploy-lobby"
    assert key not in keys.decode()
    assert key not in str(listed)

    target.deploy(wanted("mezzetin:1"), silent)
    assert len(there.replica_sets(NAME)) == 1

    target.undeploy("lobby")
    assert there.objects == {}
    with pytest.raises(InputError, match="there is no deployment lobby"):
        target.undeploy("lobby")


def test_a_version_that_does_not_come_up_is_rolled_back(place: tuple[Cluster, KubernetesTarget]) -> None:
    there, target = place
    target.deploy(wanted("mezzetin:1"), silent)
    with pytest.raises(EnvironmentProblem, match="the version before goes on serving"):
        target.deploy(wanted("mezzetin:broken"), silent)
    deployment = there.objects[("deployments", NAME)]
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "mezzetin:1"
    [listed] = target.deployments()
    assert (listed.state, listed.details["image"]) == ("serving", "mezzetin:1")
    # Another try, after a roll-back, is a version like any other.
    target.deploy(wanted("mezzetin:2"), silent)
    assert target.deployments()[0].details["image"] == "mezzetin:2"


def test_an_image_with_another_model_is_rolled_back(place: tuple[Cluster, KubernetesTarget], tmp_path: Path) -> None:
    _, target = place
    target.deploy(wanted("mezzetin:1"), silent)
    other = publish(bundled_captioner(), tmp_path / "other", {"card.md": b"# Another\n"})
    with pytest.raises(EnvironmentProblem, match="serves the model"):
        target.deploy(wanted("mezzetin:2", other), silent)
    assert target.deployments()[0].digest == bundled_captioner().digest


def test_the_first_version_that_fails_stays_to_be_looked_at(place: tuple[Cluster, KubernetesTarget]) -> None:
    there, target = place
    with pytest.raises(EnvironmentProblem, match="describe deployment/lobby-mezzetin"):
        target.deploy(wanted("mezzetin:broken"), silent)
    assert target.deployments()[0].state == "failed"
    assert PROVEN not in there.objects[("deployments", NAME)]["metadata"]["annotations"]


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    with cluster() as gone:
        kubeconfig = gone.kubeconfig(tmp_path)
    target = KubernetesTarget(KubernetesSettings(kubeconfig=kubeconfig))
    with pytest.raises(EnvironmentProblem, match="kubectl get failed") as failed:
        target.deployments()
    assert "\n" not in str(failed.value)


def test_without_an_image_one_is_built_in_the_registry_and_only_once(
    place: tuple[Cluster, KubernetesTarget], pod: tuple[Served, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, _ = place
    monkeypatch.setattr(image, "time", SimpleNamespace(sleep=lambda seconds: None, monotonic=time.monotonic))
    with ArmServer() as arm:
        registry = Registry(arm)
        settings = KubernetesSettings(
            kubeconfig=there.kubeconfig(tmp_path),
            keys=pod[1],
            url=pod[0].address,
            acr="museum",
            subscription=SUBSCRIPTION,
            acr_resource_group="museum",
            endpoint=arm.url,
        )
        target = KubernetesTarget(settings, credential=Signed(audience=arm.url))
        ours = Wanted("lobby", bundled_captioner(), "tower@champion")
        steps = target.plan(ours)
        assert arm.requests == []
        assert [step.verb for step in steps[:3]] == ["POST", "PUT", "POST"]
        for _ in range(2):
            running = target.deploy(ours, silent).deployment.details["image"]
        (task,) = registry.tasks
    assert running == f"museum.azurecr.io/{task['imageNames'][0]}"
    assert any(step.what == "apply Deployment lobby-mezzetin" and running in str(step.body) for step in steps)


def test_no_image_and_no_registry_is_one_line(tmp_path: Path) -> None:
    target = KubernetesTarget(KubernetesSettings(kubeconfig=tmp_path / "none"))
    with pytest.raises(InputError, match=r"--image REF, or a registry to build one in \(acr\)"):
        target.plan(Wanted("lobby", bundled_captioner(), "tower@champion"))
    with pytest.raises(ValidationError, match="acr needs subscription"):
        KubernetesSettings(acr="museum")
