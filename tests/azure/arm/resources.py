"""Azure's resources in memory, by their ids, and the operations on them that take their time.

Enters: PUT, PATCH, GET, DELETE. Leaves: the resource as ARM shows it, `id`, `name`, `type` and
`properties.provisioningState` included. Ids are compared without regard to case, as ARM does.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any

Resource = dict[str, Any]
_BUSY = {"PUT": "Creating", "PATCH": "Updating", "DELETE": "Deleting"}


@dataclass
class Running:
    """An operation under way: over after `polls` more looks at it or its resource."""

    identifier: str
    path: str
    method: str
    polls: int
    error: tuple[str, str] | None = None
    status: str = "InProgress"

    def look(self, resources: Resources) -> None:
        """Somebody asks how far it is."""
        if self.status != "InProgress":
            return
        self.polls -= 1
        if self.polls < 0:
            self.status = "Failed" if self.error else "Succeeded"
            resources.settle(self)


@dataclass
class Resources:
    """All resources, and the operations on them."""

    held: dict[str, Resource] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1))

    def __contains__(self, path: str) -> bool:
        return path.lower() in self.held

    def __getitem__(self, path: str) -> Resource:
        return self.held[path.lower()]

    def add(self, path: str, body: Resource) -> Resource:
        """Put a resource in place as it is after provisioning."""
        known = str(self.held.get(path.lower(), {}).get("id", path))
        found = {**copy.deepcopy(body), "id": known, "name": path.rpartition("/")[2], "type": type_of(known)}
        found.setdefault("properties", {}).setdefault("provisioningState", "Succeeded")
        self.held[path.lower()] = found
        return found

    def patch(self, path: str, body: Resource) -> Resource:
        """Merge a body into a resource (RFC 7396)."""
        found = self[path]
        _merge(found, copy.deepcopy(body))
        return found

    def under(self, path: str) -> list[Resource]:
        """The resources of a collection: exactly one segment below `path`."""
        start = path.lower().rstrip("/") + "/"
        return [found for key, found in self.held.items() if key.startswith(start) and "/" not in key[len(start) :]]

    def remove(self, path: str) -> None:
        """Remove a resource and all below it."""
        key = path.lower()
        for held in [held for held in self.held if held == key or held.startswith(key + "/")]:
            del self.held[held]

    def begin(self, path: str, method: str, polls: int, error: tuple[str, str] | None) -> Running:
        """Start an operation; its resource says so until it is over."""
        running = Running(f"{next(self._numbers):08d}-0000-4000-8000-000000000000", path, method, polls, error)
        self.running[running.identifier] = running
        self[path]["properties"]["provisioningState"] = _BUSY[method]
        return running

    def busy(self, path: str) -> Running | None:
        """The operation under way on a resource."""
        found = (r for r in self.running.values() if r.path.lower() == path.lower() and r.status == "InProgress")
        return next(found, None)

    def settle(self, running: Running) -> None:
        """Let an operation's resource be what the operation makes of it."""
        if running.method == "DELETE" and running.error is None:
            self.remove(running.path)
        elif running.path in self:
            self[running.path]["properties"]["provisioningState"] = "Failed" if running.error else "Succeeded"


def type_of(path: str) -> str:
    """The type of the resource with this id, such as Microsoft.A/b/c."""
    if (found := re.search(r"/providers/([^/]+)/((?:[^/]+/[^/]+)(?:/[^/]+/[^/]+)*)$", path)) is None:
        return "Microsoft.Resources/resourceGroups"
    return "/".join([found[1], *found[2].split("/")[::2]])


def _merge(target: Resource, change: Resource) -> None:
    for name, value in change.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value
