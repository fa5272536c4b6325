"""What target `aci` sends and nobody may read: collected from files and environment variables, for one request."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mezzetin.deployment.aci_settings import AciSettings
from mezzetin.errors import EnvironmentProblem, InputError

HIDDEN = "(secret)"
_SECRET_MEMBERS = ("password", "secureValue", "storageAccountKey", "workspaceKey")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Values that go into a container group and into no log, plan or tag."""

    keys: str = field(default="", repr=False)
    registry_password: str | None = field(default=None, repr=False)
    share_key: str | None = field(default=None, repr=False)
    log_key: str | None = field(default=None, repr=False)
    certificate: str = field(default="", repr=False)
    certificate_key: str = field(default="", repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def planned(settings: AciSettings) -> Secrets:
    """Stand-ins for all of them: a plan reads no secret."""
    return Secrets(HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN, dict.fromkeys(settings.secrets, HIDDEN))


def collected(settings: AciSettings, keys: Path) -> Secrets:
    """Read all secrets that the settings name.

    Raises:
        InputError: a variable is not set, or a file is not there.
        EnvironmentProblem: a file can't be read.

    """
    with_files = settings.tls == "certificate"
    return Secrets(
        keys=_encoded(_without_dates(_content(keys))),
        registry_password=_variable(settings.acr_password_variable) if settings.acr_username else None,
        share_key=_variable(settings.share_key_variable) if settings.share else None,
        log_key=_variable(settings.log_key_variable) if settings.log_workspace else None,
        certificate=_encoded(_content(settings.certificate)) if with_files and settings.certificate else "",
        certificate_key=_encoded(_content(settings.certificate_key)) if with_files and settings.certificate_key else "",
        environment={name: _variable(name) for name in settings.secrets},
    )


def redacted(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request's body with a mark in place of every secret in it."""
    copy = deepcopy(dict(body))
    _hide(copy)
    return copy


def refilled(body: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """A group as Azure tells it, which is without secrets, with those of `source`, so that it can be sent again.

    What `source` knows nothing of under the same name stays without.
    """
    copy = deepcopy(dict(body))
    ours, theirs = copy["properties"], source["properties"]
    if ours.get("ipAddress"):
        ours["ipAddress"] = {name: value for name, value in ours["ipAddress"].items() if name not in ("ip", "fqdn")}
    known = {volume["name"]: volume for volume in theirs.get("volumes") or ()}
    ours["volumes"] = [known.get(volume["name"], volume) for volume in ours.get("volumes") or ()]
    for member in ("imageRegistryCredentials", "diagnostics"):
        if ours.get(member) and theirs.get(member):
            ours[member] = theirs[member]
    values = {
        variable["name"]: variable
        for container in theirs["containers"]
        for variable in container["properties"].get("environmentVariables") or ()
        if "secureValue" in variable
    }
    for container in ours["containers"]:
        told = container["properties"].get("environmentVariables") or []
        container["properties"]["environmentVariables"] = [
            variable if variable.get("value") is not None else values.get(variable["name"], variable)
            for variable in told
        ]
    return copy


def _hide(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _hide(item)
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        if name in _SECRET_MEMBERS and value is not None:
            node[name] = HIDDEN
        elif name == "secret" and isinstance(value, dict):
            node[name] = dict.fromkeys(value, HIDDEN)
        else:
            _hide(value)


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise InputError(f"the environment variable {name} is not set: set it to the secret that target aci needs")
    return value


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}: correct the settings of target aci") from error
    except OSError as error:
        raise EnvironmentProblem(f"{path} can't be read ({error.strerror}): check its owner and mode") from error


def _without_dates(keys: bytes) -> bytes:
    """A file of keys without the dates of their last use: those would make the same deployment another one."""
    try:
        content = json.loads(keys)
        content["keys"] = [{**key, "last_used": None} for key in content["keys"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("the file of keys is none: make one with `mezzetin keys add NAME --keys FILE`") from error
    return json.dumps(content, sort_keys=True).encode()


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
