"""The registry of Azure Machine Learning: a workspace's models, or those of a shared registry.

A version is a model of type `custom_model` whose folder is the bundle, unchanged. The files go to the workspace's blob
store first and the version is made last, so that a push that was cut off leaves no half version. Digest and aliases
are its tags; an alias counts where it was set last.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mezzetin.bundle import MANIFEST, Bundle
from mezzetin.errors import BundleError, EnvironmentProblem, InputError
from mezzetin.registry.azureml_door import Scope, asking, connect, parse_scope, unless_missing
from mezzetin.registry.base import ModelVersion
from mezzetin.registry.naming import check_alias, check_name
from mezzetin.storage.paths import writing

DIGEST, COMPLETE, ALIAS = "mezzetin_digest", "mezzetin_complete", "mezzetin_alias_"
_TRIES = 3
_FOLDER = "bundle"


def open_azureml(uri: str) -> AzureMLRegistry:
    """Open what an azureml:// address names.

    Raises:
        InputError: it names no workspace and no registry.
        MissingExtra: `mezzetin[azureml]` is not installed.
        EnvironmentProblem: Azure refuses or does not answer.

    """
    return AzureMLRegistry(parse_scope(uri))


class AzureMLRegistry:
    """A workspace or shared registry behind the contract of `base.Registry`.

    `credential` is any credential of azure-identity's kind, by default that of whoever is signed in; `client` an
    `MLClient` that is there already.

    Raises:
        MissingExtra: `mezzetin[azureml]` is not installed.
        EnvironmentProblem: Azure refuses or does not answer.

    """

    def __init__(self, scope: Scope, credential: Any = None, client: Any = None) -> None:
        self._scope = scope
        self._models = (connect(scope, credential) if client is None else client).models

    @property
    def uri(self) -> str:
        """What `--registry` takes to find it again; no secret in it."""
        return str(self._scope)

    def push(self, bundle: Bundle, name: str, *, tags: Mapping[str, str] | None = None) -> ModelVersion:
        """Register a bundle; see `base.Registry`."""
        check_name(name)
        _no_own(tags or {})
        there = self._same(name, bundle.digest)
        if there is None:
            return self._pushed(bundle, name, tags or {})
        if tags and not tags.items() <= there.tags.items():
            self.tag(name, there.version, dict(tags))
            there = self.find(name, version=there.version)
        return there

    def pull(self, version: ModelVersion, folder: Path) -> Bundle:
        """Copy a version's bundle into `folder`; see `base.Registry`."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} holds something already: name a new or empty folder")
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
                with self._asking():
                    self._models.download(version.name, version.version, scratch)
                found = _verified(Path(scratch), version, self.uri)
                found.folder.replace(folder)
        return Bundle(folder, found.manifest)

    def names(self) -> Sequence[str]:
        """The names of all models that hold a bundle, sorted."""
        with self._asking():
            named = [str(model.name) for model in self._models.list()]
        return sorted(name for name in named if self._listed(name))

    def versions(self, name: str) -> Sequence[ModelVersion]:
        """All versions of a name, newest first; see `base.Registry`."""
        check_name(name)
        if not (found := self._listed(name)):
            raise InputError(f"{self.uri} has no model {name}: `mezzetin models` lists what there is")
        return found

    def find(self, name: str, *, alias: str | None = None, version: str | None = None) -> ModelVersion:
        """One version, by alias or number, or the newest; see `base.Registry`."""
        found = self.versions(name)
        if alias is not None:
            check_alias(alias)
            match = next((one for one in found if alias in one.aliases), None)
        else:
            match = next((one for one in found if version in (None, one.version)), None)
        if match is None:
            which = f"alias {alias}" if alias is not None else f"version {version}"
            raise InputError(f"{name} has no {which} in {self.uri}: `mezzetin models {name}` lists what there is")
        return match

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias point to a version; see `base.Registry`.

        The new version gets it before the old one loses it: cut off between the two, the new one counts.
        """
        check_alias(alias)
        found = self.versions(name)
        target = self.find(name, version=version)
        if alias not in target.aliases:
            self._retag(name, version, {ALIAS + alias: datetime.now(UTC).isoformat()})
        for one in found:
            if one.version != version and ALIAS + alias in one.tags:
                self._retag(name, one.version, {ALIAS + alias: None})

    def drop_alias(self, name: str, alias: str) -> None:
        """Remove an alias; see `base.Registry`."""
        check_alias(alias)
        for one in self.versions(name):
            if ALIAS + alias in one.tags:
                self._retag(name, one.version, {ALIAS + alias: None})

    def tag(self, name: str, version: str, tags: Mapping[str, str | None]) -> None:
        """Set tags of a version; see `base.Registry`."""
        _no_own(tags)
        self.find(name, version=version)
        self._retag(name, version, tags)

    def delete(self, name: str, version: str) -> str:
        """Archive a version, which is all that azure-ai-ml can do; see `base.Registry`.

        It is listed and found no more. Its files stay in the blob store, and `az ml model restore` brings it back.
        """
        found = self.find(name, version=version)
        if found.aliases:
            raise InputError(f"{name}/{version} is {', '.join(found.aliases)}: promote another or drop the alias first")
        with self._asking():
            self._models.archive(name, version)
        where = self._scope
        place = f"--registry-name {where.registry}"
        if not where.registry:
            place = f"--resource-group {where.resource_group} --workspace-name {where.workspace}"
        restore = f"az ml model restore --name {name} --version {version} {place}"
        return f"Azure only archives it: its files stay, and `{restore}` brings it back"

    def asset(self, version: ModelVersion) -> str:
        """What a deployment calls a version: its id in Azure."""
        if self._scope.registry:
            return f"{self.uri}/models/{version.name}/versions/{version.version}"
        return f"{self._scope.path}/models/{version.name}/versions/{version.version}"

    def _pushed(self, bundle: Bundle, name: str, tags: Mapping[str, str]) -> ModelVersion:
        with self._asking():
            from azure.ai.ml.constants import AssetTypes
            from azure.ai.ml.entities import Model
        known = {**tags, DIGEST: bundle.digest, COMPLETE: "true"}
        with tempfile.TemporaryDirectory(prefix="mezzetin-") as scratch:
            folder = _copied(bundle, Path(scratch) / _FOLDER)
            for _ in range(_TRIES):
                number = self._free(name)
                model = Model(
                    name=name,
                    version=number,
                    type=AssetTypes.CUSTOM_MODEL,
                    path=str(folder),
                    tags=known,
                    description=f"{bundle.info.name} {bundle.info.version}, an image captioner ({bundle.language})",
                )
                try:
                    with self._asking():
                        self._models.create_or_update(model)
                except (EnvironmentProblem, ValueError):
                    # Somebody else may have made a version of this number in between. (In a shared registry azure-ai-ml
                    # then looks for a workspace that is not there, hence the ValueError.)
                    if not self._is_taken(name, number):
                        raise
                    continue
                return self._settled(name, bundle.digest, number)
        raise EnvironmentProblem(f"others push to {name} in {self.uri} all the time: run the same command again")

    def _settled(self, name: str, digest: str, number: str) -> ModelVersion:
        """The version of a digest after a push: of two made at once the earlier stays."""
        first = self._same(name, digest)
        if first is None:
            raise EnvironmentProblem(f"{name}/{number} is gone again from {self.uri}: run the same command again")
        if first.version != number:
            with self._asking():
                self._models.archive(name, number)
        return first

    def _newest(self, name: str) -> int:
        """The highest number that was ever given, archived versions included; 0 without any."""
        with self._asking(), unless_missing():
            from azure.ai.ml.constants import ListViewType

            found = self._models.list(name=name, list_view_type=ListViewType.ALL)
            return max((int(model.version) for model in found if str(model.version).isdigit()), default=0)
        return 0

    def _free(self, name: str) -> str:
        """The next number; of a shared registry, which does not list what was archived, it is tried out."""
        number = self._newest(name) + 1
        while self._scope.registry and self._is_taken(name, str(number)):
            number += 1
        return str(number)

    def _is_taken(self, name: str, number: str) -> bool:
        with self._asking(), unless_missing():
            self._models.get(name, number)
            return True
        return False

    def _same(self, name: str, digest: str) -> ModelVersion | None:
        """The earliest version of a digest."""
        return next((one for one in reversed(self._listed(name)) if one.digest == digest), None)

    def _listed(self, name: str) -> list[ModelVersion]:
        """The complete versions with a bundle, newest first."""
        found: list[Any] = []
        with self._asking(), unless_missing():
            found = [model for model in self._models.list(name=name) if str(model.version).isdigit()]
        whole = [model for model in found if (model.tags or {}).get(COMPLETE) == "true" and model.tags.get(DIGEST)]
        # An alias that stands at two versions was being moved: the later one has it.
        latest: dict[str, str] = {}
        for model in whole:
            for key in _aliases(model.tags):
                latest[key] = max(latest.get(key, ""), model.tags[key])
        versions = [_version(model, latest) for model in whole]
        return sorted(versions, key=lambda one: int(one.version), reverse=True)

    def _retag(self, name: str, version: str, changes: Mapping[str, str | None]) -> None:
        with self._asking():
            model = self._models.get(name, version)
            changed = {**(model.tags or {}), **changes}
            model.tags = {key: value for key, value in changed.items() if value is not None}
            self._models.create_or_update(model)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with asking(self.uri):
            yield


def _aliases(tags: Mapping[str, str]) -> list[str]:
    return [key for key in tags if key.startswith(ALIAS)]


def _version(model: Any, latest: Mapping[str, str]) -> ModelVersion:
    created = getattr(model.creation_context, "created_at", None)
    held = sorted(key.removeprefix(ALIAS) for key in _aliases(model.tags) if model.tags[key] == latest[key])
    return ModelVersion(
        name=str(model.name),
        version=str(model.version),
        digest=model.tags[DIGEST],
        created=created.astimezone(UTC).isoformat(timespec="seconds") if isinstance(created, datetime) else "",
        aliases=tuple(held),
        tags=dict(model.tags),
        uri=str(model.id or ""),
    )


def _no_own(tags: Mapping[str, str | None]) -> None:
    if own := sorted(key for key in tags if key in (DIGEST, COMPLETE) or key.startswith(ALIAS)):
        raise InputError(f"{own[0]} is set by Mezzetin itself: choose another tag")


def _copied(bundle: Bundle, folder: Path) -> Path:
    """A folder with nothing in it but the bundle: azure-ai-ml takes along whatever else lies there."""
    with writing(folder):
        for name in [*(entry["name"] for entry in bundle.manifest["files"]), MANIFEST]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.folder / name, folder / name)
    return folder


def _verified(copied: Path, version: ModelVersion, uri: str) -> Bundle:
    manifest = next(iter(sorted(copied.rglob(MANIFEST))), None)
    if manifest is None:
        raise BundleError(f"{version.name}/{version.version} of {uri} holds no bundle: its files were removed")
    found = Bundle.open(manifest.parent)
    if found.digest != version.digest:
        raise BundleError(f"{version.name}/{version.version} of {uri} holds another bundle than was registered")
    return found
