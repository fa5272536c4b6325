"""Azure Machine Learning, as far as azure-ai-ml asks it beside plain resources.

Enters: a local Resource Manager, an Azurite for the workspace's blobs, and what answers for a deployment. Leaves: a
workspace with its default datastore, the particular rules of models, endpoints and deployments, a shared registry's
data plane, and the front door at which an endpoint is asked with a key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2

from tests.azure.arm.faults import Answer, refusal
from tests.azure.arm.server import SUBSCRIPTION, ArmServer, Call
from tests.azure.azurite import Azurite

CLOUD = "MezzetinTests"
WORKSPACE = "paintings"
REGISTRY = "museums"
KEY = "the-key-of-the-endpoint"
_ASSET = r"(.*)/(models|codes|environments)/([^/]+)/versions/([^/]+)"
_ENDPOINT = r".*/onlineEndpoints/([^/]+)"
_DEPLOYMENT = rf"{_ENDPOINT}/deployments/([^/]+)"
_PASSED_ON = ("content-type", "retry-after")


@dataclass
class MachineLearning:
    """A workspace in group "museum" and a registry, with their blobs in one container of `azurite`.

    `backend` gives the address of what a deployment runs, from its resource; the front door passes requests there.
    """

    arm: ArmServer
    azurite: Azurite
    host: str
    backend: Callable[[dict[str, Any]], str] = field(default=lambda deployment: "http://127.0.0.1:9")
    container: str = ""
    #: Which deployments answered at the front door, in order.
    answered: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.container = self.azurite.container()
        self.group = self.arm.group("museum")
        self.path = f"{self.group}/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
        self.uri = f"azureml://subscriptions/{SUBSCRIPTION}/resourceGroups/museum/workspaces/{WORKSPACE}"
        self.arm.resources.add(self.path, {"location": "westeurope"})
        store: dict[str, Any] = {
            "datastoreType": "AzureBlob",
            "accountName": self.azurite.account,
            "containerName": self.container,
        }
        store |= {
            "credentials": {"credentialsType": "AccountKey"},
            "isDefault": True,
            "endpoint": "core.windows.net",
            "protocol": "https",
        }
        self.arm.resources.add(f"{self.path}/datastores/workspaceblobstore", {"properties": store})
        for method in ("PUT", "DELETE"):
            self.arm.slow(method, _DEPLOYMENT, polls=2)
            self.arm.slow(method, _ENDPOINT, polls=1)
        self.arm.complete = self._complete
        # azure-ai-ml sends a number in a map of texts.
        self.arm.tolerated = ("properties.properties.hash_version: ",)
        self._handle()

    def _handle(self) -> None:
        add = self.arm.handle
        add("GET", "/metadata/endpoints", self._clouds, open_to_all=True)
        add("POST", r".*/datastores/[^/]+/listSecrets", lambda call: Answer(200, self._secret()))
        add("POST", r".*/startPendingUpload", self._upload)
        add("PUT", _ASSET, self._asset)
        add("GET", r".*/codes/[^/]+/versions", lambda call: Answer(200, {"value": []}))
        add("GET", r"(.*/models/[^/]+)/versions", self._versions)
        add("PUT", _ENDPOINT, self._endpoint)
        add("DELETE", _DEPLOYMENT, self._removed)
        add("POST", rf"{_ENDPOINT}/listKeys", lambda call: Answer(200, {"primaryKey": KEY, "secondaryKey": "other"}))
        add("POST", rf"{_DEPLOYMENT}/getLogs", lambda call: Answer(200, {"content": "started\nout of memory\n"}))
        add("POST", "/front/([^/]+)/score", self._front, open_to_all=True)
        add("GET", "/registrymanagement/v1.0/registries/([^/]+)/discovery", self._discovery)
        add("PUT", r".*/registries/[^/]+/tempdatarefs/.*", self._upload)
        add("POST", r".*/registries/[^/]+/datarefs/.*", self._download)

    def _clouds(self, call: Call) -> Answer:
        """What ARM_CLOUD_METADATA_URL leads to: where everything of this cloud is."""
        found = {
            "name": CLOUD,
            "portal": "https://portal.azure.tests/",
            "resourceManager": self.arm.url,
            "authentication": {"loginEndpoint": f"{self.arm.url}/login"},
            "suffixes": {"storage": self.host},
        }
        return Answer(200, [found])

    @property
    def _blobs(self) -> str:
        return f"https://{self.azurite.account}.blob.{self.host}/{self.container}"

    def _signature(self) -> str:
        return self.azurite.sas(self.container, permissions="racwdl").partition("?")[2]

    def _secret(self) -> dict[str, str]:
        return {"secretsType": "Sas", "sasToken": self._signature()}

    def _upload(self, call: Call) -> Answer:
        parts = call.path.lower().split("/")
        if "tempdatarefs" in parts and call.path.replace("/tempdatarefs/", "/models/") in self.arm.resources:
            return refusal(409, "Conflict", "The asset already exists.")
        place = f"{self._blobs}"
        credential = {"credentialType": "SAS", "sasUri": f"{place}?{self._signature()}"}
        return Answer(200, {"blobReferenceForConsumption": {"blobUri": place, "credential": credential}})

    def _download(self, call: Call) -> Answer:
        credential = {"credentialType": "SAS", "sasUri": f"{self._blobs}?{self._signature()}"}
        return Answer(200, {"blobReferenceForConsumption": {"blobUri": self._blobs, "credential": credential}})

    def _asset(self, call: Call) -> Answer | None:
        """The name of an asset comes into being with its first version; a version's files never change."""
        above, kind, name, _ = call.found
        if f"{above}/{kind}/{name}" not in self.arm.resources:
            for path in (above, f"{above}/{kind}/{name}"):
                if path not in self.arm.resources:
                    self.arm.resources.add(path, {})
        uri = "modelUri" if kind.lower() == "models" else "codeUri"
        if call.path in self.arm.resources:
            there = self.arm.resources[call.path]["properties"].get(uri)
            if there != call.body["properties"].get(uri):
                return refusal(409, "Conflict", f"{uri} of an existing version can't be changed.")
        return None

    def _complete(self, path: str, resource: dict[str, Any]) -> None:
        """What the service adds to what was put."""
        properties = resource["properties"]
        if "/models/" in path:
            properties.setdefault("flavors", {})
            resource["systemData"] = {"createdAt": datetime.now(UTC).isoformat(), "createdBy": "somebody"}
        if path.startswith("/mferp/"):
            resource["id"] = f"azureml:/{path[path.index('/registries/') :]}"
        if "/onlineendpoints/" in path.lower():
            resource.pop("systemData", None)
            properties.setdefault("properties", {})
        if path.lower().rpartition("/")[0].endswith("/onlineendpoints"):
            properties["scoringUri"] = f"{self.arm.url}/front/{resource['name']}/score"
            properties.setdefault("traffic", {})

    def _versions(self, call: Call) -> Answer:
        found = self.arm.resources.under(call.path)
        # A registry lists no versions of a model that it does not know: azure-ai-ml could not begin otherwise.
        if call.found[0] not in self.arm.resources and "/registries/" not in call.path:
            return refusal(404, "NotFound", "There is no such model.")
        if call.query.get("listViewType", "ActiveOnly") == "ActiveOnly":
            found = [version for version in found if not version["properties"].get("isArchived")]
        found.reverse()
        return Answer(200, {"value": found[: int(call.query.get("$top", len(found)))]})

    def _endpoint(self, call: Call) -> Answer | None:
        traffic = call.body["properties"].get("traffic") or {}
        if sum(traffic.values()) not in (0, 100):
            return refusal(400, "BadRequest", "Traffic percentages must add up to 0 or 100.")
        for name in traffic:
            if f"{call.path}/deployments/{name}" not in self.arm.resources:
                return refusal(400, "BadRequest", f"Traffic is given to {name}, which does not exist.")
        return None

    def _removed(self, call: Call) -> Answer | None:
        traffic = self.arm.resources[call.path.rpartition("/deployments/")[0]]["properties"].get("traffic") or {}
        if traffic.get(call.found[1]):
            return refusal(400, "BadRequest", "A deployment that has traffic can't be deleted.")
        return None

    def _front(self, call: Call) -> Answer:
        """An endpoint's own address: who has the key is passed on to the deployment that is meant."""
        if call.headers.get("Authorization") != f"Bearer {KEY}":
            return refusal(401, "Unauthorized", "Key or token is missing or wrong.")
        endpoint = f"{self.path}/onlineEndpoints/{call.found[0]}"
        traffic = self.arm.resources[endpoint]["properties"].get("traffic") or {}
        name = call.headers.get("Azureml-Model-Deployment") or max(traffic, key=lambda name: traffic[name], default="")
        path = f"{endpoint}/deployments/{name}"
        if not name or path not in self.arm.resources:
            return refusal(404, "NotFound", "No deployment has traffic.")
        self.answered.append(name)
        headers = {"Content-Type": call.headers.get("Content-Type", "application/json")}
        backend = self.backend(self.arm.resources[path])
        try:
            answer = httpx2.post(f"{backend}/score", content=call.raw, headers=headers, timeout=60, trust_env=False)
        except httpx2.TransportError:
            return refusal(424, "FailedDependency", "The deployment does not answer.")
        kept = {key.title(): value for key, value in answer.headers.items() if key in _PASSED_ON}
        return Answer(answer.status_code, answer.content, kept)

    def _discovery(self, call: Call) -> Answer:
        found = {"registryName": call.found[0], "subscriptionId": SUBSCRIPTION, "resourceGroup": "shared"}
        found |= {"primaryRegionResourceProviderUri": f"{self.arm.url}/"}
        return Answer(200, found)


def shown(call: Call) -> str:
    """A request in a few words, such as "PUT deployments/blue"."""
    return f"{call.method} {'/'.join(call.path.split('/')[-2:])}" + (
        f" {json.dumps(call.body['properties']['traffic'], sort_keys=True)}"
        if call.method == "PUT" and "/onlineEndpoints/" in call.path and (call.body["properties"].get("traffic"))
        else ""
    )
