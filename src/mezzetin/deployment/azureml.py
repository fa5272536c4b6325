"""Target `azureml`: a managed online endpoint of Azure Machine Learning, rolled out blue and green.

Enters: a bundle and settings. Leaves: an endpoint whose requests go to a deployment of that bundle. `azureml_rollout`
does it; here is what a person asks for: a plan, a list, an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from mezzetin.deployment.azureml_bodies import (
    DIGEST,
    MODEL,
    OURS,
    deployment_body,
    deployment_name,
    endpoint_body,
    environment_body,
    environment_name,
    model_name,
)
from mezzetin.deployment.azureml_rollout import Rollout
from mezzetin.deployment.azureml_settings import AzureMLSettings
from mezzetin.deployment.azureml_workspace import Workspace, state_of
from mezzetin.deployment.base import Answered, Deployment, Report, Step, Wanted
from mezzetin.deployment.naming import check_name
from mezzetin.errors import InputError
from mezzetin.registry.azureml import COMPLETE
from mezzetin.registry.azureml import DIGEST as REGISTERED

__all__ = ["AzureMLSettings", "AzureMLTarget"]

_STATES = {"succeeded": "serving", "failed": "failed", "canceled": "failed"}
_SHORTEST = 3
_NEWEST = "NEXT"


class AzureMLTarget:
    """A workspace to deploy to; `credential` is by default that of whoever is signed in on this machine.

    `pause` is how many seconds pass between two looks at something that takes its time.
    """

    def __init__(self, settings: AzureMLSettings, credential: Any = None, *, pause: float = 5.0) -> None:
        self.settings = settings
        self._credential = credential
        self._pause = pause

    @property
    def name(self) -> str:
        """What `mezzetin deploy` calls it."""
        return "azureml"

    def plan(self, wanted: Wanted) -> Sequence[Step]:
        """Every resource and request that `deploy` would make, in order; nobody is asked."""
        _check(wanted.name)
        settings, bundle = self.settings, wanted.bundle
        base = settings.scope.path
        container = environment_body(settings, wanted.image)
        environment = f"{base}/environments/{environment_name(container)}/versions/1"
        fresh, model = deployment_name(wanted, settings), model_name(wanted, settings)
        version = f"{base}/models/{model}/versions/{_NEWEST}"
        endpoint = f"{base}/onlineEndpoints/{wanted.name}"
        tags = {REGISTERED: bundle.digest, COMPLETE: "true"}
        registered = {"properties": {"modelType": "custom_model", "tags": tags}}
        deployed = deployment_body(wanted, settings, model=version, environment=environment)
        share = 100 if settings.canary is None else settings.canary
        steps = [
            Step("make the endpoint, without traffic", "PUT", endpoint, endpoint_body(settings, {}, wanted.model)),
            Step(f"register the model where its digest {bundle.digest[:12]} is new", "PUT", version, registered),
            Step("make the container's environment", "PUT", environment, {"properties": container}),
            Step("deploy beside the present version", "PUT", f"{endpoint}/deployments/{fresh}", deployed),
            Step(
                f"smoke test: the caption of a picture from {fresh} alone", "POST", f"{wanted.name}'s scoring URI/score"
            ),
            Step(
                f"give {fresh} {share} of 100 requests",
                "PUT",
                endpoint,
                endpoint_body(settings, {fresh: share}, wanted.model),
            ),
        ]
        if settings.canary is None and not settings.keep_old:
            steps.append(Step("remove the version before, where there is one", "DELETE", f"{endpoint}/deployments/OLD"))
        return steps

    def deploy(self, wanted: Wanted, report: Report) -> Answered:
        """Make it, wait until the new version answers a real picture, and only then give it the requests."""
        _check(wanted.name)
        caption, seconds, key = Rollout(self._workspace, wanted, report).run()
        return Answered(self._deployment(self._workspace.endpoint(wanted.name)), caption, seconds, key)

    def deployments(self) -> Sequence[Deployment]:
        """The endpoints of this workspace that Mezzetin made."""
        found = [endpoint for endpoint in self._workspace.endpoints() if OURS in (endpoint.tags or {})]
        return sorted((self._deployment(endpoint) for endpoint in found), key=lambda one: one.name)

    def undeploy(self, name: str) -> None:
        """Remove an endpoint with its deployments; models and environments, which cost next to nothing, stay."""
        endpoint = self._workspace.endpoint(name)
        if endpoint is None or OURS not in (endpoint.tags or {}):
            raise InputError(f"{self.settings.workspace} has no deployment {name}: `mezzetin deployments` lists them")
        self._workspace.delete_endpoint(name)

    @cached_property
    def _workspace(self) -> Workspace:
        return Workspace(self.settings, self._credential, self._pause)

    def _deployment(self, endpoint: Any) -> Deployment:
        traffic = {name: share for name, share in (endpoint.traffic or {}).items() if share}
        serving = max(traffic, key=lambda name: traffic[name], default=None)
        state = _STATES.get(state_of(endpoint), "starting")
        if state == "serving" and serving is None:
            state = "stopped"
        tags = self._workspace.tags_of(endpoint.name, serving) if serving else {}
        url = str(endpoint.scoring_uri or "").removesuffix("/score") or None
        get_key = self._how_to_get_key(endpoint)
        details = {
            "workspace": self.settings.scope.path,
            "traffic": ", ".join(f"{name} {share} %" for name, share in sorted(traffic.items())),
            "curl": _curl(url, get_key) if url else "",
        }
        return Deployment(
            name=str(endpoint.name),
            target=self.name,
            model=tags.get(MODEL, ""),
            digest=tags.get(DIGEST, ""),
            state=state,
            url=url,
            how_to_get_key=get_key,
            details={key: value for key, value in details.items() if value},
        )

    def _how_to_get_key(self, endpoint: Any) -> str:
        settings = self.settings
        if endpoint.auth_mode != "key":
            return "az account get-access-token --resource https://ml.azure.com --query accessToken --output tsv"
        return (
            f"az ml online-endpoint get-credentials --name {endpoint.name} --subscription {settings.subscription} "
            f"--resource-group {settings.resource_group} --workspace-name {settings.workspace} "
            "--query primaryKey --output tsv"
        )


def _check(name: str) -> None:
    check_name(name)
    if len(name) < _SHORTEST:
        raise InputError(f"{name!r} is too short for an endpoint of Azure's: use 3 to 32 letters, digits and hyphens")


def _curl(url: str, get_key: str) -> str:
    picture = '\'{"images":[{"base64":"%s"}]}\' "$(base64 -w0 PICTURE.jpg)"'
    return (
        f'printf {picture} | curl -sS -H "Authorization: Bearer $({get_key})" '
        f"-H 'Content-Type: application/json' --data-binary @- {url}/score"
    )
