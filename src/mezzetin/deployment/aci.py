"""Target `aci`: a group of two containers in Azure Container Instances, the captions and Caddy, which speaks TLS.

Azure changes a group in place, which restarts it, and no two groups can have one DNS label. So a new version is first
put up as a group of its own, NAME-trial with a label of its own, and asked for a caption. Only then the real group is
changed; from its restart until it answers, which takes minutes, there is no answer. Where it fails there after all, the
group is put back as it was. A group's tags tell its model and a fingerprint of everything it was asked to be, by which
the same call again finds nothing to do and one that was cut off goes on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mezzetin.bundle import MANIFEST, upload
from mezzetin.deployment.aci_client import Groups
from mezzetin.deployment.aci_group import (
    CAPTIONS,
    DIGEST_TAG,
    MODEL_TAG,
    NAME_TAG,
    PRINT_TAG,
    TRIAL_TAG,
    address_of,
    group_body,
    must_be_new,
    tagged,
    trial_of,
)
from mezzetin.deployment.aci_plan import plan_group
from mezzetin.deployment.aci_secrets import Secrets, collected, refilled
from mezzetin.deployment.aci_settings import AciSettings
from mezzetin.deployment.base import Answered, Deployment, Report, Step, Wanted
from mezzetin.deployment.image import Builder
from mezzetin.deployment.naming import check_name, state_folder
from mezzetin.deployment.passkey import KEY, drop_key, own_key
from mezzetin.deployment.smoke import Endpoint, curl_line, photograph, smoke_test, trusted
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.records import Progress
from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import Place, writing

_MOST_RESTARTS = 3
_TRIAL = "-trial"


def _reached(group: Mapping[str, Any]) -> str:
    """Where a group is asked: by its label, or by its address in a private network."""
    address = group["properties"].get("ipAddress") or {}
    return f"https://{address.get('fqdn') or address.get('ip')}"


class AciTarget:
    """Container groups; see `mezzetin.deployment.base.Target`. `reach` says where a group answers."""

    name = "aci"

    def __init__(
        self,
        settings: AciSettings,
        *,
        credential: Any = None,
        reach: Callable[[Mapping[str, Any]], str] = _reached,
    ) -> None:
        self._settings, self._credential, self._reach = settings, credential, reach

    def plan(self, wanted: Wanted) -> Sequence[Step]:
        """See Target."""
        self._check(wanted)
        return plan_group(wanted, self._settings, self._builder(None), self._folder(wanted.name), self._stored(wanted))

    def deploy(self, wanted: Wanted, report: Report) -> Answered:
        """See Target."""
        self._check(wanted)
        groups = self._groups(report)
        old, folder = groups.get(wanted.name), self._folder(wanted.name)
        if old is not None and not _is_ours(old):
            raise InputError(f"container group {wanted.name} is none of Mezzetin's: choose another --name")
        key = self._own_key(folder, old)
        secrets = collected(self._settings, self._keys(folder))
        image = wanted.image or self._builder(self._signed_in()).built(wanted.bundle, report)
        model = self._uploaded(wanted, report)
        body = self._body(wanted, secrets, image, model)
        if old is not None and _serves(old) and not _is(old, body):
            self._try(groups, wanted, self._body(wanted, secrets, image, model, trial=True), key, report)
        elif groups.get(wanted.name + _TRIAL) is not None:
            groups.delete(wanted.name + _TRIAL)
        return self._changed(groups, wanted, old, body, key, report)

    def deployments(self) -> Sequence[Deployment]:
        """See Target."""
        groups = self._groups(lambda progress: None)
        names = [group["name"] for group in groups.list() if _is_ours(group)]
        # A list has no view of the containers.
        found = [groups.get(name) for name in sorted(names)]
        return [self._deployment(one) for one in found if one is not None and TRIAL_TAG not in one["tags"]]

    def undeploy(self, name: str) -> None:
        """See Target."""
        check_name(name)
        groups, folder = self._groups(lambda progress: None), self._folder(name)
        found = groups.get(name)
        if found is not None and not _is_ours(found):
            raise InputError(f"container group {name} is none of Mezzetin's: az container delete removes it")
        if found is None and not folder.is_dir():
            raise InputError(f"there is no deployment {name} in {self._settings.resource_group}")
        groups.delete(name + _TRIAL)
        if found is not None:
            groups.delete(name)
        if self._settings.keys is not None:
            drop_key(self._settings.keys, name)
        with writing(folder):
            shutil.rmtree(folder, ignore_errors=True)

    def _check(self, wanted: Wanted) -> None:
        check_name(wanted.name)
        if wanted.name.endswith(_TRIAL):
            raise InputError(f"{wanted.name!r} is what a version on trial is called: choose another --name")
        if wanted.image is None and self._settings.acr is None:
            raise InputError("there is no image to run: name --image REF, or a registry to build one in (acr)")

    def _signed_in(self) -> Any:
        if self._credential is None:
            from mezzetin.storage.azure.credentials import identity

            self._credential = identity()[0]
        return self._credential

    def _groups(self, report: Report) -> Groups:
        def tell(seconds: int) -> None:
            report(Progress("wait for Azure", seconds, None, "s"))

        return Groups(self._settings, self._signed_in(), tell)

    def _builder(self, credential: Any) -> Builder:
        chosen = self._settings
        group = chosen.acr_resource_group or chosen.resource_group
        return Builder(chosen.subscription, group, chosen.acr or "", chosen.server, chosen.endpoint, credential)

    def _folder(self, name: str) -> Path:
        return state_folder(self.name) / name

    def _keys(self, folder: Path) -> Path:
        return self._settings.keys or folder / "keys.json"

    def _own_key(self, folder: Path, old: Mapping[str, Any] | None) -> str:
        """The key for the smoke test, in a file of keys that is this deployment's."""
        keys = self._keys(folder)
        if old is not None and not keys.is_file():
            raise InputError(f"{folder.name} was deployed from elsewhere: name its file of keys with --set keys=FILE")
        with writing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(folder / "picture.jpg", photograph())
        return own_key(keys, folder.name, folder)

    def _stored(self, wanted: Wanted) -> Place | None:
        """Where the model lies for the group's identity to read; None where the image holds it."""
        store = self._settings.model_store
        return None if store is None else Place.of(store) / wanted.bundle.digest[:16]

    def _uploaded(self, wanted: Wanted, report: Report) -> str | None:
        place = self._stored(wanted)
        if place is None:
            return None
        report(Progress("copy the model", 0, 1))
        if not (place / MANIFEST).exists():
            upload(wanted.bundle, place)
        report(Progress("copy the model", 1, 1))
        return str(place)

    def _body(
        self, wanted: Wanted, secrets: Secrets, image: str, model: str | None, *, trial: bool = False
    ) -> dict[str, Any]:
        chosen = trial_of(self._settings) if trial else self._settings
        body = group_body(chosen, secrets, image=image, model=model)
        return tagged(body, name=wanted.name, model=wanted.model, digest=wanted.bundle.digest, trial=trial)

    def _try(self, groups: Groups, wanted: Wanted, body: dict[str, Any], key: str, report: Report) -> None:
        """Let the new version caption a picture in a group of its own."""
        name = wanted.name + _TRIAL
        try:
            there = groups.get(name)
            if there is None or not _is(there, body):
                self._put(groups, name, there, body)
            self._ask(groups, name, wanted.bundle.info.signature, key, report)
        except EnvironmentProblem as error:
            groups.delete(name)
            raise EnvironmentProblem(f"the version before goes on serving: {error}") from error
        groups.delete(name)

    def _put(self, groups: Groups, name: str, there: Mapping[str, Any] | None, body: dict[str, Any]) -> None:
        if there is not None and must_be_new(there, body):
            groups.delete(name)
        groups.put(name, body)

    def _changed(
        self,
        groups: Groups,
        wanted: Wanted,
        old: dict[str, Any] | None,
        body: dict[str, Any],
        key: str,
        report: Report,
    ) -> Answered:
        """The real group as it should be, or as it was."""
        name, signature = wanted.name, wanted.bundle.info.signature
        change = old is None or not _is(old, body)
        try:
            if change:
                self._put(groups, name, old, body)
            caption, seconds = self._ask(groups, name, signature, key, report)
        except EnvironmentProblem as error:
            if not change or old is None or not _serves(old):
                raise
            self._put(groups, name, groups.get(name), refilled(old, body))
            self._ask(groups, name, None, key, report)
            raise EnvironmentProblem(f"the version before serves again: {error}") from error
        found = groups.get(name)
        if found is None:
            raise EnvironmentProblem(f"{name} was removed while it was deployed: run it again")
        return Answered(self._deployment(found), caption, seconds, key)

    def _ask(self, groups: Groups, name: str, signature: str | None, key: str, report: Report) -> tuple[str, float]:
        chosen = self._settings
        found = groups.get(name)
        if found is None:
            raise EnvironmentProblem(f"container group {name} is not there any more: run it again")
        trust = None if chosen.trust is None else trusted(chosen.trust)
        headers = {"X-Api-Key": key}
        endpoint = Endpoint(self._reach(found), headers, trust, chosen.hostname, signature)
        return smoke_test(endpoint, wait=chosen.wait, report=report, look=lambda: _hopeless(groups, name))

    def _deployment(self, group: Mapping[str, Any]) -> Deployment:
        name, tags = group["name"], group.get("tags") or {}
        folder, address = self._folder(name), group["properties"].get("ipAddress") or {}
        host = self._settings.hostname or address.get("fqdn") or address_of(self._settings)
        kept = folder / KEY
        file = "--keys FILE" if self._settings.keys is None else f"--keys {self._settings.keys}"
        how = f"cat {kept}" if kept.is_file() else f"mezzetin keys add NAME {file}, then deploy again"
        details = {
            "group": str(group.get("id", "")),
            "address": str(address.get("ip", "")),
            "logs": f"az container logs -g {self._settings.resource_group} -n {name} --container-name {CAPTIONS}",
            "curl": curl_line(
                f"https://{host}", str(folder / "picture.jpg"), key=f"$(cat {kept})" if kept.is_file() else "$KEY"
            ),
        }
        model, digest = tags.get(MODEL_TAG, ""), tags.get(DIGEST_TAG, "")
        return Deployment(name, self.name, model, digest, _state(group), f"https://{host}", how, details)


