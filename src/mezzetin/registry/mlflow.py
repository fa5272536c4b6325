"""The registry that MLflow keeps: in a file of SQLite, on a server, in Databricks or its Unity Catalog.

A version is one run's artefact, a pyfunc whose only artefact is the bundle. It is registered last and complete: a push
that was cut off leaves a run that nobody sees, never half a version.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mezzetin.bundle import Bundle
from mezzetin.errors import BundleError, EnvironmentProblem, InputError
from mezzetin.registry.base import ModelVersion
from mezzetin.registry.door import alone, asking, experiment_of, pages, shown_uri, unless_missing, unless_there
from mezzetin.registry.naming import check_alias, check_name
from mezzetin.registry.packing import COMPLETE, DIGEST, INSIDE, card, metrics, pack, parameters, tags
from mezzetin.storage.paths import writing

_MODEL = "model"
_AT_ONCE = 100


class MlflowRegistry:
    """One MLflow behind the contract of `base.Registry`; `uri` as `opening.full_uri` gives it.

    Raises:
        EnvironmentProblem: it refuses or does not answer.

    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._file = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:") else None
        self._unity = uri.startswith("databricks-uc")
        # Unity Catalog keeps models; runs are kept by the workspace.
        self._tracking = uri.replace("databricks-uc", "databricks", 1)
        with self._asking(), self._alone():
            from mlflow import MlflowClient

            self._check_file()
            self._client = MlflowClient(tracking_uri=self._tracking, registry_uri=uri)
            if self._file is not None:
                # The tables are made by the first question.
                self._client.search_registered_models(max_results=1)

    @property
    def uri(self) -> str:
        """What `--registry` takes to find it again; no secret in it."""
        return shown_uri(self._uri)

    def push(self, bundle: Bundle, name: str, *, tags: Mapping[str, str] | None = None) -> ModelVersion:
        """Register a bundle; see `base.Registry`."""
        check_name(name)
        with self._asking():
            there = self._same(name, bundle.digest)
            if there is None:
                there = self._pushed(bundle, name, tags or {})
            elif tags:
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
                copied = Path(self._download(version, scratch))
                found = _verified(copied, version, self.uri)
                found.folder.replace(folder)
        return Bundle(folder, found.manifest)

    def names(self) -> Sequence[str]:
        """The names of all models that hold a bundle, sorted."""
        found: set[str] = set()
        with self._asking():
            for model in pages(self._client.search_registered_models):
                if self._listed(model.name):
                    found.add(model.name)
        return sorted(found)

    def versions(self, name: str) -> Sequence[ModelVersion]:
        """All versions of a name, newest first; see `base.Registry`."""
        check_name(name)
        with self._asking():
            found = self._listed(name)
        if not found:
            raise InputError(f"the registry {self.uri} has no model {name}: `mezzetin models` lists what there is")
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
        """Let an alias point to a version; see `base.Registry`."""
        check_alias(alias)
        self.find(name, version=version)
        with self._asking():
            self._client.set_registered_model_alias(name, alias, version)

    def drop_alias(self, name: str, alias: str) -> None:
        """Remove an alias; see `base.Registry`."""
        check_alias(alias)
        if any(alias in one.aliases for one in self.versions(name)):
            with self._asking():
                self._client.delete_registered_model_alias(name, alias)

    def tag(self, name: str, version: str, tags: Mapping[str, str | None]) -> None:
        """Set tags of a version; see `base.Registry`."""
        present = self.find(name, version=version).tags
        if own := sorted({DIGEST, COMPLETE} & tags.keys()):
            raise InputError(f"{own[0]} says which bundle a version is: choose another tag")
        with self._asking():
            for key, value in tags.items():
                if value is not None:
                    self._client.set_model_version_tag(name, version, key, value)
                elif key in present:
                    self._client.delete_model_version_tag(name, version, key)

    def delete(self, name: str, version: str) -> str:
        """Remove a version and mark its run as deleted, which `mlflow gc` then clears; see `base.Registry`."""
        found = self.find(name, version=version)
        if found.aliases:
            raise InputError(f"{name}/{version} is {', '.join(found.aliases)}: promote another or drop the alias first")
        with self._asking():
            run = self._client.get_model_version(name, version).run_id
            self._client.delete_model_version(name, version)
            with unless_missing():
                self._client.delete_run(str(run))
            if not self._client.search_model_versions(f"name='{name}'", max_results=1):
                with unless_missing():
                    self._client.delete_registered_model(name)
        return "its files stay until `mlflow gc` clears them"

    def _pushed(self, bundle: Bundle, name: str, more: Mapping[str, str]) -> ModelVersion:
        with tempfile.TemporaryDirectory(prefix="mezzetin-") as scratch:
            model = pack(bundle, Path(scratch))
            about = tags(bundle)
            run = self._client.create_run(self._experiment(), run_name=f"register {name}", tags=about)
            try:
                self._log(run.info.run_id, bundle)
                self._client.log_artifacts(run.info.run_id, str(model), _MODEL)
                with self._alone(), unless_there():
                    self._client.create_registered_model(name)
                made = self._client.create_model_version(
                    name,
                    f"{run.info.artifact_uri}/{_MODEL}",
                    run.info.run_id,
                    tags={**about, **more, COMPLETE: "true"},
                    description=card(bundle),
                )
            except BaseException:
                # What is without a version is no part of the registry; that it can't be cleared changes nothing.
                with suppress(Exception):
                    self._client.delete_run(run.info.run_id)
                raise
            self._client.set_terminated(run.info.run_id)
        return self._settled(name, bundle.digest, str(made.version), run.info.run_id)

    def _settled(self, name: str, digest: str, version: str, run: str) -> ModelVersion:
        """The version of a digest after a push: of two made at once the earlier stays."""
        first = self._same(name, digest)
        if first is None:
            raise EnvironmentProblem(f"{name}/{version} is gone again from {self.uri}: run the same command again")
        if first.version != version:
            self._client.delete_model_version(name, version)
            self._client.delete_run(run)
        return first

    def _log(self, run: str, bundle: Bundle) -> None:
        from mlflow.entities import Metric, Param

        now = int(datetime.now(UTC).timestamp() * 1000)
        params = [Param(key, value) for key, value in parameters(bundle).items()]
        for start in range(0, len(params), _AT_ONCE):
            self._client.log_batch(run, params=params[start : start + _AT_ONCE])
        found = [Metric(key, value, now, 0) for key, value in metrics(bundle.scores).items()]
        self._client.log_batch(run, metrics=found)

    def _experiment(self) -> str:
        with self._alone():
            return experiment_of(self._client, self._tracking)

    def _same(self, name: str, digest: str) -> ModelVersion | None:
        return next((one for one in self._listed(name) if one.digest == digest), None)

    def _listed(self, name: str) -> list[ModelVersion]:
        """The complete versions with a bundle, newest first; of those with one digest the earliest."""
        with unless_missing():
            model = self._client.get_registered_model(name)
            every = pages(self._client.search_model_versions, f"name='{name}'")
            found = [self._version(one, model.aliases) for one in self._whole(every)]
            known = [one for one in found if one is not None]
            earliest = {one.digest: one for one in sorted(known, key=_number, reverse=True)}
            return sorted(earliest.values(), key=_number, reverse=True)
        return []

    def _whole(self, versions: Iterator[Any]) -> Iterator[Any]:
        """Versions with their tags, which a listing of Unity Catalog leaves out."""
        for one in versions:
            yield self._client.get_model_version(one.name, one.version) if self._unity else one

    def _version(self, found: Any, aliases: Mapping[str, str]) -> ModelVersion | None:
        if found.tags.get(COMPLETE) != "true" or not found.tags.get(DIGEST):
            return None
        number = str(found.version)
        return ModelVersion(
            name=found.name,
            version=number,
            digest=found.tags[DIGEST],
            created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
            aliases=tuple(sorted(alias for alias, points in aliases.items() if str(points) == number)),
            tags=dict(found.tags),
            uri=f"models:/{found.name}/{number}",
        )

    def _download(self, version: ModelVersion, target: str) -> str:
        with self._asking():
            from mlflow.artifacts import download_artifacts

            if self._unity:
                uri = f"models:/{version.name}/{version.version}/{INSIDE}"
                return str(download_artifacts(uri, dst_path=target, registry_uri=self._uri))
            source = self._client.get_model_version_download_uri(version.name, version.version)
            return str(download_artifacts(f"{source}/{INSIDE}", dst_path=target, tracking_uri=self._tracking))

    def _check_file(self) -> None:
        """See whether the file can be opened; MLflow would try it for minutes."""
        if self._file is None:
            return
        try:
            with closing(sqlite3.connect(self._file)) as database:
                database.execute("PRAGMA schema_version").fetchone()
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"{self._file} can't be used as a registry ({error}): name another") from error

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with asking(self._uri):
            yield

    def _alone(self) -> AbstractContextManager[None]:
        return alone(self._uri)


def _number(version: ModelVersion) -> int:
    return int(version.version)


def _verified(copied: Path, version: ModelVersion, uri: str) -> Bundle:
    found = Bundle.open(copied)
    if found.digest != version.digest:
        raise BundleError(f"{version.name}/{version.version} of {uri} holds another bundle than was registered")
    return found
