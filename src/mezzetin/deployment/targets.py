"""The places that can be deployed to, by the name that `mezzetin deploy` gives them.

Enters: settings as a table. Leaves: a `Target`. A target's own libraries are loaded when it is made, not before. One
of your own is another entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mezzetin.config import parse, read_toml
from mezzetin.deployment.base import Target
from mezzetin.errors import InputError, RecipeError

Make = Callable[[Mapping[str, Any], str], Target]


def _local(values: Mapping[str, Any], origin: str) -> Target:
    from mezzetin.deployment.launching import LocalSettings
    from mezzetin.deployment.local import LocalTarget

    return LocalTarget(parse(LocalSettings, values, origin))


def _aci(values: Mapping[str, Any], origin: str) -> Target:
    from mezzetin.deployment.aci import AciTarget
    from mezzetin.deployment.aci_settings import AciSettings

    return AciTarget(parse(AciSettings, values, origin))


def _azureml(values: Mapping[str, Any], origin: str) -> Target:
    from mezzetin.deployment.azureml import AzureMLSettings, AzureMLTarget

    return AzureMLTarget(parse(AzureMLSettings, values, origin))


def _kubernetes(values: Mapping[str, Any], origin: str) -> Target:
    from mezzetin.deployment.kubernetes import KubernetesSettings, KubernetesTarget

    return KubernetesTarget(parse(KubernetesSettings, values, origin))


TARGETS: dict[str, Make] = {"local": _local, "aci": _aci, "azureml": _azureml, "kubernetes": _kubernetes}


def check_target(name: str) -> None:
    """Let the name of a target pass. Raises InputError where there is none of that name."""
    if name not in TARGETS:
        raise InputError(f"there is no target {name!r}: choose one of {', '.join(TARGETS)}")


def find_target(name: str, values: Mapping[str, Any], origin: str) -> Target:
    """Return the target of a name with its settings; `origin` begins the message where one of them is wrong.

    Raises:
        InputError: there is no such target, or a setting is wrong.
        MissingExtra: what it needs is not installed.

    """
    check_target(name)
    return TARGETS[name](values, origin)


def read_settings(file: str | Path | None, changes: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], str]:
    """Return the tables [deploy.TARGET] of a TOML file by target, with `changes` over each, and where they are from.

    Raises:
        InputError: there is no such file.
        RecipeError: it is no TOML, or has a table of no target.

    """
    if file is None:
        return {name: dict(changes) for name in TARGETS}, "settings"
    if not Path(file).is_file():
        raise InputError(f"there is no settings file {file}: name one that there is with --settings")
    tables = read_toml(Path(file)).get("deploy", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise RecipeError(f"{file}: settings are tables [deploy.TARGET], TARGET one of {', '.join(TARGETS)}")
    if unknown := sorted(set(tables) - set(TARGETS)):
        raise RecipeError(f"{file}: [deploy.{unknown[0]}] is for no target: choose one of {', '.join(TARGETS)}")
    return {name: _changed(tables.get(name, {}), changes) for name in TARGETS}, str(file)


def _changed(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A table with changes over it; of a table inside, what is not changed stays."""
    found = dict(table)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = _changed(found[key], value) if both else value
    return found


def named_targets(file: str | Path | None) -> list[str]:
    """The targets that a settings file has tables for; `local`, which needs none, is always among them."""
    tables = read_toml(Path(file)).get("deploy", {}) if file is not None else {}
    return [name for name in TARGETS if name == "local" or name in tables]
