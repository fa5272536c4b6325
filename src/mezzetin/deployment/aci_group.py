"""The container group that target `aci` asks for, as Azure Resource Manager's JSON.

Two containers share one network: the captions, which listen on port 8000 inside the group alone, and Caddy in front of
them, which speaks TLS on 443. Azure Container Instances has no certificates of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mezzetin.deployment.aci_secrets import Secrets
from mezzetin.deployment.aci_settings import AciSettings

CAPTIONS = "captions"
PROXY = "tls"
NAME_TAG = "mezzetin"
MODEL_TAG = "mezzetin-model"
DIGEST_TAG = "mezzetin-digest"
PRINT_TAG = "mezzetin-fingerprint"
TRIAL_TAG = "mezzetin-trial"
#: What a running group can't change: it has to be made anew.
_FIXED = ("osType", "restartPolicy", "subnetIds", "sku", "priority")
_IN_IMAGE = "/opt/mezzetin/bundle"
_PROXY_CPU, _PROXY_MEMORY = 0.5, 0.5
_LONGEST_TAG = 256


def trial_of(settings: AciSettings) -> AciSettings:
    """The settings of a version on trial: a DNS label of its own, the same every time, so that its certificate is."""
    return settings.model_copy(update={"dns_label": settings.dns_label and f"{settings.dns_label[:57]}-trial"})


def address_of(settings: AciSettings) -> str:
    """The host name at which the group is asked: the certificate's, or the label's."""
    return settings.hostname or f"{settings.dns_label}.{settings.location}.azurecontainer.io"


def group_body(settings: AciSettings, secrets: Secrets, *, image: str, model: str | None) -> dict[str, Any]:
    """The group without its tags; `model` is an address in a store, None for the bundle that the image holds."""
    public = settings.subnet is None
    ports = [{"port": port, "protocol": "TCP"} for port in _ports(settings)]
    address: dict[str, Any] = {"type": "Public" if public else "Private", "ports": ports}
    properties: dict[str, Any] = {
        "osType": "Linux",
        "sku": "Standard",
        "restartPolicy": settings.restart,
        "containers": [_captions(settings, secrets, image, model), _proxy(settings)],
        "volumes": _volumes(settings, secrets),
        "ipAddress": address | ({"dnsNameLabel": settings.dns_label} if public else {}),
    }
    if not public:
        properties["subnetIds"] = [{"id": settings.subnet}]
    if credentials := _pull(settings, secrets, image):
        properties["imageRegistryCredentials"] = [credentials]
    if settings.log_workspace is not None:
        analytics = {"workspaceId": settings.log_workspace, "workspaceKey": secrets.log_key}
        properties["diagnostics"] = {"logAnalytics": {**analytics, "logType": "ContainerInsights"}}
    body: dict[str, Any] = {"location": settings.location, "properties": properties}
    if settings.identity == "system":
        body["identity"] = {"type": "SystemAssigned"}
    elif settings.identity is not None:
        body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {settings.identity: {}}}
    return body


def tagged(body: Mapping[str, Any], *, name: str, model: str, digest: str, trial: bool) -> dict[str, Any]:
    """The group with the tags by which it is known again; its fingerprint tells any change, secrets included."""
    tags = {
        NAME_TAG: name,
        MODEL_TAG: model[:_LONGEST_TAG],
        DIGEST_TAG: digest,
        PRINT_TAG: _fingerprint(body, digest),
    }
    return {**body, "tags": tags | ({TRIAL_TAG: "yes"} if trial else {})}


def must_be_new(old: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Say whether a group has to be deleted before it can be as `body` says."""
    before, after = old["properties"], body["properties"]
    state = (before.get("instanceView") or {}).get("state")
    if before.get("provisioningState") == "Failed" or state in ("Failed", "Succeeded", "Stopped"):
        return True
    if any((before.get(member) or after.get(member)) != after.get(member) for member in _FIXED):
        return True
    kinds = [(group["ipAddress"] or {}).get("type") for group in (before, after)]
    return kinds[0] != kinds[1] or _sizes(before) != _sizes(after)


