"""Names of deployments, and the folder of this machine where one is remembered."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mezzetin.errors import InputError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", re.ASCII)


def check_name(name: str) -> None:
    """Let a name pass that every target can use.

    Raises:
        InputError: it is not 2 to 32 small letters, digits and single hyphens, or does not begin with a letter.

    """
    if not _NAME.fullmatch(name) or "--" in name:
        raise InputError(
            f"{name!r} is no name for a deployment: use 2 to 32 small letters, digits and single hyphens, letter first"
        )


def state_folder(target: str) -> Path:
    """Where this machine remembers the deployments of a target, a folder each: below XDG_STATE_HOME."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "mezzetin" / "deployments" / target
