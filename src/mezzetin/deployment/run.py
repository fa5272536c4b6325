"""The verbs `deploy`, `deployments` and `undeploy`: a model's name in, an endpoint that answers out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mezzetin.deployment.base import Answered, Deployment, Report, Step, Wanted
from mezzetin.deployment.naming import check_name
from mezzetin.deployment.targets import check_target, find_target, named_targets, read_settings
from mezzetin.errors import InputError
from mezzetin.records import Progress
from mezzetin.registry.reference import find_model
from mezzetin.storage.address import is_address
from mezzetin.storage.paths import Place

_LONGEST_NAME = 32


def _silent(progress: Progress) -> None:
    pass


def deploy(
    target: str,
    model: str | Path | None = None,
    *,
    name: str | None = None,
    image: str | None = None,
    settings: str | Path | None = None,
    registry: str | None = None,
    report: Report = _silent,
    changes: Mapping[str, Any] | None = None,
) -> Answered:
    """Deploy a model to a target and wait until it captions a picture; `settings` is a TOML file.

    `changes` are settings of the target, over those of the file's table [deploy.TARGET]. `name` is the model's own
    where it is left out. The same call changes nothing that is as it should be, and goes on where it was cut off.

    Raises:
        InputError: there is no such target or model, or a setting is wrong.
        MissingExtra: what the target needs is not installed.
        EnvironmentProblem: the place refuses or does not answer, or what was deployed gives no caption; what served
            before serves on.

    """
    check_target(target)
    tables, origin = read_settings(settings, changes or {})
    place = find_target(target, tables[target], origin)
    return place.deploy(_wanted(model, name, image, registry), report)


def plan_deployment(
    target: str,
    model: str | Path | None = None,
    *,
    name: str | None = None,
    image: str | None = None,
    settings: str | Path | None = None,
    registry: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Sequence[Step]:
    """Every resource and request that `deploy` with these arguments would make, in order, without secrets.

    Raises:
        InputError: there is no such target or model, or a setting is wrong.
        MissingExtra: what the target needs is not installed.

    """
    check_target(target)
    tables, origin = read_settings(settings, changes or {})
    return find_target(target, tables[target], origin).plan(_wanted(model, name, image, registry))


def deployments(
    target: str | None = None, *, settings: str | Path | None = None, changes: Mapping[str, Any] | None = None
) -> Sequence[Deployment]:
    """What is deployed on a target; without one on this machine and on each target that the `settings` file has.

    Raises:
        InputError: there is no such target, or a setting is wrong.
        EnvironmentProblem: a place refuses or does not answer.

    """
    if target is not None:
        check_target(target)
    elif changes:
        raise InputError("--set changes the settings of one target: name it")
    tables, origin = read_settings(settings, changes or {})
    names = named_targets(settings) if target is None else [target]
    return [found for name in names for found in find_target(name, tables[name], origin).deployments()]


def undeploy(
    target: str, name: str, *, settings: str | Path | None = None, changes: Mapping[str, Any] | None = None
) -> None:
    """Remove a deployment and what was made for it alone.

    Raises:
        InputError: there is no such target or deployment, or a setting is wrong.
        EnvironmentProblem: the place refuses or does not answer.

    """
    check_target(target)
    check_name(name)
    tables, origin = read_settings(settings, changes or {})
    find_target(target, tables[target], origin).undeploy(name)


def _wanted(model: str | Path | None, name: str | None, image: str | None, registry: str | None) -> Wanted:
    if name is not None:
        check_name(name)
    bundle = find_model(model, registry)
    # An address may carry a signature, which a Place does not show.
    called = "bundled" if model is None else str(Place.of(model)) if is_address(str(model)) else str(model)
    return Wanted(name or _name_of(called, bundle.info.name), bundle, called, image)


def _name_of(called: str, title: str) -> str:
    """A name for a deployment: the registry's for NAME@ALIAS, otherwise the bundle's."""
    registered = re.fullmatch(r"([^/@:\\]+)@[^/@:\\]+", called)
    text = re.sub(r"[^a-z0-9]+", "-", (registered[1] if registered else title).lower()).strip("-")
    # A letter comes first in every name.
    text = text if text[:1].isalpha() else f"m-{text}"
    return text[:_LONGEST_NAME].rstrip("-")
