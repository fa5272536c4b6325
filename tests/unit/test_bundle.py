"""Bundles: what is missing or altered is refused by name; publishing keeps the content and adds to it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mezzetin.bundle import FORMAT, MANIFEST, REQUIRED, VERSION, Bundle, image_keys, publish, seal
from mezzetin.errors import BundleError, FormatError, MezzetinError
from mezzetin.storage.manifest import write_manifest
from mezzetin.vocabulary import Vocabulary

CONTENT: dict[str, Any] = {
    "name": "tiny",
    "model_version": "3",
    "language": "en-GB",
    "licence": "research use",
    "encoder": {"preprocessing": {"height": 32, "width": 48, "fit": "crop", "crop_share": 0.9}},
}
SEEN = [hashlib.sha256(bytes([number])).hexdigest() for number in range(20)]


def filled(folder: Path) -> Path:
    """A folder with every file that a bundle needs; only the graphs are none."""
    folder.mkdir(parents=True)
    for name in REQUIRED:
        (folder / name).write_bytes(name.encode())
    (folder / "vocabulary.json").write_bytes(Vocabulary(["dog", "a"], "ptb-py").to_json())
    np.save(folder / "training_images.npy", np.unique(image_keys(SEEN[:12])))
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return seal(filled(tmp_path / "bundle"), {**CONTENT, "provenance": {"when": "today"}})


def refusal(folder: Path, kind: type[MezzetinError] = BundleError) -> str:
    with pytest.raises(kind) as caught:
        Bundle.open(folder)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2
    return str(caught.value)


def test_an_opened_bundle_says_what_it_is(bundle: Bundle) -> None:
    assert (bundle.info.name, bundle.info.version, bundle.info.licence) == ("tiny", "3", "research use")
    assert bundle.info.signature == bundle.digest[:12] and len(bundle.digest) == 64
    assert bundle.language == "en-GB"
    assert (bundle.preprocessing.height, bundle.preprocessing.width, bundle.preprocessing.fit) == (32, 48, "crop")
    assert bundle.vocabulary.words[4:] == ("dog", "a")
    assert bundle.scores == {}


def test_it_knows_the_pictures_that_it_was_trained_on(bundle: Bundle) -> None:
    assert bundle.has_trained_on(image_keys(SEEN)).tolist() == [True] * 12 + [False] * 8
    assert bundle.has_trained_on(image_keys([])).tolist() == []


def test_a_key_is_the_first_64_bits_of_a_digest() -> None:
    keys = image_keys(["0" * 15 + "1" + "f" * 48, "f" * 64])
    assert keys.dtype == np.uint64 and keys.tolist() == [1, 2**64 - 1]


def test_no_folder_no_manifest_and_no_json_are_told_apart(tmp_path: Path) -> None:
    assert "there is no bundle" in refusal(tmp_path / "none")
    (tmp_path / "file").write_bytes(b"x")
    assert "there is no bundle" in refusal(tmp_path / "file")
    folder = filled(tmp_path / "unsealed")
    assert "no finished bundle: it has no bundle.json" in refusal(folder)
    (folder / MANIFEST).write_bytes(b"{")
    assert "can't be read as the manifest of a bundle" in refusal(folder)


@pytest.mark.parametrize("name", REQUIRED)
def test_each_file_that_is_missing_or_altered_is_named(bundle: Bundle, name: str) -> None:
    path = bundle.folder / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert refusal(bundle.folder).startswith(f"{path} was altered")
    path.unlink()
    assert refusal(bundle.folder).startswith(f"{path} is missing")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_manifest_that_leaves_out_a_needed_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = filled(tmp_path / "b")
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"no {name} in its manifest"):
        seal(folder, CONTENT)


def test_an_altered_licence_in_the_manifest_is_noticed(bundle: Bundle) -> None:
    path = bundle.folder / MANIFEST
    path.write_text(path.read_text().replace("research use", "do what you want"))
    assert refusal(bundle.folder).startswith(f"{path} was altered")


def test_newer_and_foreign_formats_are_refused(tmp_path: Path) -> None:
    folder = filled(tmp_path / "b")
    write_manifest(folder / MANIFEST, format=FORMAT, version=VERSION + 1, content=CONTENT, files=REQUIRED)
    assert f"{FORMAT} version {VERSION + 1}" in refusal(folder, FormatError)
    write_manifest(folder / MANIFEST, format="mezzetin.dataset", version=VERSION, content=CONTENT, files=REQUIRED)
    assert "describes a mezzetin.dataset" in refusal(folder, FormatError)


def test_the_digest_ignores_places_times_and_provenance(bundle: Bundle, tmp_path: Path) -> None:
    other = filled(tmp_path / "elsewhere" / "other")
    for path in other.iterdir():
        os.utime(path, (1, 1))
    assert seal(other, {**CONTENT, "provenance": {"when": "tomorrow", "machine": "another"}}).digest == bundle.digest
    assert seal(other, {**CONTENT, "language": "de"}).digest != bundle.digest
    (other / "card.md").write_bytes(b"another card")
    assert seal(other, CONTENT).digest != bundle.digest


def test_what_a_killed_run_left_is_no_part_of_a_bundle(bundle: Bundle, tmp_path: Path) -> None:
    folder = filled(tmp_path / "again")
    for name in (".bundle.json.part", ".card.md.part"):
        (folder / name).write_bytes(b"half")
    (folder / MANIFEST).write_bytes(b"of an earlier run")
    again = seal(folder, CONTENT)
    assert again.digest == bundle.digest
    assert Bundle.open(folder).digest == bundle.digest


def test_publishing_copies_and_adds_files_and_changes_the_digest(bundle: Bundle, tmp_path: Path) -> None:
    scores = {"split": "val", "scores": []}
    target = tmp_path / "made" / "here"
    published = publish(bundle, target, {"scores.json": json.dumps(scores).encode(), "card.md": b"# Card"})
    assert Bundle.open(target).digest == published.digest != bundle.digest
    assert published.scores == scores and (target / "card.md").read_bytes() == b"# Card"
    assert {entry["name"] for entry in published.manifest["files"]} == {*REQUIRED, "scores.json"}
    for name in set(REQUIRED) - {"card.md"}:
        assert (target / name).read_bytes() == (bundle.folder / name).read_bytes()
    assert published.info == type(published.info)("tiny", "3", published.digest[:12], "research use")
    assert published.manifest["provenance"] == {"when": "today"}
    assert publish(bundle, tmp_path / "plain", {}).digest == bundle.digest
    assert Bundle.open(bundle.folder).digest == bundle.digest


def test_publishing_again_ends_the_same_whatever_lay_there(bundle: Bundle, tmp_path: Path) -> None:
    extra = {"scores.json": b"{}"}
    first = publish(bundle, tmp_path / "clean", extra)
    used = tmp_path / "used"
    used.mkdir()
    for name in ("holiday.txt", ".DS_Store", ".bundle.json.part", MANIFEST, "card.md"):
        (used / name).write_bytes(b"somebody's")
    assert publish(bundle, used, extra).digest == first.digest
    assert publish(bundle, used, extra).digest == first.digest
    assert (used / "holiday.txt").read_bytes() == b"somebody's"


def test_a_publication_that_was_cut_off_is_no_bundle(bundle: Bundle, tmp_path: Path) -> None:
    target = publish(bundle, tmp_path / "target", {}).folder
    (target / "scores.json").mkdir()
    with pytest.raises(MezzetinError, match="target"):
        publish(bundle, target, {"scores.json": b"{}"})
    assert "no finished bundle" in refusal(target)


def test_a_real_bundle_moves_and_still_knows_itself(bundle_path: Path, tmp_path: Path) -> None:
    original = Bundle.open(bundle_path)
    shutil.copytree(bundle_path, tmp_path / "moved")
    moved = Bundle.open(tmp_path / "moved")
    assert moved.digest == original.digest
    assert len(moved.vocabulary) == moved.manifest["vocabulary"]["words"]
    training = moved.manifest["training"]
    assert len(moved.training_images) == training["images"] + training["held_out_images"]
    assert (np.diff(moved.training_images.astype(object)) > 0).all()


def test_a_real_bundle_stores_each_weight_once(bundle_path: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in bundle_path.iterdir()}
    graphs = sizes["encoder.onnx"] + sizes["decoder.onnx"]
    assert graphs < 0.05 * sizes["weights.safetensors"]
    assert sum(sizes.values()) <= 12_000_000
