"""Manifests: a folder artefact exists once its manifest, written last, lists what belongs to it.

Enters: a folder whose files are in place. Leaves: `NAME.json` with each file's size and sha256, and a digest
of the content. The digest covers the files' bytes and the manifest's content, except `provenance` (times,
paths, machine), so that the same content made elsewhere has the same digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mezzetin.errors import BundleError, DatasetError, FormatError
from mezzetin.storage.paths import Place

_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


def content_digest(content: Mapping[str, Any], files: Iterable[Mapping[str, Any]]) -> str:
    """Digest of what an artefact says: its files' sha256 and its content without `provenance`."""
    plain = {key: value for key, value in content.items() if key not in ("provenance", "digest", "files")}
    sums = sorted(str(entry["sha256"]) for entry in files)
    canonical = json.dumps([plain, sums], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def write_manifest(
    path: Path | Place,
    *,
    format: str,
    version: int,
    content: Mapping[str, Any],
    files: Iterable[str] | Mapping[str, tuple[int, str]],
) -> str:
    """Write the manifest `path` for `files` (names relative to its folder); return the content digest.

    Files are named, and then read, or come with their size and sha256, which are believed.
    """
    place = Place.of(path)
    known = files if isinstance(files, Mapping) else {name: _measure(place.parent / name) for name in files}
    entries = [{"name": name, "size": size, "sha256": sha256} for name, (size, sha256) in sorted(known.items())]
    body: dict[str, Any] = {"format": format, "version": version, **content}
    body = {**body, "digest": content_digest(body, entries), "files": entries}
    place.write((json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode())
    return str(body["digest"])


def read_manifest(path: Path | Place, *, format: str, version: int, verify: bool = True) -> dict[str, Any]:
    """Read a manifest and check it: format and version known, every file there, of its size and, with
    `verify`, of its sha256.

    Raises:
        FormatError: it is of another format, or of a newer version than this package reads.
        BundleError: it is missing or broken, or a file is missing or altered (for a format that ends in
            "dataset", DatasetError).
        EnvironmentProblem: the store refuses or does not answer.

    """
    place = Place.of(path)
    trouble = DatasetError if format.endswith("dataset") else BundleError
    noun = format.rpartition(".")[2]
    try:
        body = json.loads(place.read_bytes())
        # Before anything else is read: a newer version may look different.
        _check_version(place, str(body["format"]), int(body["version"]), format, version)
        files = [(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in body["files"]]
    except FileNotFoundError as error:
        raise trouble(f"{place.parent} is no finished {noun}: it has no {place.name}") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise trouble(f"{place} can't be read as the manifest of a {noun}: make or fetch it again") from error
    if body.get("digest") != content_digest(body, body["files"]):
        raise trouble(f"{place} was altered since the {noun} was written: make or fetch it again")
    # A store is asked once for all files, the disk for each.
    sizes = None if place.is_local else _sizes(place.parent, {name for name, _, _ in files})
    for name, size, sha256 in files:
        if why := _not_plain(name, sha256):
            raise trouble(f"{place} {why}: make or fetch the {noun} again")
        file = place.parent / name
        found = _size(file) if sizes is None else sizes.get(name)
        if found is None:
            raise trouble(f"{file} is missing: the {noun} is incomplete, make or fetch it again")
        if found != size or (verify and _sha256(file) != sha256):
            raise trouble(f"{file} was altered since the {noun} was written: make or fetch it again")
    return dict(body)


def _not_plain(name: str, sha256: str) -> str | None:
    """What is wrong with an entry that comes from elsewhere; None where nothing is."""
    # It must not name, and later overwrite, a file outside its folder.
    if "\\" in name or any(part in ("", "..") for part in name.split("/")):
        return f"names a file outside its folder, {name!r}"
    # A digest becomes the name of a file of the cache.
    return None if _SHA256.fullmatch(sha256) else f"holds a digest that is none, {sha256[:80]!r}"


def _check_version(place: Place, found: str, number: int, format: str, version: int) -> None:
    if found != format:
        raise FormatError(f"{place} describes a {found}, not a {format}")
    if number > version:
        raise FormatError(
            f"{place} is of format {found} version {number}; this Mezzetin reads up to version {version}: "
            "update with pip install -U mezzetin"
        )


def _measure(place: Place) -> tuple[int, str]:
    return place.size(), _sha256(place)


def _size(place: Place) -> int | None:
    found = place.entry()
    return None if found is None or found.is_folder else found.size


def _sizes(folder: Place, names: set[str]) -> dict[str, int]:
    """The sizes of the named files, by one listing, of which nothing else is kept."""
    found = ((place.relative_to(folder), entry.size) for place, entry in folder.walk_entries())
    return {name: size for name, size in found if name in names}


def _sha256(place: Place) -> str:
    digest = hashlib.sha256()
    with place.open() as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
