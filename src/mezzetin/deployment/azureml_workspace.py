"""A workspace of Azure Machine Learning, asked one thing at a time: looked at, changed, waited for.

Enters: settings and a credential. Leaves: endpoints and deployments as azure-ai-ml gives them. A change that meets
another one under way (409) waits for its turn; what Azure throttles (429) its SDK asks again when Azure says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mezzetin.deployment.azureml_settings import AzureMLSettings
from mezzetin.deployment.base import Report
from mezzetin.errors import EnvironmentProblem
from mezzetin.records import Progress
from mezzetin.registry.azureml import AzureMLRegistry
from mezzetin.registry.azureml_door import asking, connect, unless_missing

UNDER_WAY = ("creating", "updating", "deleting", "scaling", "provisioning")
_LOG_LINES = 200
_CONFLICT = 409


def no_report(progress: Progress) -> None:
    """Tell nobody."""


def state_of(found: Any) -> str:
    """The provisioning state of an endpoint or deployment in small letters; azure-ai-ml gives text or an enum."""
    state = found.provisioning_state
    return str(getattr(state, "value", state)).lower()


class Workspace:
    """The workspace that the settings name."""

    def __init__(self, settings: AzureMLSettings, credential: Any, pause: float) -> None:
        self.settings = settings
        self.pause = pause
        self.place = str(settings.scope)
        self._client = connect(settings.scope, credential)
        self.registry = AzureMLRegistry(settings.scope, client=self._client)

    def endpoint(self, name: str) -> Any:
        """An endpoint, or None."""
        with asking(self.place), unless_missing():
            return self._client.online_endpoints.get(name)
        return None

    def endpoints(self) -> list[Any]:
        """All endpoints of the workspace, ours and others."""
        with asking(self.place):
            return list(self._client.online_endpoints.list())

    def deployment(self, endpoint: str, name: str) -> Any:
        """A deployment, or None."""
        with asking(self.place), unless_missing():
            return self._client.online_deployments.get(name, endpoint)
        return None

    def deployment_names(self, endpoint: str) -> list[str]:
        """The names of an endpoint's deployments."""
        with asking(self.place):
            return [str(found.name) for found in self._client.online_deployments.list(endpoint)]

    def tags_of(self, endpoint: str, name: str) -> dict[str, str]:
        """A deployment's tags; none where there is no such deployment."""
        found = self.deployment(endpoint, name)
        return dict(found.tags or {}) if found is not None else {}

    def has_environment(self, name: str) -> bool:
        """Say whether there is an environment of this name, whose only version is 1."""
        with asking(self.place), unless_missing():
            self._client.environments.get(name, "1")
            return True
        return False

    def put_environment(self, entity: Any) -> None:
        """Make an environment; Azure builds it when it is first used."""
        with asking(self.place):
            self._client.environments.create_or_update(entity)

    def put_endpoint(self, entity: Any, report: Report = no_report) -> None:
        """Make or change an endpoint, and wait for it."""
        begin = self._client.online_endpoints.begin_create_or_update
        self._change(lambda: begin(entity), f"endpoint {entity.name}", report)

    def put_deployment(self, entity: Any, report: Report) -> None:
        """Make a deployment, and wait for it."""
        begin = self._client.online_deployments.begin_create_or_update
        self._change(lambda: begin(entity), f"deployment {entity.name}", report)

    def delete_deployment(self, endpoint: str, name: str, report: Report = no_report) -> None:
        """Remove a deployment, and wait until it is gone."""
        begin = self._client.online_deployments.begin_delete
        self._change(lambda: begin(name, endpoint), f"end of {name}", report)

    def delete_endpoint(self, name: str) -> None:
        """Remove an endpoint with all that is in it, and wait until it is gone."""
        begin = self._client.online_endpoints.begin_delete
        self._change(lambda: begin(name), f"end of {name}", no_report)

    def credential_of(self, endpoint: str) -> str:
        """What opens an endpoint: its key, or a token of whoever is signed in."""
        with asking(self.place):
            found = self._client.online_endpoints.get_keys(endpoint)
        return str(getattr(found, "primary_key", None) or found.access_token)

    def log_of(self, endpoint: str, name: str) -> str:
        """The last lines that a deployment's container wrote; "" where there are none."""
        with asking(self.place), unless_missing():
            return str(self._client.online_deployments.get_logs(name, endpoint, _LOG_LINES))
        return ""

    def settled(self, look: Callable[[], Any], what: str, report: Report) -> Any:
        """Wait until something that somebody, or an earlier call of ours, is changing is changed; what it is then."""
        began = time.monotonic()
        while (found := look()) is not None and state_of(found) in UNDER_WAY:
            self._waited(began, what, state_of(found), report)
        return found

    def _change(self, begin: Callable[[], Any], what: str, report: Report) -> None:
        began = time.monotonic()
        poller = None
        while poller is None:
            try:
                with asking(self.place):
                    poller = begin()
            except EnvironmentProblem as problem:
                if getattr(problem.__cause__, "status_code", None) != _CONFLICT:
                    raise
                self._waited(began, what, "something else is being changed", report)
        while not poller.done():
            with asking(self.place):
                poller.wait(min(1.0, self.pause))
            self._told(began, what, "under way", report)
        with asking(self.place):
            poller.result()

    def _waited(self, began: float, what: str, why: str, report: Report) -> None:
        self._told(began, what, why, report)
        time.sleep(self.pause)

    def _told(self, began: float, what: str, why: str, report: Report) -> None:
        passed = time.monotonic() - began
        if passed > self.settings.wait:
            raise EnvironmentProblem(f"the {what} is not done after {passed:.0f} s ({why}): run the same command again")
        report(Progress(f"wait for the {what}", int(passed), None, why))
