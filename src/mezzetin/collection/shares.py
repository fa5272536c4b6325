"""Whether a path lies on a network share, where SQLite's locks and shared memory can't be trusted.

Enters: a path. Leaves: the kind of file system, or nothing. Linux alone tells (`/proc/self/mountinfo`, proc(5)).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mezzetin.errors import EnvironmentProblem

ALLOW = "MEZZETIN_ALLOW_NETWORK_SHARE"
_MOUNTS = Path("/proc/self/mountinfo")
_SHARED = re.compile(
    r"nfs\d?|cifs|smb\w*|ncpfs|afs|9p|ceph|glusterfs|lustre|gfs2?|ocfs2|beegfs|gpfs|virtiofs|prl_fs|vboxsf|vmhgfs|drvfs|fuse\..+"
)
_LOCAL_FUSE = ("fuse.fuse-overlayfs", "fuse.ntfs-3g", "fuse.gocryptfs")


def refuse_network_share(path: Path) -> None:
    """Refuse a place on a network share.

    Raises:
        EnvironmentProblem: it is one, and MEZZETIN_ALLOW_NETWORK_SHARE is not 1.

    """
    kind = network_share(path)
    if kind is not None and os.environ.get(ALLOW) != "1":
        raise EnvironmentProblem(
            f"{path} lies on a network share ({kind}), where a collection can be damaged: keep it on a local disk and "
            f"share `mezzetin serve --collection` instead, or set {ALLOW}=1 if one machine alone opens it"
        )


def network_share(path: Path, mounts: str | None = None) -> str | None:
    """The kind of the network file system on which `path` lies; None where it is local, or nobody can tell."""
    if mounts is None:
        if not _MOUNTS.is_file():
            return None
        mounts = os.fsdecode(_MOUNTS.read_bytes())
    place, kind = _nearest(path), None
    longest = -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(fields) < 5 or not rest[0]:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4]))
        # Of two mounts on one point the later one is seen.
        if place.is_relative_to(point) and len(point.parts) >= longest:
            longest, kind = len(point.parts), rest[0]
    return kind if kind is not None and _SHARED.fullmatch(kind) and kind not in _LOCAL_FUSE else None


def _nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that is there, with links followed."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.resolve()
