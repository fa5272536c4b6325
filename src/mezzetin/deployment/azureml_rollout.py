"""A roll-out on Azure Machine Learning: the new deployment beside the old one, tested alone, then the traffic.

Enters: a workspace and what is wanted. Leaves: an endpoint whose traffic is the new deployment's. Each step first looks
what is there, so that the same call again changes nothing, and one after an interruption goes on. Whatever fails before
the traffic moves, the old deployment keeps all of it; a new one that failed is removed, its log kept on this machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from mezzetin.deployment.azureml_bodies import (
    ENTRY,
    ENTRY_CODE,
    OURS,
    deployment_body,
    deployment_name,
    endpoint_body,
    environment_body,
    environment_name,
    model_name,
)
from mezzetin.deployment.azureml_entities import deployment_entity, endpoint_entity, environment_entity
from mezzetin.deployment.azureml_workspace import Workspace, state_of
from mezzetin.deployment.base import Report, Wanted
from mezzetin.deployment.naming import state_folder
from mezzetin.deployment.smoke import Endpoint, smoke_test, trusted
from mezzetin.errors import EnvironmentProblem, InputError, StoreRefused, StoreUnreachable
from mezzetin.records import Progress
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing

_HEADER = "azureml-model-deployment"
_STEPS = 6
T = TypeVar("T")


class Rollout:
    """One roll-out of what is wanted; `run` does it."""

    def __init__(self, workspace: Workspace, wanted: Wanted, report: Report) -> None:
        self.workspace = workspace
        self.settings = workspace.settings
        self.wanted = wanted
        self.report = report
        self.fresh = deployment_name(wanted, self.settings)

    def run(self) -> tuple[str, float, str]:
        """The caption of the smoke test, the seconds that it took, and what opens the endpoint.

        Raises:
            InputError: the endpoint's name is taken by somebody else, or the way to it is not encrypted.
            EnvironmentProblem: Azure refuses, does not answer, or the new version does not come up.

        """
        self._step(0, "endpoint")
        self._need_endpoint()
        self._step(1, "model")
        name = model_name(self.wanted, self.settings)
        version = self.workspace.registry.push(self.wanted.bundle, name)
        self._step(2, "environment")
        environment = self._need_environment()
        self._step(3, "deployment")
        self._guarded(lambda: self._need_deployment(self.workspace.registry.asset(version), environment))
        self._step(4, "smoke test")
        key = self.workspace.credential_of(self.wanted.name)
        caption, seconds = self._guarded(lambda: self._test(key))
        self._step(5, "traffic")
        self._move_traffic()
        self._clear()
        self._step(_STEPS, "done")
        return caption, seconds, key

    def _step(self, done: int, note: str) -> None:
        self.report(Progress("deploy to Azure Machine Learning", done, _STEPS, note))

    def _need_endpoint(self) -> None:
        name = self.wanted.name
        there = self.workspace.settled(lambda: self.workspace.endpoint(name), f"endpoint {name}", self.report)
        if there is not None and OURS not in (there.tags or {}):
            raise InputError(f"an endpoint {name} is there that Mezzetin did not make: choose another name")
        if there is None or state_of(there) != "succeeded":
            traffic = {} if there is None else there.traffic
            self._put_endpoint(traffic)

    def _put_endpoint(self, traffic: Mapping[str, int]) -> None:
        body = endpoint_body(self.settings, traffic, self.wanted.model)
        self.workspace.put_endpoint(endpoint_entity(self.wanted.name, body), self.report)

    def _need_environment(self) -> str:
        body = environment_body(self.settings, self.wanted.image)
        name = environment_name(body)
        if not self.workspace.has_environment(name):
            self.workspace.put_environment(environment_entity(name, body))
        return f"{self.settings.scope.path}/environments/{name}/versions/1"

    def _need_deployment(self, model: str, environment: str) -> None:
        name = self.wanted.name
        there = self.workspace.settled(
            lambda: self.workspace.deployment(name, self.fresh), f"deployment {self.fresh}", self.report
        )
        if there is not None and state_of(there) == "succeeded":
            return
        if there is not None:
            # A failed one can't be mended.
            self.workspace.delete_deployment(name, self.fresh, self.report)
        body = deployment_body(self.wanted, self.settings, model=model, environment=environment)
        with tempfile.TemporaryDirectory(prefix="mezzetin-") as scratch:
            code = None
            if self.wanted.image is None:
                code = Path(scratch) / "code"
                with writing(code):
                    code.mkdir()
                    (code / ENTRY).write_text(ENTRY_CODE, encoding="utf-8")
            self.workspace.put_deployment(deployment_entity(self.fresh, name, body, code), self.report)

    def _test(self, key: str) -> tuple[str, float]:
        """Ask the new deployment alone, whatever the traffic, for the caption of a picture."""
        url = str(self.workspace.endpoint(self.wanted.name).scoring_uri).removesuffix("/score")
        trust = None if self.settings.trust is None else trusted(self.settings.trust)
        headers = {"Authorization": f"Bearer {key}", _HEADER: self.fresh}
        # What an image serves nobody else has looked at.
        signature = None if self.wanted.image is None else self.wanted.bundle.info.signature
        endpoint = Endpoint(url, headers, trust, signature=signature)
        return smoke_test(endpoint, wait=self.settings.timeout * 2, report=self.report)

    def _guarded(self, step: Callable[[], T]) -> T:
        """Do a step of the new deployment; where it fails, put that deployment away and say where its log is."""
        try:
            return step()
        except (StoreRefused, StoreUnreachable):
            # Nobody is asked any more: what is there stays, and the same call goes on with it.
            raise
        except EnvironmentProblem as problem:
            raise EnvironmentProblem(f"{problem}; {self._put_away()}") from problem

    def _put_away(self) -> str:
        """Keep a failed deployment's log, and remove it where it has no traffic; what remains, in words."""
        name = self.wanted.name
        traffic = self.workspace.endpoint(name).traffic
        serving = [old for old, share in traffic.items() if share]
        still = f"{', '.join(serving)} still serves" if serving else "nothing serves yet"
        if self.fresh not in traffic:
            return still
        kept = state_folder("azureml") / f"{name}.log"
        with writing(kept):
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(kept, self.workspace.log_of(name, self.fresh).encode())
        if not traffic[self.fresh]:
            self.workspace.delete_deployment(name, self.fresh, self.report)
        return f"{still}; the log of {self.fresh} is in {kept}"

    def _move_traffic(self) -> None:
        there = self.workspace.endpoint(self.wanted.name)
        present = {name: share for name, share in there.traffic.items() if share}
        aim = shares(present, self.fresh, self.settings.canary)
        if aim != present:
            self._put_endpoint(aim)

    def _clear(self) -> None:
        """Remove what has no traffic any more, unless it is to be kept."""
        if self.settings.keep_old or self.settings.canary is not None:
            return
        for name in self.workspace.deployment_names(self.wanted.name):
            if name != self.fresh:
                self.workspace.delete_deployment(self.wanted.name, name, self.report)


def shares(present: Mapping[str, int], fresh: str, canary: int | None) -> dict[str, int]:
    """How 100 requests are to be shared out: all to `fresh`, or `canary` of them and the others as they were."""
    old = {name: share for name, share in present.items() if name != fresh and share}
    if canary is None or not old:
        return {fresh: 100}
    total = sum(old.values())
    scaled = {name: share * (100 - canary) // total for name, share in old.items()}
    largest = max(old, key=lambda name: old[name])
    scaled[largest] += 100 - canary - sum(scaled.values())
    return {**{name: share for name, share in scaled.items() if share}, fresh: canary}
