"""The verbs of the registry: a bundle becomes a version of a name, versions are listed, promoted, fetched, removed.

Enters: what a person names. Leaves: versions as the registry knows them. They stand among the judges since a champion
is made by judging.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mezzetin.bundle import Bundle, upload
from mezzetin.errors import InputError
from mezzetin.evaluation.promotion import Judges, Promotion, Report, check_promotion, promote_version
from mezzetin.records import Progress
from mezzetin.registry.base import CHAMPION, ModelVersion
from mezzetin.registry.naming import check_name, need_reference
from mezzetin.registry.opening import open_registry
from mezzetin.registry.reference import find_model, pulled
from mezzetin.storage.paths import Place

if TYPE_CHECKING:
    from mezzetin.evaluation.rules import GateRules


def _silent(progress: Progress) -> None:
    pass


def register(
    bundle: str | Path,
    name: str,
    *,
    alias: str | None = None,
    tags: Mapping[str, str] | None = None,
    dataset: str | Path | None = None,
    split: str = "val",
    gate: str | Path | GateRules | None = None,
    force: str | None = None,
    registry: str | None = None,
    report: Report = _silent,
) -> Promotion:
    """Register a bundle as a version of `name`; the same content is the version that is there already.

    With `alias` it is then promoted to it, as `promote` does; where that is refused, the version is there all the same.

    Raises:
        BundleError: there is no bundle, or it is damaged.
        InputError: the name or the alias is none, or a champion is there and no dataset to judge by.
        EnvironmentProblem: the registry refuses or does not answer.

    """
    check_name(name)
    opened, found = open_registry(registry), find_model(bundle, registry)
    judges = Judges(dataset, split, gate, force)
    if alias is not None:
        check_promotion(opened, name, found.digest, alias, judges)
    report(Progress("register", 0, 1, name))
    version = opened.push(found, name, tags=tags)
    report(Progress("register", 1, 1, name))
    return Promotion(version) if alias is None else promote_version(opened, version, alias, judges, report)


def models(
    name: str | None = None, *, tags: Mapping[str, str | None] | None = None, registry: str | None = None
) -> list[ModelVersion]:
    """All versions of a registry, of a NAME, or the one that NAME@ALIAS or NAME/VERSION is; newest first.

    `tags` are first set on that one version; None removes a tag.

    Raises:
        InputError: there is no such name, version or alias, or tags without one version to have them.
        EnvironmentProblem: the registry refuses or does not answer.

    """
    opened = open_registry(registry)
    if name is None:
        if tags:
            raise InputError("tags belong to one version: name it as NAME/VERSION or NAME@ALIAS")
        return [version for model in opened.names() for version in opened.versions(model)]
    wanted = need_reference(name, name_alone=True)
    if wanted.alias is None and wanted.version is None:
        if tags:
            raise InputError(f"tags belong to one version: name it as {name}/VERSION or {name}@ALIAS")
        return list(opened.versions(name))
    found = opened.find(wanted.name, alias=wanted.alias, version=wanted.version)
    if tags:
        opened.tag(found.name, found.version, tags)
        found = opened.find(found.name, version=found.version)
    return [found]


def promote(
    model: str,
    *,
    to: str = CHAMPION,
    dataset: str | Path | None = None,
    split: str = "val",
    gate: str | Path | GateRules | None = None,
    force: str | None = None,
    registry: str | None = None,
    report: Report = _silent,
) -> Promotion:
    """Let the alias `to` point to NAME/VERSION or NAME@ALIAS.

    To become the champion where there is one, the version captions `split` of `dataset` beside it and must keep the
    rules of `gate`, by default that nothing is significantly worse. `force` is a reason to promote it whatever the
    gate says; it is kept in the version's tags. See `Promotion` for how to tell a refusal.

    Raises:
        InputError: there is no such version, or a champion is there and no dataset to judge by.
        DatasetError: the split is empty, or one of the two was trained on it.
        RecipeError: the gate's file is wrong.
        EnvironmentProblem: the registry refuses or does not answer.

    """
    wanted, opened = need_reference(model), open_registry(registry)
    version = opened.find(wanted.name, alias=wanted.alias, version=wanted.version)
    return promote_version(opened, version, to, Judges(dataset, split, gate, force), report)


def pull(model: str, folder: str | Path, *, registry: str | None = None) -> tuple[ModelVersion, Bundle]:
    """Copy the bundle of NAME@ALIAS, NAME/VERSION or the newest of NAME to a folder, verified by its digest.

    Raises:
        InputError: there is no such version, or the folder holds something.
        BundleError: what the registry holds is damaged.
        EnvironmentProblem: the registry or a store refuses or does not answer, or the disk is full.

    """
    wanted, opened, place = need_reference(model, name_alone=True), open_registry(registry), Place.of(folder)
    version = opened.find(wanted.name, alias=wanted.alias, version=wanted.version)
    if place.is_local:
        return version, opened.pull(version, place.local_path())
    if place.exists():
        raise InputError(f"{place} holds something already: name a new or empty folder")
    found = pulled(opened, version)
    upload(found, place)
    return version, found


def unregister(model: str, *, registry: str | None = None) -> str:
    """Remove the version NAME/VERSION, or of NAME@ALIAS the alias alone; returns what was removed, in words.

    Raises:
        InputError: there is no such version or alias, or an alias still points to the version.
        EnvironmentProblem: the registry refuses or does not answer.

    """
    wanted, opened = need_reference(model), open_registry(registry)
    found = opened.find(wanted.name, alias=wanted.alias, version=wanted.version)
    if wanted.alias is not None:
        opened.drop_alias(wanted.name, wanted.alias)
        return f"alias {wanted.alias} of {wanted.name}, which pointed to version {found.version}"
    remains = opened.delete(found.name, found.version)
    removed = f"version {found.version} of {found.name} ({found.digest[:12]})"
    return f"{removed}; {remains}" if remains else removed
