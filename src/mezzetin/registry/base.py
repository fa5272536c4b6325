"""What every registry can do: keep whole bundles as versions of a name.

A version holds a bundle's folder, unchanged. An alias points to one version of its name; `champion` is the one that
users get. Nothing here is pickled, and what is pulled is verified by the bundle's own digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mezzetin.bundle import Bundle

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a registered model.

    `version` is what the registry numbers it by; `digest` is the bundle's content digest (hex); `created` is ISO 8601
    in UTC; `uri` says where the registry keeps it, for people.
    """

    name: str
    version: str
    digest: str
    created: str
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    uri: str = ""


class Registry(Protocol):
    """One place where models are registered.

    Every method raises InputError where a name, version or alias is wrong or missing, and EnvironmentProblem where
    the registry refuses or does not answer.
    """

    @property
    def uri(self) -> str:
        """What `--registry` takes to find it again; no secret in it."""

    def push(self, bundle: Bundle, name: str, *, tags: Mapping[str, str] | None = None) -> ModelVersion:
        """Register a bundle; the same content under the same name is the version that is there already."""

    def pull(self, version: ModelVersion, folder: Path) -> Bundle:
        """Copy a version's bundle into `folder`, new or empty, and verify it by its digest."""

    def names(self) -> Sequence[str]:
        """The names of all models, sorted."""

    def versions(self, name: str) -> Sequence[ModelVersion]:
        """All versions of a name, newest first."""

    def find(self, name: str, *, alias: str | None = None, version: str | None = None) -> ModelVersion:
        """One version, by alias or number; the newest where neither is given."""

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias point to a version, from wherever it pointed before."""

    def drop_alias(self, name: str, alias: str) -> None:
        """Remove an alias; nothing happens where there is none."""

    def tag(self, name: str, version: str, tags: Mapping[str, str | None]) -> None:
        """Set tags of a version; None removes one."""

    def delete(self, name: str, version: str) -> str:
        """Remove a version and say what of it remains, "" where nothing does; one with an alias is refused."""
