"""A bundle is calibrated on its held-out pictures, the same way each time, or stays as it is and says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mezzetin.bundle import CALIBRATION, MANIFEST, Bundle, image_keys, reseal
from mezzetin.captioner import BundleCaptioner
from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.errors import DatasetError
from mezzetin.evaluation.card import write_card
from mezzetin.records import Progress
from mezzetin.training.calibrating import calibrate

pytestmark = pytest.mark.usefixtures("few_suffice")
PICTURES, HELD = 150, 30
Trained = Callable[..., tuple[Bundle, Dataset]]


@pytest.fixture
def few_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty pictures are enough here: five hundred would take half a minute to draw and to caption."""
    for module in ("mezzetin.confidence", "mezzetin.training.calibrating"):
        monkeypatch.setattr(f"{module}.LEAST_PICTURES", HELD)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of noise of many kinds."""
    folder = tmp_path_factory.mktemp("noise") / "Images"
    folder.mkdir()
    for number in range(PICTURES):
        random = np.random.default_rng(number)
        small = random.integers(0, 256, (random.integers(2, 9), 6, 3), dtype=np.uint8) // random.integers(1, 5)
        Image.fromarray(small.astype(np.uint8)).resize((40, 40)).save(folder / f"p{number}.png")
    return folder


@pytest.fixture
def trained(made: tuple[Any, Bundle], pictures: Path, tmp_path: Path) -> Trained:
    """A bundle that says of itself that it was trained on a dataset; every other caption there is its own."""

    def make(captions: int = 3) -> tuple[Bundle, Dataset]:
        bundle, source = made[1], tmp_path / f"source{captions}"
        source.mkdir()
        (source / "Images").symlink_to(pictures)
        names = sorted(path.name for path in pictures.iterdir())
        said = BundleCaptioner(bundle).caption([pictures / name for name in names])
        lines = ["image,caption"]
        for number, (name, caption) in enumerate(zip(names, said, strict=True)):
            others = [
                f"A hill under {number} clouds .",
                f"A hill and {number} trees .",
                f"Grass under {number} clouds .",
            ]
            own = [str(caption.text).replace(",", "")] * captions
            lines += [f"{name},{text}" for text in (own if number % 2 else others[:captions])]
        (source / "captions.txt").write_text("\n".join(lines) + "\n")
        (source / "Flickr_8k.trainImages.txt").write_text("".join(f"{name}\n" for name in names))
        ingest(source, tmp_path / f"dataset{captions}")
        dataset = Dataset.open(tmp_path / f"dataset{captions}")
        folder = tmp_path / f"bundle{captions}"
        folder.mkdir()
        for path in bundle.folder.iterdir():
            if path.name != MANIFEST:
                (folder / path.name).write_bytes(path.read_bytes())
        told = bundle.manifest["training"]
        recipe = {**told["recipe"], "data": {**told["recipe"]["data"], "holdout": HELD}}
        training = {**told, "dataset": dataset.digest, "recipe": recipe}
        return reseal(folder, {**bundle.manifest, "training": training}), dataset

    return make


def test_it_is_calibrated_in_place_and_the_same_each_time(trained: Trained, tmp_path: Path) -> None:
    bundle, dataset = trained()
    told: list[Progress] = []
    once = calibrate(bundle, dataset, report=told.append)
    assert once.folder == bundle.folder and once.digest != bundle.digest
    assert once.calibration is not None and once.calibration.images == HELD
    assert 0.2 < once.calibration.acceptable < 0.8
    assert once.calibration.decoding == BundleCaptioner(once).options.describe()
    assert (told[-1].done, told[-1].total, told[-1].note) == (HELD, HELD, "")
    again = calibrate(once, dataset)
    assert again.digest == once.digest and (again.folder / CALIBRATION).is_file()
    assert "30 pictures held out" in write_card(again, None)
    assert "not calibrated" in write_card(bundle, None)


def test_too_few_pictures_or_one_caption_each_leave_it_without(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    alone, dataset = trained(captions=1)
    assert calibrate(alone, dataset, report=told.append).digest == alone.digest
    assert "one caption each" in told[-1].note
    bundle, dataset = trained()
    once = calibrate(bundle, dataset)
    monkeypatch.setattr("mezzetin.training.calibrating.LEAST_PICTURES", HELD + 1)
    later = calibrate(once, dataset, report=told.append)
    # What it had is no longer its own.
    assert later.calibration is None and not (later.folder / CALIBRATION).exists()
    assert later.digest == bundle.digest
    assert "30 pictures were held out, and it takes 31" in told[-1].note


def test_pictures_that_an_earlier_training_saw_tell_nothing(trained: Trained, tmp_path: Path) -> None:
    bundle, dataset = trained()
    keys = [row.sha256 for row in dataset.rows({"train"}, images=False) if row.sha256]
    np.save(bundle.folder / "training_images.npy", np.unique(image_keys(keys)))
    earlier = reseal(bundle.folder, bundle.manifest)
    told: list[Progress] = []
    # It held the same pictures out as its successor.
    assert calibrate(earlier, dataset, start=earlier, report=told.append).calibration is not None
    seed = {**earlier.manifest["training"], "recipe": {**earlier.manifest["training"]["recipe"], "seed": 99}}
    other = reseal(bundle.folder, {**earlier.manifest, "training": seed})
    mine = reseal(bundle.folder, earlier.manifest)
    assert calibrate(mine, dataset, start=other, report=told.append).calibration is None
    assert "were held out" in told[-1].note


def test_another_dataset_is_refused(trained: Trained, scenes: Dataset) -> None:
    bundle, _ = trained()
    with pytest.raises(DatasetError, match="another dataset") as caught:
        calibrate(bundle, scenes)
    assert "\n" not in str(caught.value)
