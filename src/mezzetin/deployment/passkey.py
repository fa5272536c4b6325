"""The key with which a deployment is asked: made by `mezzetin keys`, kept beside the deployment's record.

Enters: a file of keys (hashes alone). Leaves: a key of this deployment's own, in a file that only its owner may read,
so that the smoke test and the printed curl line need nobody's key.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mezzetin.errors import EnvironmentProblem
from mezzetin.storage.paths import writing

KEY = "key"
#: A key that was made elsewhere, for a machine that does not hold the deployment's own.
VARIABLE = "MEZZETIN_KEY"


def own_key(keys: Path, name: str, folder: Path) -> str:
    """The key of deployment `name`: MEZZETIN_KEY, the one kept in `folder`, or one made and kept now.

    Raises:
        EnvironmentProblem: the file of keys can't be read or written.

    """
    kept = folder / KEY
    if given := os.environ.get(VARIABLE):
        return _kept(kept, given)
    if kept.is_file() and holds_key(keys, name):
        return kept.read_text(encoding="ascii").strip()
    if holds_key(keys, name):
        # Cut off between making it and keeping it, or its file was removed: nobody has it.
        _keys("revoke", keys, name)
    return _kept(kept, str(_keys("add", keys, name)["key"]))


def _kept(path: Path, key: str) -> str:
    with writing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(key + "\n")
    return key


def drop_key(keys: Path, name: str) -> None:
    """Let the deployment's own key count no longer; nothing happens where there is none."""
    if keys.is_file() and holds_key(keys, name):
        _keys("revoke", keys, name)


def holds_key(keys: Path, name: str) -> bool:
    """Say whether the file holds a key of this deployment's own that counts."""
    try:
        listed = json.loads(keys.read_bytes())["keys"]
        return any(key["name"] == f"deploy-{name}" and key["revoked"] is None for key in listed)
    except FileNotFoundError:
        return False
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise EnvironmentProblem(f"{keys} can't be read as a file of keys: name one of `mezzetin keys add`") from error


def _keys(verb: str, keys: Path, name: str) -> dict[str, Any]:
    """Run `mezzetin keys`, which knows the file's format and locks it."""
    command = [sys.executable, "-m", "mezzetin", "keys", verb, f"deploy-{name}", "--keys", str(keys), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise EnvironmentProblem(f"mezzetin keys {verb} failed on {keys}: run it yourself to see why") from error
    if "error" in answer:
        raise EnvironmentProblem(str(answer["error"]["message"]))
    return answer
