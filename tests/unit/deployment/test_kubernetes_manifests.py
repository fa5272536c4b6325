"""The manifests as the real kubectl renders them, held against Kubernetes' own schemas, unknown fields refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
import yaml  # type: ignore[import-untyped]

from mezzetin.bundle import bundled_captioner
from mezzetin.deployment.base import Wanted
from mezzetin.deployment.kubernetes import KubernetesSettings, KubernetesTarget
from mezzetin.deployment.kubernetes.kubectl import Kubectl
from mezzetin.deployment.kubernetes.rendering import Pods, documents, render
from mezzetin.errors import EnvironmentProblem, InputError

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")
PODS = Pods("lobby", "reg.example:5000/mezzetin:1.2", "/opt/mezzetin/bundle", "tower@champion", "ab" * 32)
AKS = {"overlay": "aks", "host": "captions.example.org", "tls_secret": "captions-tls", "identity_client_id": "1-2-3"}
OVERLAYS: dict[str, dict[str, Any]] = {"base": {}, "dev": {"overlay": "dev"}, "aks": AKS}
INSTANCE = {"app.kubernetes.io/name": "mezzetin", "app.kubernetes.io/instance": "lobby"}
#: What Azure Kubernetes Service offers, and what comes next.
VERSIONS = ("1.32.0", "1.33.0", "1.34.0", "1.35.0", "1.36.0")


def rendered(overlay: str, pods: Pods = PODS, **settings: Any) -> dict[str, dict[str, Any]]:
    chosen = KubernetesSettings(**{**OVERLAYS[overlay], **settings})
    text = render(pods, chosen, Kubectl("kubectl", None, None, chosen.namespace))
    found = {str(item["kind"]): item for item in yaml.safe_load_all(text)}
    assert len(found) == len(documents(text))
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_resource_is_valid_in_every_version(overlay: str) -> None:
    for item in rendered(overlay).values():
        for version in VERSIONS:
            assert kubernetes_validate.validate(item, version, strict=True).startswith(version[:4])


def test_an_unknown_field_would_be_found() -> None:
    item = rendered("base")["Deployment"]
    item["spec"]["template"]["spec"]["hostPID_"] = True
    with pytest.raises(kubernetes_validate.ValidationError, match="hostPID_"):
        kubernetes_validate.validate(item, VERSIONS[0], strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_selects_the_pods_of_this_deployment_alone(overlay: str) -> None:
    found = rendered(overlay)
    pods = found["Deployment"]["spec"]["template"]
    assert INSTANCE.items() <= pods["metadata"]["labels"].items()
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == INSTANCE
    assert found["Service"]["spec"]["selector"] == INSTANCE
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == INSTANCE
    assert all(one["labelSelector"]["matchLabels"] == INSTANCE for one in pods["spec"]["topologySpreadConstraints"])
    if overlay != "dev":
        assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == INSTANCE
        assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "lobby-mezzetin"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_keep_to_the_restricted_standard(overlay: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards, restricted, and a read-only root besides."""
    pod = rendered(overlay)["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
    assert all({"emptyDir", "secret"} & volume.keys() for volume in pod["volumes"])


def test_a_roll_out_takes_no_pod_away_and_leaves_time_to_drain() -> None:
    from mezzetin.serving.settings import ServeSettings

    spec = rendered("base")["Deployment"]["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in spec
    pod = spec["template"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= pause + ServeSettings().drain + 10


def test_no_pod_reaches_the_machine_s_metadata() -> None:
    rules = rendered("base")["NetworkPolicy"]["spec"]
    assert set(rules["policyTypes"]) == {"Ingress", "Egress"}
    out = [to["ipBlock"] for rule in rules["egress"] for to in rule["to"] if "ipBlock" in to]
    assert out == [{"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16", "168.63.129.16/32"]}]
    assert [port["port"] for rule in rules["egress"] for port in rule["ports"]] == [53, 53, 443]


def test_the_ingress_speaks_tls_for_its_host() -> None:
    found = rendered("aks")
    spec = found["Ingress"]["spec"]
    assert spec["tls"] == [{"hosts": ["captions.example.org"], "secretName": "captions-tls"}]
    assert spec["rules"][0]["host"] == "captions.example.org"
    assert spec["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] == "lobby-mezzetin"
    assert found["ServiceAccount"]["metadata"]["annotations"]["azure.workload.identity/client-id"] == "1-2-3"
    assert found["Deployment"]["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"] == "true"


@pytest.mark.parametrize("image", ["mezzetin:1", "reg.example:5000/a/mezzetin:1.2", "r.io/m@sha256:" + "0" * 64])
def test_the_image_is_the_one_that_was_named(image: str) -> None:
    container = rendered("base", replace(PODS, image=image))["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == image


@pytest.mark.parametrize("image", ["mezzetin", "reg.example:5000/mezzetin", "mezzetin:latest", None])
def test_an_image_that_may_change_is_refused(image: str | None) -> None:
    target = KubernetesTarget(KubernetesSettings())
    with pytest.raises(InputError, match="image"):
        target.plan(Wanted("lobby", bundled_captioner(), "bundled", image))


def test_a_plan_shows_every_resource_and_asks_nobody() -> None:
    target = KubernetesTarget(KubernetesSettings(**AKS, context="there-is-none"))
    steps = target.plan(Wanted("lobby", bundled_captioner(), "bundled", "mezzetin:1"))
    applied = [step.what.split()[1] for step in steps if step.what.startswith("apply")]
    assert sorted(applied) == sorted(["Secret", *rendered("aks")])
    assert steps[-1].target == "https://captions.example.org/score"


def test_without_kubectl_one_line_says_what_to_install() -> None:
    target = KubernetesTarget(KubernetesSettings(kubectl="/nowhere/kubectl"))
    with pytest.raises(EnvironmentProblem, match="install kubectl"):
        target.deployments()


@pytest.mark.parametrize(
    "values",
    [
        {"overlay": "aks"},
        {"overlay": "aks", "host": "captions.example.org"},
        {"host": "captions.example.org"},
        {"identity_client_id": "1-2-3"},
        {"least": 3, "most": 2},
        {"model_store": "/var/models"},
    ],
)
def test_settings_that_do_not_fit_together_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needs|less|match"):
        KubernetesSettings(**values)
