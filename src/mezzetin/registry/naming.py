"""Names of models, versions and aliases: what a person may write, taken apart without asking any registry."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mezzetin.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_VERSION = re.compile(r"[1-9][0-9]{0,17}")
#: What MLflow keeps for itself.
_NO_ALIAS = re.compile(r"(?i)latest|v[0-9]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """A model of a registry: a name, and an alias or a version of it (both None where only a name was written)."""

    name: str
    alias: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        if self.alias is not None:
            return f"{self.name}@{self.alias}"
        return self.name if self.version is None else f"{self.name}/{self.version}"


def parse_reference(text: str) -> Reference | None:
    """Take `NAME@ALIAS` or `NAME/VERSION` apart; None for anything else, such as a path."""
    name, at, alias = text.partition("@")
    if at:
        valid = _NAME.fullmatch(name) and _ALIAS.fullmatch(alias) and not _NO_ALIAS.fullmatch(alias)
        return Reference(name, alias=alias) if valid else None
    name, _, version = text.partition("/")
    return Reference(name, version=version) if _NAME.fullmatch(name) and _VERSION.fullmatch(version) else None


def need_reference(text: str, *, name_alone: bool = False) -> Reference:
    """`parse_reference` where nothing else will do; with `name_alone` a bare NAME is one, too.

    Raises:
        InputError: the text is none.

    """
    found = parse_reference(text)
    if found is None and name_alone and _NAME.fullmatch(text):
        return Reference(text)
    if found is None:
        forms = "NAME, NAME@ALIAS or NAME/VERSION" if name_alone else "NAME@ALIAS or NAME/VERSION"
        raise InputError(f"{text!r} names no model of a registry: write {forms}")
    return found


def check_name(name: str) -> str:
    """Return a model's name as it is.

    Raises:
        InputError: it holds something that not every registry takes.

    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a model: use letters, digits, - _ and . (200 at most)")
    return name


def check_alias(alias: str) -> str:
    """Return an alias as it is.

    Raises:
        InputError: it holds something that not every registry takes, or looks like a version.

    """
    if not _ALIAS.fullmatch(alias) or _NO_ALIAS.fullmatch(alias):
        raise InputError(
            f"{alias!r} is no alias: begin with a letter, then letters, digits, - and _ (not v1, not latest)"
        )
    return alias
