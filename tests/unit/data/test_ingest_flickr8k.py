"""The real Flickr8k, where it is at hand: captions, splits and names; its pictures are looked at in part."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mezzetin.data.dataset import Dataset
from mezzetin.data.gather import Gathering
from mezzetin.data.ingest import ingest
from mezzetin.data.readers import READERS
from mezzetin.data.readers.record import ReadOptions
from mezzetin.storage.paths import Place

FLICKR = Path(__file__).parents[4] / "shared" / "data" / "flickr8k"
LACKING = "3050606344_af711c726c.jpg"

pytestmark = pytest.mark.skipif(not FLICKR.is_dir(), reason=f"Flickr8k is not at {FLICKR}")


def test_every_picture_of_the_official_splits_is_gathered() -> None:
    entries = list(Gathering(READERS["flickr8k"].read(Place.of(FLICKR), ReadOptions()), "en"))
    assert len(entries) == 7000
    assert sum(entry.split == "train" for entry in entries) == 6000
    assert sum(entry.split == "val" for entry in entries) == 1000
    assert sum(len(entry.captions) for entry in entries) == 35000
    absent = [entry.image_id for entry in entries if not isinstance(entry.image, Place) or not entry.image.exists()]
    assert absent == [LACKING]


def test_the_picture_that_is_lacking_is_named(tmp_path: Path) -> None:
    source = tmp_path / "part"
    (source / "Images").mkdir(parents=True)
    lines = (FLICKR / "captions.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith(LACKING))
    some = lines[at - 50 : at + 50]
    (source / "captions.txt").write_text("".join([lines[0], *some]), encoding="utf-8")
    names = {line.split(",")[0] for line in some}
    for name in names - {LACKING}:
        shutil.copy(FLICKR / "Images" / name, source / "Images" / name)
    train = (FLICKR / "Flickr_8k.trainImages.txt").read_text().split()
    (source / "Flickr_8k.trainImages.txt").write_text("\n".join(sorted(names & set(train))))
    report = ingest(source, tmp_path / "d")
    assert f"pictures that are not there: 1 ({LACKING})" in report.lines()
    assert report.images == len(names) - 1
    assert Dataset.open(tmp_path / "d").count("train") == len(names & set(train)) - 1
