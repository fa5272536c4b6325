"""Pictures of a IIIF Image API (1.1, 2, 3): which size to ask for, so that nothing is sent that nobody looks at.

Enters: an image service as a manifest names it. Leaves: the address of the picture at 1,024 pixels or fewer. Where the
manifest says too little (no size, or level 0, which has ready-made sizes only) `info.json` is asked first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mezzetin.collection.sources.web import Web
from mezzetin.data.readers.source import Url
from mezzetin.errors import FetchError, ImageError
from mezzetin.storage.address import without_secrets

LONGEST = 1024
_LEVEL = re.compile(r"level([012])")
_VERSION = re.compile(r"image(?:-api)?/([123])")


@dataclass(frozen=True, slots=True)
class Service:
    """An image service: its base address, version 1 to 3 of the API, and level 0 to 2 of what it can do."""

    base: str
    version: int
    level: int


@dataclass(frozen=True, slots=True)
class IiifImage:
    """A picture of a service that has to be asked for its sizes: a `Lookup`; `plain` is an address without it."""

    service: Service
    plain: str = ""

    def find(self, web: Web) -> Url:
        """See `Lookup`."""
        try:
            info = web.json(f"{self.service.base}/info.json")
        except FetchError:
            if self.plain:
                return Url(self.plain)
            raise
        found = _chosen(self.service, info) if isinstance(info, dict) else None
        if found is None:
            raise ImageError("missing", f"{self}: its info.json names no sizes")
        return Url(found)

    def __str__(self) -> str:
        return without_secrets(self.service.base)


def picture_of(resource: dict[str, Any]) -> Url | IiifImage | None:
    """The picture of an image resource of a manifest; None where it names none."""
    plain = resource.get("id") or resource.get("@id")
    plain = plain if isinstance(plain, str) and plain.startswith(("http://", "https://")) else ""
    service = service_of(resource.get("service"))
    if service is None:
        return Url(plain) if plain else None
    width, height = _number(resource.get("width")), _number(resource.get("height"))
    if service.level and width and height:
        return Url(sized(service, width, height))
    return IiifImage(service, plain)


def service_of(value: Any) -> Service | None:
    """The first image service of a resource's; None where there is none."""
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            continue
        base = one.get("id") or one.get("@id")
        kind = str(one.get("type") or one.get("@type") or "")
        said = f"{one.get('@context', '')} {one.get('profile', '')} {kind}"
        is_image = "image" in said.lower() or "level" in said
        if isinstance(base, str) and base.startswith(("http://", "https://")) and is_image:
            return Service(base.rstrip("/"), _version(said), _level(said))
    return None


def needs_login(resource: dict[str, Any]) -> bool:
    """Whether a service of the resource's lets in only those who sign in (IIIF Authorization Flow)."""
    pending: list[Any] = [resource.get("service")]
    for _ in range(50):
        if not pending:
            return False
        one = pending.pop()
        if isinstance(one, list):
            pending.extend(one)
        elif isinstance(one, dict):
            said = f"{one.get('type', '')} {one.get('@type', '')} {one.get('profile', '')} {one.get('@context', '')}"
            if "Auth" in said or "/auth/" in said:
                return True
            pending.append(one.get("service"))
    return False


def sized(service: Service, width: int, height: int, longest: int = LONGEST) -> str:
    """The address of a whole picture of `width` x `height` pixels, its longer side `longest` pixels or fewer."""
    if max(width, height) <= longest:
        return _address(service, "max" if service.version == 3 else "full")
    # `w,` is what every service of level 1 and above can do, in all versions.
    return _address(service, f"{max(1, width * longest // max(width, height))},")


def _chosen(service: Service, info: dict[str, Any]) -> str | None:
    """The address by what info.json says."""
    profile = info.get("profile")
    level = _level(f"{profile[0] if isinstance(profile, list) and profile else profile}") or service.level
    known = Service(service.base, _version(f"{info.get('@context', '')}") if info.get("@context") else 2, level)
    width, height = _number(info.get("width")), _number(info.get("height"))
    if level and width and height:
        limits = (LONGEST, _number(info.get("maxWidth")), _number(info.get("maxHeight")))
        return sized(known, width, height, min(limit for limit in limits if limit))
    sizes = [(_number(one.get("width")), _number(one.get("height"))) for one in _objects(info.get("sizes"))]
    sizes = sorted((w, h) for w, h in sizes if w and h)
    if not sizes:
        return _address(known, "max" if known.version == 3 else "full") if width and height else None
    w, h = next((one for one in reversed(sizes) if max(one) <= LONGEST), sizes[0])
    return _address(known, f"{w},{h}" if known.version == 3 else f"{w},")


def _address(service: Service, size: str) -> str:
    return f"{service.base}/full/{size}/0/{'native' if service.version == 1 else 'default'}.jpg"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else 0


def _version(said: str) -> int:
    if "ImageService3" in said:
        return 3
    found = _VERSION.search(said)
    return int(found[1]) if found else 2


def _level(said: str) -> int:
    found = _LEVEL.search(said)
    return int(found[1]) if found else 0
