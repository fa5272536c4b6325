"""The container image, built in Azure Container Registry: no Docker is needed on this machine.

Enters: a bundle. Leaves: the reference of an image that holds it, tagged with the digest of all that it was built
from. Three requests do it: an address to upload to, the upload, and a quick task. They are sent through azure-core's
pipeline, because the registry's SDK has had no tasks since its version 15.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mezzetin.bundle import Bundle
from mezzetin.deployment.aci_client import told
from mezzetin.deployment.base import Report, Step
from mezzetin.deployment.context import context_files, digest_of, pack
from mezzetin.deployment.naming import state_folder
from mezzetin.deployment.smoke import is_this_machine
from mezzetin.errors import EnvironmentProblem, MissingExtra
from mezzetin.records import Progress
from mezzetin.storage.paths import writing

REPOSITORY = "mezzetin"
_VERSION = "2019-06-01-preview"
_TIMEOUT_S = 3600
_UPLOAD_S = 600.0
_FAILED = ("Failed", "Canceled", "Error", "Timeout")


@dataclass(frozen=True, slots=True)
class Builder:
    """A registry of Azure's: `registry` is its name, `server` its address, `endpoint` Azure Resource Manager's."""

    subscription: str
    resource_group: str
    registry: str
    server: str
    endpoint: str
    credential: Any = field(repr=False)
    interval: float = 5.0

    def image(self, bundle: Bundle) -> str:
        """What the image of a bundle is called."""
        return f"{self.server}/{REPOSITORY}:{digest_of(context_files(bundle))[:20]}"

    def plan(self, bundle: Bundle) -> list[Step]:
        """The requests that build it."""
        names = "\n".join(sorted(context_files(bundle)))
        return [
            Step("ask where to upload the build context", "POST", self._url("listBuildSourceUploadUrl")),
            Step("upload the build context", "PUT", "(the address of the answer before)", names),
            Step("build the image, unless it is there", "POST", self._url("scheduleRun"), self._task(bundle, "…")),
        ]

    def built(self, bundle: Bundle, report: Report) -> str:
        """Build the image, follow a build that was begun before, or find that it is there.

        Raises:
            EnvironmentProblem: Azure refuses or does not answer, or the build fails.

        """
        reference = self.image(bundle)
        remembered = state_folder("images") / f"{reference.replace('/', '_').replace(':', '_')}.json"
        run = self._remembered(remembered)
        if run is None or run["status"] in _FAILED:
            run = self._begun(bundle, report)
            with writing(remembered):
                remembered.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                remembered.write_text(json.dumps({"run": run["runId"]}), encoding="utf-8")
        began = time.monotonic()
        while run["status"] != "Succeeded":
            if run["status"] in _FAILED:
                raise EnvironmentProblem(
                    f"the build of {reference} ended as {run['status']}: az acr task logs -r {self.registry} "
                    f"--run-id {run['runId']} shows why"
                )
            report(Progress("build the image", int(time.monotonic() - began), None, "s"))
            time.sleep(self.interval)
            run = self._run(run["runId"])
        return reference

    def _begun(self, bundle: Bundle, report: Report) -> dict[str, Any]:
        report(Progress("upload the build context", 0, 1))
        place = self._send("POST", self._url("listBuildSourceUploadUrl"))
        with tempfile.TemporaryDirectory(prefix="mezzetin-") as scratch:
            archive = Path(scratch) / "context.tar.gz"
            pack(context_files(bundle), archive)
            _put(place["uploadUrl"], archive)
        report(Progress("upload the build context", 1, 1))
        answer = self._send("POST", self._url("scheduleRun"), self._task(bundle, place["relativePath"]))
        return dict(answer["properties"])

    def _remembered(self, path: Path) -> dict[str, Any] | None:
        """The build that this machine began before; None where it has not, or the registry has forgotten it."""
        try:
            number = json.loads(path.read_bytes())["run"]
        except (OSError, ValueError, LookupError):
            return None
        try:
            return self._run(number)
        except EnvironmentProblem:
            return None

    def _run(self, number: str) -> dict[str, Any]:
        return dict(self._send("GET", self._url(f"runs/{number}"))["properties"])

    def _task(self, bundle: Bundle, source: str) -> dict[str, Any]:
        return {
            "type": "DockerBuildRequest",
            "imageNames": [self.image(bundle).partition("/")[2]],
            "isPushEnabled": True,
            "sourceLocation": source,
            "dockerFilePath": "Dockerfile",
            "platform": {"os": "Linux", "architecture": "amd64"},
            "agentConfiguration": {"cpu": 2},
            "timeout": _TIMEOUT_S,
        }

    def _url(self, action: str) -> str:
        return (
            f"{self.endpoint.rstrip('/')}/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.ContainerRegistry/registries/{self.registry}/{action}?api-version={_VERSION}"
        )

    def _send(self, method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            from azure.core import PipelineClient
            from azure.core.exceptions import HttpResponseError
            from azure.core.pipeline.policies import RetryPolicy
            from azure.core.rest import HttpRequest
            from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
        except ImportError as error:
            raise MissingExtra("azure", "building an image in Azure") from error
        scope = f"{self.endpoint.rstrip('/')}/.default"
        signed = ARMChallengeAuthenticationPolicy(self.credential, scope)
        client: Any = PipelineClient(self.endpoint, policies=[RetryPolicy(), signed])
        options = {"enforce_https": False} if is_this_machine(self.endpoint) else {}
        with client, told(f"registry {self.registry}"):
            answer = client.send_request(HttpRequest(method, url, json=body), **options)
            if answer.status_code >= 400:
                raise HttpResponseError(response=answer)
            return dict(answer.json())


def _put(url: str, archive: Path) -> None:
    """Upload a file as one blob; the address is a secret, and no message repeats it."""
    import httpx2

    headers = {"x-ms-blob-type": "BlockBlob", "Content-Length": str(archive.stat().st_size)}
    try:
        with archive.open("rb") as stream:
            answer = httpx2.put(url, content=stream, headers=headers, timeout=_UPLOAD_S)
    except httpx2.HTTPError as error:
        raise EnvironmentProblem("the build context could not be uploaded: check the network, run it again") from error
    if answer.status_code != 201:
        raise EnvironmentProblem(f"the build context was refused with {answer.status_code}: run it again")
