"""The repository names no machine of ours: neither the place where it was written nor where packages come from."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Put together here, so that this file does not name them either.
UNNAMED = [
    "/" + "work" + "/",
    "pypi." + "org",
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
    "npm" + "js.com",
    "download.py" + "torch.org",
    "deb." + "debian.org",
    "--index" + "-url",
]


def repository_files() -> list[Path]:
    """Every file that is or would be committed."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing to list")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def names_of(content: bytes) -> list[str]:
    """Which of the unnamed things some content names."""
    return [name for name in UNNAMED if name.encode() in content]


def test_no_file_names_a_registry_or_a_workplace() -> None:
    files = repository_files()
    assert len(files) > 80
    found = {str(path.relative_to(ROOT)): names_of(path.read_bytes()) for path in files}
    assert {name: names for name, names in found.items() if names} == {}


def test_a_name_is_found() -> None:
    assert names_of(b"pip install " + UNNAMED[-1].encode() + b" https://" + UNNAMED[1].encode() + b"/simple") == [
        UNNAMED[1],
        UNNAMED[-1],
    ]
