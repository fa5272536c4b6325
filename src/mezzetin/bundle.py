"""A trained captioner as a folder: what `train` writes and everything else reads. No torch, no ONNX here.

bundle.json           the manifest, written last: what it is, how it looks at pictures, how it decodes
encoder.onnx          pixels (B, H, W, 3) uint8 -> memory (B, ...), gist (B, C)
decoder.onnx          token (B, K), state (B, K, ...), memory (B, ...) -> log-probabilities (B, K, V), state
weights.safetensors   each weight once, fp16; both graphs refer into it, torch reads it by name
vocabulary.json       the words
training_images.npy   sorted 64-bit prefixes of the training pictures' sha256
calibration.json      what makes a confidence of a caption's signals; absent where too few pictures were held out
scores.json, card.md, LICENSE   how good it is, what it is for, on what terms
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mezzetin.confidence import Calibration
from mezzetin.errors import BundleError, FormatError
from mezzetin.pixels import Preprocessing
from mezzetin.records import ModelInfo
from mezzetin.storage.cache import cache_folder
from mezzetin.storage.files import write_atomically
from mezzetin.storage.manifest import read_manifest, write_manifest
from mezzetin.storage.paths import Place, writing
from mezzetin.vocabulary import Vocabulary

FORMAT = "mezzetin.bundle"
VERSION = 1
MANIFEST = "bundle.json"
BUNDLED = "bundled"
CALIBRATION = "calibration.json"
WEIGHTS = "weights.safetensors"
REQUIRED = ("encoder.onnx", "decoder.onnx", WEIGHTS, "vocabulary.json", "training_images.npy", "card.md")


@dataclass(frozen=True)
class Bundle:
    """An opened bundle; every file was there and of its size and digest when it was opened."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | Path | Place) -> Bundle:
        """Open and verify a bundle; one in a store is copied to the cache of this machine, once.

        Raises:
            BundleError: no bundle there, or a file is missing or altered.
            FormatError: its format is newer than this package reads.
            EnvironmentProblem: the store refuses or does not answer.

        """
        place = Place.of(folder)
        if not place.is_folder():
            raise BundleError(f"there is no bundle {place}: name the folder that `mezzetin train` wrote")
        folder = Path(place.address.path) if place.is_local else _fetched(place)
        manifest = read_manifest(folder / MANIFEST, format=FORMAT, version=VERSION)
        listed = {entry["name"] for entry in manifest["files"]}
        missing = [name for name in REQUIRED if name not in listed]
        if missing:
            raise BundleError(f"{folder} has no {missing[0]} in its manifest: make or fetch it again")
        return cls(folder, manifest)

    @property
    def digest(self) -> str:
        """The content digest, hex."""
        return str(self.manifest["digest"])

    @property
    def info(self) -> ModelInfo:
        """Name, version, signature and licence, as captions carry them."""
        return ModelInfo(
            name=str(self.manifest["name"]),
            version=str(self.manifest["model_version"]),
            signature=self.digest[:12],
            licence=str(self.manifest["licence"]),
        )

    @property
    def language(self) -> str:
        """BCP 47 tag of the captions it writes."""
        return str(self.manifest["language"])

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture becomes pixels."""
        return Preprocessing.from_json(self.manifest["encoder"]["preprocessing"])

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words it knows."""
        return Vocabulary.from_json((self.folder / "vocabulary.json").read_bytes())

    @cached_property
    def training_images(self) -> NDArray[np.uint64]:
        """Sorted prefixes of the training pictures' digests; see `image_keys`."""
        keys: NDArray[np.uint64] = np.load(self.folder / "training_images.npy", allow_pickle=False)
        return keys

    @cached_property
    def calibration(self) -> Calibration | None:
        """What makes a confidence of a caption's signals; None where the bundle was not calibrated.

        Raises:
            BundleError: it is damaged.
            FormatError: it is newer than this package reads.

        """
        if not any(entry["name"] == CALIBRATION for entry in self.manifest["files"]):
            return None
        try:
            return Calibration.from_json((self.folder / CALIBRATION).read_bytes())
        except BundleError as error:
            kind = FormatError if isinstance(error, FormatError) else BundleError
            raise kind(f"{self.folder}: {error}") from error

    @property
    def scores(self) -> dict[str, Any]:
        """What `scores.json` says, or an empty dict."""
        path = self.folder / "scores.json"
        return dict(json.loads(path.read_bytes())) if path.is_file() else {}

    def has_trained_on(self, sha256: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """For each key of `image_keys` whether that picture was among the training pictures."""
        return np.isin(sha256, self.training_images)


def image_keys(sha256: list[str]) -> NDArray[np.uint64]:
    """The first 64 bits of each hex digest: enough to tell a million pictures apart."""
    return np.array([int(digest[:16], 16) for digest in sha256], np.uint64)


def seal(folder: Path, content: Mapping[str, Any], names: Iterable[str] | None = None) -> Bundle:
    """Write `bundle.json` over a folder whose other files are in place, and open it.

    `names` are the files that belong to it, by default all but hidden files (what a killed run left half-written).
    """
    if names is None:
        names = [path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    listed = set(names) - {MANIFEST}
    write_manifest(folder / MANIFEST, format=FORMAT, version=VERSION, content=content, files=listed)
    return Bundle.open(folder)


def reseal(folder: Path, manifest: Mapping[str, Any], names: Iterable[str] | None = None) -> Bundle:
    """Seal a folder under the content of a manifest that was read: what sealing adds is made anew."""
    made_by_sealing = ("format", "version", "digest", "files")
    return seal(folder, {key: value for key, value in manifest.items() if key not in made_by_sealing}, names)


def publish(bundle: Bundle, target: Path, extra: Mapping[str, bytes]) -> Bundle:
    """Write a finished bundle to `target`: the files of `bundle`, with `extra` files added or put in their place.

    Raises:
        EnvironmentProblem: the folder can't be written.

    """
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
        (target / MANIFEST).unlink(missing_ok=True)
        names = [entry["name"] for entry in bundle.manifest["files"]]
        for name in names:
            write_atomically(target / name, (bundle.folder / name).read_bytes())
        for name, content in extra.items():
            write_atomically(target / name, content)
        # The folder may hold files of somebody else, which are no part of a bundle.
        return reseal(target, bundle.manifest, [*names, *extra])


def upload(bundle: Bundle, target: Place) -> None:
    """Copy a finished bundle to a store, its manifest last.

    Raises:
        EnvironmentProblem: the store refuses or does not answer.

    """
    with writing(target):
        # A reader in the meantime finds none, rather than one of files that don't belong together.
        (target / MANIFEST).delete()
        for entry in bundle.manifest["files"]:
            (target / entry["name"]).put(bundle.folder / entry["name"])
        (target / MANIFEST).put(bundle.folder / MANIFEST)


def _fetched(place: Place) -> Path:
    """The folder of the cache with the bundle that lies at `place`."""
    manifest = read_manifest(place / MANIFEST, format=FORMAT, version=VERSION, verify=False)
    folder = cache_folder("bundles") / str(manifest["digest"])
    with writing(folder):
        folder.mkdir(exist_ok=True)
        # The manifest comes last here too; what a killed run left is overwritten.
        for name in [*(entry["name"] for entry in manifest["files"]), MANIFEST]:
            if not (folder / MANIFEST).exists():
                write_atomically(folder / name, (place / name).read_bytes())
    return folder


def bundled_captioner() -> Bundle:
    """The captioner that comes inside the package. Raises BundleError where the package was built without."""
    folder = Path(str(files("mezzetin"))) / "captioners" / "small"
    if not folder.is_dir():
        raise BundleError("this installation holds no bundled captioner: name one with --model")
    return Bundle.open(folder)