def _sizes(properties: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    requests = {one["name"]: one["properties"]["resources"]["requests"] for one in properties["containers"]}
    return {name: (float(size["cpu"]), float(size["memoryInGB"])) for name, size in requests.items()}


def _fingerprint(body: Mapping[str, Any], salt: str) -> str:
    """A slow hash, cut short: from a tag that many may read nobody learns a password."""
    text = json.dumps(body, sort_keys=True).encode()
    return hashlib.scrypt(text, salt=salt.encode(), n=1 << 13, r=8, p=1, dklen=8).hex()


def _ports(settings: AciSettings) -> tuple[int, ...]:
    # Let's Encrypt may look at port 80, which Caddy otherwise turns to https.
    return (80, 443) if settings.tls == "letsencrypt" else (443,)


def _captions(settings: AciSettings, secrets: Secrets, image: str, model: str | None) -> dict[str, Any]:
    serve = ["mezzetin", "serve", "--model", model or _IN_IMAGE, "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104
    door = ["--behind-proxy", "--keys", "/keys/keys.json", "--jobs", "/var/lib/mezzetin/jobs", "--log-format", "json"]
    plain = dict(settings.environment)
    if settings.identity_client_id is not None:
        plain["AZURE_CLIENT_ID"] = settings.identity_client_id
    variables = [{"name": name, "value": value} for name, value in sorted(plain.items())]
    variables += [{"name": name, "secureValue": value} for name, value in sorted(secrets.environment.items())]
    return {
        "name": CAPTIONS,
        "properties": {
            "image": image,
            "command": [*serve, *door],
            "environmentVariables": variables,
            "resources": {"requests": {"cpu": settings.cpu, "memoryInGB": settings.memory}},
            "volumeMounts": [{"name": "keys", "mountPath": "/keys", "readOnly": True}],
            "livenessProbe": _probe("/livez", delay=20, failures=6),
            "readinessProbe": _probe("/readyz", delay=5, failures=3),
        },
    }


def _probe(path: str, *, delay: int, failures: int) -> dict[str, Any]:
    asked = {"path": path, "port": 8000, "scheme": "http"}
    times = {"initialDelaySeconds": delay, "periodSeconds": 10, "timeoutSeconds": 10}
    return {"httpGet": asked, **times, "failureThreshold": failures, "successThreshold": 1}


def _proxy(settings: AciSettings) -> dict[str, Any]:
    mounts = [{"name": "caddyfile", "mountPath": "/etc/mezzetin", "readOnly": True}]
    if settings.tls == "letsencrypt":
        mounts.append({"name": "certificates", "mountPath": "/data", "readOnly": False})
    else:
        mounts.append({"name": "certificate", "mountPath": "/certificate", "readOnly": True})
    return {
        "name": PROXY,
        "properties": {
            "image": settings.caddy,
            "command": ["caddy", "run", "--config", "/etc/mezzetin/Caddyfile", "--adapter", "caddyfile"],
            "ports": [{"port": port, "protocol": "TCP"} for port in _ports(settings)],
            "resources": {"requests": {"cpu": _PROXY_CPU, "memoryInGB": _PROXY_MEMORY}},
            "volumeMounts": mounts,
        },
    }


def caddyfile(settings: AciSettings) -> str:
    """What Caddy does: TLS on 443 for one name, everything on to the captions."""
    certificate = "\ttls /certificate/certificate.pem /certificate/key.pem\n" if settings.tls == "certificate" else ""
    site = f"{address_of(settings)} {{\n{certificate}\treverse_proxy 127.0.0.1:8000\n}}\n"
    return f"{{\n\tadmin off\n}}\n\n{site}"


def _volumes(settings: AciSettings, secrets: Secrets) -> list[dict[str, Any]]:
    text = base64.b64encode(caddyfile(settings).encode()).decode("ascii")
    volumes: list[dict[str, Any]] = [
        {"name": "keys", "secret": {"keys.json": secrets.keys}},
        {"name": "caddyfile", "secret": {"Caddyfile": text}},
    ]
    if settings.tls == "certificate":
        files = {"certificate.pem": secrets.certificate, "key.pem": secrets.certificate_key}
        return [*volumes, {"name": "certificate", "secret": files}]
    share = {"shareName": settings.share, "storageAccountName": settings.share_account}
    return [*volumes, {"name": "certificates", "azureFile": {**share, "storageAccountKey": secrets.share_key}}]


def _pull(settings: AciSettings, secrets: Secrets, image: str) -> dict[str, Any] | None:
    """Who pulls the image; None where it lies in no registry of the settings."""
    if (settings.acr is None and settings.acr_server is None) or not image.startswith(f"{settings.server}/"):
        return None
    if settings.acr_username is not None:
        return {
            "server": settings.server,
            "username": settings.acr_username,
            "password": secrets.registry_password,
        }
    return {"server": settings.server, "identity": settings.identity}
