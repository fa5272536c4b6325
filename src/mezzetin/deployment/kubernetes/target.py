"""Target `kubernetes`: kubectl applies the manifests, waits for the roll-out and asks for a caption.

A version that does not come up, gives no caption or turns out to be another model is rolled back to the last one that
did; all the while the old pods serve, because none may go before a new one is ready. What was proved is noted on the
Deployment, so that a deploy that was cut off leaves the next one the right version to go back to.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mezzetin.bundle import MANIFEST, upload
from mezzetin.deployment.base import Answered, Deployment, Report, Step, Wanted
from mezzetin.deployment.image import Builder
from mezzetin.deployment.kubernetes.kubectl import Kubectl
from mezzetin.deployment.kubernetes.rendering import (
    BUNDLE_IN_IMAGE,
    DIGEST,
    INSTANCE,
    MODEL,
    NAME,
    Pods,
    check_image,
    documents,
    object_name,
    render,
    secret_name,
)
from mezzetin.deployment.kubernetes.settings import KubernetesSettings
from mezzetin.deployment.naming import check_name, state_folder
from mezzetin.deployment.passkey import KEY, drop_key, own_key
from mezzetin.deployment.smoke import Endpoint, curl_line, smoke_test
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress
from mezzetin.storage.paths import Place, writing

PROVEN = "mezzetin.app/proven-revision"
_REVISION = "deployment.kubernetes.io/revision"
_APPLY = ("apply", "--server-side", "--force-conflicts", "--field-manager=mezzetin", "--filename=-")
_KINDS = "deployment,service,horizontalpodautoscaler,poddisruptionbudget,networkpolicy,ingress,secret,serviceaccount"
_READY_S = 30.0


class KubernetesTarget:
    """Pods in a cluster; see `mezzetin.deployment.base.Target`."""

    name = "kubernetes"

    def __init__(self, settings: KubernetesSettings, *, credential: Any = None) -> None:
        self._settings, self._credential = settings, credential
        self._kubectl = Kubectl(settings.kubectl, settings.kubeconfig, settings.context, settings.namespace)

    def plan(self, wanted: Wanted) -> Sequence[Step]:
        """See Target."""
        check_name(wanted.name)
        named, steps = wanted.image or self._settings.image, []
        if named is None:
            builder = self._builder(None)
            named, steps = builder.image(wanted.bundle), builder.plan(wanted.bundle)
        rendered = render(self._pods(wanted, named), self._settings, self._kubectl)
        if (place := self._place(wanted)) is not None:
            steps.append(Step("copy the model", "write", str(place)))
        steps.append(Step("make a key for the smoke test", "write", str(self._folder(wanted.name) / KEY)))
        apply = " ".join(self._kubectl.line(_APPLY))
        # The file holds no key, but whose keys there are is nobody's business either.
        steps.append(Step("apply Secret " + secret_name(wanted.name), "run", apply, _secret(wanted.name, "…")))
        steps += [Step(f"apply {kind} {name}", "run", apply, text) for kind, name, text in documents(rendered)]
        deployment = f"deployment/{object_name(wanted.name)}"
        steps.append(
            Step("wait for the roll-out", "run", " ".join(self._kubectl.line(["rollout", "status", deployment])))
        )
        url = self._url() or f"service/{object_name(wanted.name)}, by kubectl port-forward"
        steps.append(Step("ask for a caption", "POST", f"{url}/score" if self._url() else url))
        return steps

    def deploy(self, wanted: Wanted, report: Report) -> Answered:
        """See Target."""
        check_name(wanted.name)
        named = wanted.image or self._settings.image
        if named is None:
            named = self._builder(self._signed_in()).built(wanted.bundle, report)
        rendered = render(self._pods(wanted, named), self._settings, self._kubectl)
        before = self._found(wanted.name)
        self._upload(wanted, report)
        key = self._made_key(wanted.name)
        report(Progress("apply the manifests", 0, 1))
        secret = _secret(wanted.name, base64.b64encode(self._keys(wanted.name).read_bytes()).decode())
        self._kubectl.run(_APPLY, json.dumps(secret))
        self._kubectl.run(_APPLY, rendered)
        report(Progress("apply the manifests", 1, 1))
        try:
            self._await(wanted.name, report)
            caption, seconds = self._ask(wanted, key, report)
        except (EnvironmentProblem, InputError) as error:
            raise self._rolled_back(wanted.name, before, error) from error
        self._prove(wanted.name)
        return Answered(self._deployment(self._found(wanted.name) or {}), caption, seconds, key)

    def deployments(self) -> Sequence[Deployment]:
        """See Target."""
        listed = self._kubectl.get("deployment", f"--selector={NAME}=mezzetin") or {}
        return [self._deployment(item) for item in listed.get("items", [])]

    def undeploy(self, name: str) -> None:
        """See Target."""
        check_name(name)
        if self._found(name) is None:
            raise InputError(
                f"there is no deployment {name} in namespace {self._settings.namespace}: "
                "`mezzetin deployments kubernetes` lists them"
            )
        selector = f"--selector={NAME}=mezzetin,{INSTANCE}={name}"
        self._kubectl.run(["delete", _KINDS, selector, "--ignore-not-found"])
        drop_key(self._keys(name), name)
        with writing(self._folder(name)):
            (self._folder(name) / KEY).unlink(missing_ok=True)

    def _builder(self, credential: Any) -> Builder:
        chosen = self._settings
        if chosen.acr is None or chosen.subscription is None or chosen.acr_resource_group is None:
            raise InputError("there is no image to run: name --image REF, or a registry to build one in (acr)")
        return Builder(
            chosen.subscription, chosen.acr_resource_group, chosen.acr, chosen.server, chosen.endpoint, credential
        )

    def _signed_in(self) -> Any:
        if self._credential is None:
            from mezzetin.storage.azure.credentials import identity

            self._credential = identity()[0]
        return self._credential

    def _pods(self, wanted: Wanted, image: str) -> Pods:
        check_image(image)
        place = self._place(wanted)
        address = BUNDLE_IN_IMAGE if place is None else str(place)
        return Pods(wanted.name, image, address, wanted.model, wanted.bundle.digest)

    def _place(self, wanted: Wanted) -> Place | None:
        """Where the model lies for the pods' identity to read; None where the image holds it."""
        store = self._settings.model_store
        return None if store is None else Place.of(store) / wanted.bundle.digest[:16]

    def _upload(self, wanted: Wanted, report: Report) -> None:
        place = self._place(wanted)
        if place is not None and not (place / MANIFEST).exists():
            report(Progress("copy the model", 0, 1))
            upload(wanted.bundle, place)
            report(Progress("copy the model", 1, 1))

    def _folder(self, name: str) -> Path:
        return state_folder(self.name) / name

    def _keys(self, name: str) -> Path:
        return self._settings.keys or self._folder(name) / "keys.json"

    def _made_key(self, name: str) -> str:
        folder = self._folder(name)
        with writing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return own_key(self._keys(name), name, folder)

    def _found(self, name: str) -> dict[str, Any] | None:
        return self._kubectl.get("deployment", object_name(name))

    def _await(self, name: str, report: Report) -> None:
        report(Progress("wait for the roll-out", 0, 1))
        limit = f"--timeout={self._settings.wait:.0f}s"
        self._kubectl.run(["rollout", "status", f"deployment/{object_name(name)}", limit])
        report(Progress("wait for the roll-out", 1, 1))

    def _ask(self, wanted: Wanted, key: str, report: Report) -> tuple[str, float]:
        """A caption of the model that is wanted, through the way that everybody takes."""
        with self._reached(wanted.name) as url:
            answer = smoke_test(Endpoint(url, {"X-Api-Key": key}), wait=self._settings.wait, report=report)
            served = _signature(url)
        if served != wanted.bundle.digest[:12]:
            raise EnvironmentProblem(
                f"the image serves the model {served}, not {wanted.bundle.digest[:12]}: build one with this "
                "bundle, or set model_store"
            )
        return answer

    @contextmanager
    def _reached(self, name: str) -> Iterator[str]:
        if (url := self._url()) is not None:
            yield url
        else:
            with self._kubectl.forwarded(object_name(name)) as forwarded:
                yield forwarded

    def _url(self) -> str | None:
        if self._settings.url is not None:
            return self._settings.url.rstrip("/")
        return f"https://{self._settings.host}" if self._settings.host is not None else None

    def _prove(self, name: str) -> None:
        """Note the revision that captioned a picture."""
        found = self._found(name)
        revision = _annotations(found).get(_REVISION, "")
        note = ["annotate", f"deployment/{object_name(name)}", f"{PROVEN}={revision}", "--overwrite"]
        self._kubectl.run(note)

    def _rolled_back(
        self, name: str, before: dict[str, Any] | None, error: EnvironmentProblem | InputError
    ) -> EnvironmentProblem:
        """Go back to the revision that was proved last; what to tell of it."""
        deployment = f"deployment/{object_name(name)}"
        proven = _annotations(before).get(PROVEN)
        look = f"kubectl -n {self._settings.namespace} describe {deployment}"
        if proven is None:
            return EnvironmentProblem(f"{error}; look with `{look}` and at the pods' logs")
        if _annotations(self._found(name)).get(_REVISION) != proven:
            self._kubectl.run(["rollout", "undo", deployment, f"--to-revision={proven}"])
        return EnvironmentProblem(f"the version before goes on serving: {error}")

    def _deployment(self, item: dict[str, Any]) -> Deployment:
        metadata, status = item["metadata"], item.get("status", {})
        said = item["spec"]["template"]["metadata"].get("annotations", {})
        name = metadata["labels"][INSTANCE]
        url = self._url()
        secret = f"kubectl -n {metadata['namespace']} get secret {secret_name(name)}"
        details = {
            "namespace": metadata["namespace"],
            "image": item["spec"]["template"]["spec"]["containers"][0]["image"],
            "ready": f"{status.get('readyReplicas', 0)} of {item['spec'].get('replicas', 1)}",
            "keys": secret,
        }
        if url is None:
            forward = f"kubectl -n {metadata['namespace']} port-forward service/{object_name(name)} 8000:80"
            details["way in"] = forward
        details["curl"] = curl_line(url or "http://127.0.0.1:8000", key=f"$(cat {self._folder(name) / KEY})")
        how = f"cat {self._folder(name) / KEY}"
        return Deployment(
            name, self.name, said.get(MODEL, ""), said.get(DIGEST, ""), _state(item), url, how, details=details
        )


def _secret(name: str, keys: str) -> dict[str, Any]:
    """The Secret with the file of keys, in base64."""
    labels = {NAME: "mezzetin", INSTANCE: name, "app.kubernetes.io/managed-by": "mezzetin"}
    metadata = {"name": secret_name(name), "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {"keys.json": keys}}


def _annotations(item: dict[str, Any] | None) -> dict[str, str]:
    return dict((item or {}).get("metadata", {}).get("annotations") or {})


def _state(item: dict[str, Any]) -> str:
    status = item.get("status", {})
    if status.get("availableReplicas", 0) > 0:
        return "serving"
    reasons = {one["type"]: one.get("reason") for one in status.get("conditions", [])}
    return "failed" if reasons.get("Progressing") == "ProgressDeadlineExceeded" else "starting"


def _signature(url: str) -> str:
    """The signature of the model that an endpoint serves."""
    import httpx2

    try:
        ready = httpx2.get(f"{url}/readyz", timeout=_READY_S, trust_env=not url.startswith("http://127."))
        return str(ready.json()["model"]["signature"])
    except (httpx2.HTTPError, ValueError, LookupError, TypeError) as error:
        raise EnvironmentProblem(f"{url}/readyz does not say which model it serves: see the pods' logs") from error
