"""Names of exported files: the tree of the source again, below the target, nothing outside it.

Enters: a picture's address and where it was collected. Leaves: a relative path of harmless parts, the same every time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote

from mezzetin.collection.rows import Picture

# What Windows, a shell or a store would read as something else than a name.
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_LONGEST = 180


def prefixes(sources: Iterable[str]) -> dict[str, str]:
    """A folder for each of several sources, by its last part; none where there is one."""
    known = sorted(set(sources))
    if len(known) < 2:
        return dict.fromkeys(known, "")
    found: dict[str, str] = {}
    for source in known:
        name = _part(PurePosixPath(source.rstrip("/")).name)
        number = 1
        while (chosen := name if number == 1 else f"{name}-{number}") in found.values():
            number += 1
        found[source] = chosen
    return found


def relative_name(picture: Picture, prefix: str) -> str:
    """Where a picture's file goes, with `/` between its parts."""
    source, uri = picture.source.rstrip("/"), picture.uri
    if uri.startswith(f"{source}/"):
        inside = uri[len(source) + 1 :]
    elif "://" in uri:
        inside = unquote(uri.split("://", 1)[1].split("?")[0].split("#")[0])
    else:
        inside = PurePosixPath(uri).name
    parts = [_part(part) for part in inside.split("/") if part not in ("", ".", "..")]
    return "/".join(part for part in (prefix, *(parts or [f"picture-{picture.id}"])) if part)


def apart(name: str, number: int) -> str:
    """A name with a picture's number, for where another picture has the name."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}-{number}{path.suffix}"))


def _part(part: str) -> str:
    harmless = _UNFIT.sub("_", part).rstrip(". ") or "_"
    if len(harmless) <= _LONGEST:
        return harmless
    path = PurePosixPath(harmless)
    return f"{path.stem[: _LONGEST - 12]}{path.suffix[:12]}"
