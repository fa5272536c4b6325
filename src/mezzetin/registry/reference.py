"""What `--model MODEL` means: a bundle's folder or address, `bundled`, or a model of the registry.

A path that is there and any address win; `NAME@ALIAS` and `NAME/VERSION` are then asked of the registry. Where an alias
points is asked anew each time; what it points to is copied to this machine's cache once, by digest.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from mezzetin.bundle import BUNDLED, Bundle, bundled_captioner
from mezzetin.errors import BundleError, InputError
from mezzetin.registry.base import ModelVersion, Registry
from mezzetin.registry.naming import Reference, parse_reference
from mezzetin.registry.opening import open_registry
from mezzetin.storage.address import is_address
from mezzetin.storage.cache import cache_folder, limit_bytes
from mezzetin.storage.paths import Place, writing

Model = str | Path | Place
#: What was used this long ago, in seconds, is no longer being loaded by anybody.
_RECENT_S = 3600.0


def registered(model: Model | None) -> Reference | None:
    """The reference that `model` is; None where it is a bundle's folder or address, or the bundled captioner."""
    if not isinstance(model, str) or model == BUNDLED or is_address(model) or Path(model).exists():
        return None
    return parse_reference(model)


def find_model(model: Model | None, registry: str | None = None) -> Bundle:
    """Open the bundle that `--model` names; left out or "bundled" it is the bundled captioner.

    `registry` is what `--registry` takes; by default the environment names it, see `registry_uri`.

    Raises:
        BundleError: there is no such bundle, or it is damaged.
        InputError: the registry has no such model, version or alias.
        EnvironmentProblem: the registry or a store refuses or does not answer.
        MissingExtra: what talks to the registry is not installed.

    """
    if model is None or model == BUNDLED:
        return bundled_captioner()
    reference = registered(model)
    if reference is None:
        return Bundle.open(model)
    opened = open_registry(registry)
    try:
        version = opened.find(reference.name, alias=reference.alias, version=reference.version)
    except InputError as error:
        raise InputError(f"there is no folder {model}, and {error}") from error
    return pulled(opened, version)


def pulled(registry: Registry, version: ModelVersion) -> Bundle:
    """A version's bundle in this machine's cache, copied there if need be.

    The models there take MEZZETIN_CACHE_GB at most: those used longest ago go first, none of the last hour's.

    Raises:
        BundleError: what the registry holds is damaged.
        EnvironmentProblem: the registry does not answer, or the disk is full.

    """
    folder = cache_folder("models")
    kept = folder / version.digest
    if kept.is_dir():
        with suppress(OSError):
            os.utime(kept)
        try:
            return Bundle.open(kept)
        except BundleError:
            # Whatever happened to the copy, the registry has the original.
            shutil.rmtree(kept, ignore_errors=True)
    with writing(folder), tempfile.TemporaryDirectory(prefix=f".{version.digest[:12]}-", dir=folder) as scratch:
        copy = Path(scratch) / "bundle"
        registry.pull(version, copy)
        _make_room(folder, _size(copy))
        try:
            copy.rename(kept)
        except OSError:
            # Another process was faster, and holds the same by the digest.
            if not kept.is_dir():
                raise
    return Bundle.open(kept)


def _make_room(folder: Path, needed: int) -> None:
    """Delete the models used longest ago until `needed` bytes more fit; what a killed process left goes, too."""
    latest = time.time() - _RECENT_S
    found: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        # Another process may be deleting it just now.
        with suppress(OSError):
            used = path.stat().st_mtime
            if not path.name.startswith("."):
                found.append((used, _size(path), path))
            elif used < latest:
                shutil.rmtree(path, ignore_errors=True)
    room = limit_bytes() - sum(size for _, size, _ in found)
    for used, size, path in sorted(found):
        if room >= needed or used >= latest:
            return
        shutil.rmtree(path, ignore_errors=True)
        room += size


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
