"""The commit that a training was started at is read as git itself says it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("torch")

from mezzetin.training.commit import commit_of


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "--allow-empty", "-m", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True).stdout.strip()


def test_it_is_what_git_says_however_git_keeps_it(repository: Path) -> None:
    known = git(repository, "rev-parse", "HEAD")
    (repository / "below" / "it").mkdir(parents=True)
    assert commit_of(repository) == commit_of(repository / "below" / "it") == known
    git(repository, "pack-refs", "--all")
    assert commit_of(repository) == known
    git(repository, "worktree", "add", "--quiet", str(repository / "beside"))
    assert commit_of(repository / "beside") == known
    git(repository, "checkout", "--quiet", "--detach")
    assert commit_of(repository) == known


def test_there_is_none_without_a_commit_and_none_of_what_is_odd(repository: Path, tmp_path: Path) -> None:
    head = repository / ".git" / "HEAD"
    for odd in ("", "ref: refs/heads/absent", "not a commit", "\xff"):
        head.write_bytes(odd.encode("latin-1"))
        assert commit_of(repository) is None
    head.unlink()
    assert commit_of(repository) is None
