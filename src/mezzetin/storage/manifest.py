"""Manifests: a folder artefact exists once its manifest, written last, lists what belongs to it.

Enters: a folder whose files are in place. Leaves: `NAME.json` with each file's size and sha256, and a digest
of the content. The digest covers the files' bytes and the manifest's content, except `provenance` (times,
paths, machine), so that the same content made elsewhere has the same digest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mezzetin.errors import BundleError, DatasetError, FormatError

_CHUNK = 1 << 20


def file_sha256(path: Path) -> str:
    """Return the hex sha256 of a file, read in chunks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place, fsync and rename it, so that a reader sees all of it or nothing."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)


def content_digest(content: Mapping[str, Any], files: Iterable[Mapping[str, Any]]) -> str:
    """Digest of what an artefact says: its files' sha256 and its content without `provenance`."""
    plain = {key: value for key, value in content.items() if key not in ("provenance", "digest", "files")}
    sums = sorted(str(entry["sha256"]) for entry in files)
    canonical = json.dumps([plain, sums], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def write_manifest(path: Path, *, format: str, version: int, content: Mapping[str, Any], files: Iterable[str]) -> str:
    """Write the manifest `path` for `files` (names relative to its folder); return the content digest."""
    entries = [
        {
            "name": name,
            "size": (path.parent / name).stat().st_size,
            "sha256": file_sha256(path.parent / name),
        }
        for name in sorted(files)
    ]
    body: dict[str, Any] = {"format": format, "version": version, **content}
    body = {**body, "digest": content_digest(body, entries), "files": entries}
    write_atomically(path, (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode())
    return str(body["digest"])


def read_manifest(path: Path, *, format: str, version: int, verify: bool = True) -> dict[str, Any]:
    """Read a manifest and check it: format and version known, every file there, of its size and, with
    `verify`, of its sha256.

    Raises:
        FormatError: it is of another format, or of a newer version than this package reads.
        BundleError: it is missing or broken, or a file is missing or altered (for a format that ends in
            "dataset", DatasetError).

    """
    trouble = DatasetError if format.endswith("dataset") else BundleError
    noun = format.rpartition(".")[2]
    try:
        body = json.loads(path.read_bytes())
        # Before anything else is read: a newer version may look different.
        _check_version(path, str(body["format"]), int(body["version"]), format, version)
        files = [(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in body["files"]]
    except FileNotFoundError as error:
        raise trouble(f"{path.parent} is no finished {noun}: it has no {path.name}") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise trouble(f"{path} can't be read as the manifest of a {noun}: make or fetch it again") from error
    if body.get("digest") != content_digest(body, body["files"]):
        raise trouble(f"{path} was altered since the {noun} was written: make or fetch it again")
    for name, size, sha256 in files:
        # What comes from elsewhere must not name, and later overwrite, a file outside its folder.
        if "\\" in name or any(part in ("", "..") for part in name.split("/")):
            raise trouble(f"{path} names a file outside its folder, {name!r}: make or fetch the {noun} again")
        _check_file(path.parent / name, size, sha256 if verify else None, trouble, noun)
    return dict(body)


def _check_version(path: Path, found: str, number: int, format: str, version: int) -> None:
    if found != format:
        raise FormatError(f"{path} describes a {found}, not a {format}")
    if number > version:
        raise FormatError(
            f"{path} is of format {found} version {number}; this Mezzetin reads up to version {version}: "
            "update with pip install -U mezzetin"
        )


def _check_file(path: Path, size: int, sha256: str | None, trouble: type[Exception], noun: str) -> None:
    if not path.is_file():
        raise trouble(f"{path} is missing: the {noun} is incomplete, make or fetch it again")
    if path.stat().st_size != size or (sha256 is not None and file_sha256(path) != sha256):
        raise trouble(f"{path} was altered since the {noun} was written: make or fetch it again")