def _is_ours(group: Mapping[str, Any]) -> bool:
    return NAME_TAG in (group.get("tags") or {})


def _is(group: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Say whether a group is, or is becoming, what was asked for."""
    same = (group.get("tags") or {}).get(PRINT_TAG) == body["tags"][PRINT_TAG]
    return same and _state(group) in ("serving", "starting")


def _serves(group: Mapping[str, Any]) -> bool:
    return _state(group) == "serving"


def _state(group: Mapping[str, Any]) -> str:
    properties = group["properties"]
    provisioning, view = properties.get("provisioningState"), (properties.get("instanceView") or {}).get("state")
    if provisioning == "Failed" or view == "Failed":
        return "failed"
    if view in ("Stopped", "Succeeded"):
        return "stopped"
    return "serving" if provisioning == "Succeeded" and view in ("Running", None) else "starting"


def _hopeless(groups: Groups, name: str) -> str | None:
    """Why waiting for a group is in vain, with what Azure or the container said last; None while it is not."""
    group = groups.get(name)
    if group is None:
        return f"container group {name} is not there any more: run it again"
    views = [(one["name"], one["properties"].get("instanceView") or {}) for one in group["properties"]["containers"]]
    for container, view in views:
        if (view.get("restartCount") or 0) >= _MOST_RESTARTS:
            said = [line.strip() for line in groups.log(name, container).splitlines() if line.strip()]
            return (
                f"container {container} ended {view['restartCount']} times: {said[-1] if said else 'it said nothing'}"
            )
    if _state(group) in ("failed", "stopped"):
        events = [event["message"] for _, view in views for event in view.get("events") or () if event.get("message")]
        return f"container group {name} {_state(group)}: {events[-1] if events else 'Azure names no reason'}"
    return None
