"""Which commit of a git repository a training was started in, read from its files: git need not be there."""

from __future__ import annotations

import re
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def commit_of(folder: Path) -> str | None:
    """The hex name of the commit that the repository around `folder` is at; None where there is none or it is odd."""
    for above in (folder.absolute(), *folder.absolute().parents):
        if (above / ".git").exists():
            try:
                return _head(above / ".git")
            except (OSError, UnicodeDecodeError):
                return None
    return None


def _head(git: Path) -> str | None:
    if git.is_file():
        # A working tree beside the repository; its file names the folder that has its HEAD.
        git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref:"):
        return _plain(head)
    name = head.removeprefix("ref:").strip()
    common = git / "commondir"
    homes = [git, git / common.read_text(encoding="utf-8").strip()] if common.is_file() else [git]
    for home in homes:
        if (home / name).is_file():
            return _plain((home / name).read_text(encoding="utf-8").strip())
        packed = home / "packed-refs"
        for line in packed.read_text(encoding="utf-8").splitlines() if packed.is_file() else []:
            commit, _, ref = line.partition(" ")
            if ref == name:
                return _plain(commit)
    return None


def _plain(text: str) -> str | None:
    return text if _COMMIT.fullmatch(text) else None
