"""The manifests of one deployment: the overlay with its name, image, model and numbers put in, by `kubectl kustomize`.

Enters: settings and what is wanted. Leaves: YAML, and the documents of it by kind and name. No cluster is asked.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mezzetin.deployment.kubernetes.kubectl import Kubectl
from mezzetin.deployment.kubernetes.settings import KubernetesSettings
from mezzetin.errors import InputError

APP = "mezzetin"
MODEL = "mezzetin.app/model"
DIGEST = "mezzetin.app/digest"
INSTANCE = "app.kubernetes.io/instance"
NAME = "app.kubernetes.io/name"
BUNDLE_IN_IMAGE = "/opt/mezzetin/bundle"
_HERE = Path(__file__).parent
_KIND = re.compile(r"^kind: (\S+)$", re.MULTILINE)
_METADATA_NAME = re.compile(r"^metadata:\n(?:  .*\n)*?  name: (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pods:
    """What the pods run: `name` of the deployment, `image`, `address` of the model inside, and what to say of it."""

    name: str
    image: str
    address: str
    model: str
    digest: str


def object_name(name: str) -> str:
    """What the Deployment, Service and so on of a deployment are called."""
    return f"{name}-{APP}"


def secret_name(name: str) -> str:
    """What the Secret with the file of keys is called."""
    return f"{object_name(name)}-keys"


def render(pods: Pods, settings: KubernetesSettings, kubectl: Kubectl) -> str:
    """The YAML of all resources but the Secret.

    Raises:
        EnvironmentProblem: there is no kubectl, or it can't kustomize.

    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        # kustomize wants everything it reads below one root.
        for part in ("base", "overlays"):
            shutil.copytree(_HERE / part, folder / part)
        (folder / "wanted").mkdir()
        # JSON is YAML.
        (folder / "wanted" / "kustomization.yaml").write_text(json.dumps(kustomization(pods, settings)))
        return kubectl.run(["kustomize", str(folder / "wanted")], local=True)


def documents(text: str) -> list[tuple[str, str, str]]:
    """Kind, name and YAML of each resource of a rendering."""
    found = []
    for part in text.split("\n---\n"):
        kind, name = _KIND.search(part), _METADATA_NAME.search(part)
        if kind is not None and name is not None:
            found.append((kind[1], name[1], part))
    return found


def kustomization(pods: Pods, settings: KubernetesSettings) -> dict[str, Any]:
    """What kustomize does to the overlay for one deployment."""
    image, version = _image_parts(pods.image)
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../base" if settings.overlay == "base" else f"../overlays/{settings.overlay}"],
        "namespace": settings.namespace,
        "namePrefix": f"{pods.name}-",
        "labels": [{"pairs": {INSTANCE: pods.name}, "includeSelectors": True}],
        "images": [{"name": APP, "newName": image, **version}],
        "patches": [
            _patch("Deployment", _deployment_changes(pods, settings)),
            _patch("NetworkPolicy", [_replace(_FROM, settings.ingress_namespace)]),
            *_patches_of(settings),
        ],
    }


_SPEC = "/spec/template/spec/containers/0"
_FROM = "/spec/ingress/0/from/0/namespaceSelector/matchLabels/kubernetes.io~1metadata.name"


def check_image(image: str) -> None:
    """Let an image's name pass that means the same one tomorrow.

    Raises:
        InputError: it has neither tag nor digest, or the tag `latest`.

    """
    version = _image_parts(image)[1]
    if version.get("newTag", "") in ("", "latest") and "digest" not in version:
        raise InputError(f"{image} may be another image tomorrow: name a tag (not latest) or a digest")


def _image_parts(image: str) -> tuple[str, dict[str, str]]:
    """The name of an image, and its digest or tag as kustomize wants it."""
    name, at, digest = image.partition("@")
    # A colon before the last slash is a port's.
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return head + slash + last, {"digest": digest} if at else {"newTag": tag}


def _deployment_changes(pods: Pods, settings: KubernetesSettings) -> list[dict[str, Any]]:
    said = {MODEL: pods.model, DIGEST: pods.digest}
    return [
        {"op": "add", "path": "/spec/template/metadata/annotations", "value": said},
        _replace("/spec/template/spec/volumes/0/secret/secretName", secret_name(pods.name)),
        _replace(f"{_SPEC}/env/0/value", pods.address),
        _replace(f"{_SPEC}/env/1/value", settings.trusted_proxies),
        _replace(f"{_SPEC}/resources/limits/memory", settings.memory),
        *([] if settings.overlay == "dev" else [_replace(f"{_SPEC}/resources/requests/cpu", settings.cpu)]),
    ]


def _patches_of(settings: KubernetesSettings) -> list[dict[str, Any]]:
    """What belongs to an overlay's own resources."""
    found = []
    if settings.overlay != "dev":
        numbers = [_replace("/spec/minReplicas", settings.least), _replace("/spec/maxReplicas", settings.most)]
        found.append(_patch("HorizontalPodAutoscaler", numbers))
    if settings.overlay == "aks":
        changes = [
            _replace("/spec/ingressClassName", settings.ingress_class),
            _replace("/spec/tls/0", {"hosts": [settings.host], "secretName": settings.tls_secret}),
            _replace("/spec/rules/0/host", settings.host),
        ]
        found.append(_patch("Ingress", changes))
    if settings.identity_client_id is not None:
        identity = {"azure.workload.identity/client-id": settings.identity_client_id}
        change = {"op": "add", "path": "/metadata/annotations", "value": identity}
        found.append(_patch("ServiceAccount", [change]))
    return found


def _patch(kind: str, changes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"target": {"kind": kind, "name": APP}, "patch": json.dumps(changes)}


def _replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}
