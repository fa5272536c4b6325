"""The warning of unlike pictures: areas under the curve, bands, and pictures that no photographer took."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.evaluation.foreign import KINDS, foreign_pictures
from mezzetin.evaluation.judged import Judged, Material, material_of
from mezzetin.evaluation.unfamiliar import auroc, bands, unfamiliar, unlike_training

numbers = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path)


@given(numbers, numbers)
def test_the_area_is_the_share_of_pairs_that_the_foreign_picture_wins(usual: list[float], foreign: list[float]) -> None:
    found = auroc(np.array(usual), np.array(foreign))
    wins = [(theirs > own) + (theirs == own) / 2 for own in usual for theirs in foreign]
    assert found.value == pytest.approx(sum(wins) / len(wins))
    assert 0 <= found.low <= found.high <= 1
    other = auroc(np.array(foreign), np.array(usual))
    assert other.value == pytest.approx(1 - found.value)


def test_the_areas_interval_narrows_with_pictures_and_is_that_of_a_plain_bootstrap() -> None:
    random = np.random.default_rng(1)
    usual, foreign = random.normal(0, 1, 400), random.normal(1, 1, 60)
    many, few = auroc(usual, foreign), auroc(usual[:40], foreign[:6])
    assert many.high - many.low < (few.high - few.low) / 2
    drawn = []
    for _ in range(800):
        own, theirs = random.choice(usual, 400), random.choice(foreign, 60)
        drawn.append(float((theirs[:, None] > own).mean()))
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (many.low, many.high) == pytest.approx((low, high), abs=0.015)


def test_each_picture_is_in_one_band_and_zero_has_its_own() -> None:
    unlike = np.array([0.0, 0.0, 0.1, 0.25, 0.26, 0.5, 1.0])
    found = bands(unlike, np.arange(7.0))
    assert [(band.low, band.high, band.images) for band in found] == [
        (0.0, 0.0, 2),
        (0.0, 0.25, 2),
        (0.25, 0.5, 2),
        (0.5, 0.75, 0),
        (0.75, 1.0, 1),
    ]
    assert [band.cider.value if band.cider else None for band in found] == [0.5, 2.5, 4.5, None, 6.0]
    first = found[0].cider
    assert first is not None and first.low == 0.0 and first.high == 1.0


@pytest.mark.parametrize("name", KINDS)
def test_foreign_pictures_are_the_same_in_every_run_and_all_different(name: str) -> None:
    first, again = (list(foreign_pictures(KINDS[name], 7)) for _ in range(2))
    assert first == again and len(set(first)) == 7
    assert list(foreign_pictures(KINDS[name], 3)) == first[:3]
    assert list(foreign_pictures(KINDS[name], 3, seed=1)) != first[:3]
    for picture in map(Image.open, map(io.BytesIO, first)):
        assert picture.format == "JPEG" and min(picture.size) >= 200
        assert float(np.asarray(picture).std()) > 10


def material(warnings: list[float | None]) -> Material:
    words = ["a dog runs", "two men sit", "a red car", "the sea at night"]
    return material_of(
        [
            Judged(f"{i}.jpg", words[i % 4], (words[i % 4], words[(i + i // 4) % 4]), None, warning)
            for i, warning in enumerate(warnings)
        ]
    )


def test_drawings_stand_out_of_photographs_that_the_captioner_knows(captioner: BundleCaptioner) -> None:
    warnings: list[float | None] = [0.0, 0.0, 0.1, 0.05, 0.2, 0.3, None]
    found = unfamiliar(captioner, material(warnings), count=6)
    assert found is not None
    assert [kind.name for kind in found.foreign] == list(KINDS) and all(kind.images == 6 for kind in found.foreign)
    assert found.foreign[0].auroc.value > 0.9
    assert sum(band.images for band in found.bands) == 6
    theirs = unlike_training(captioner, foreign_pictures(KINDS["plots"], 6))
    assert found.foreign[2].warned == (theirs >= 0.5).mean()


def test_without_warnings_there_is_nothing_to_measure(captioner: BundleCaptioner) -> None:
    assert unfamiliar(captioner, material([None, None]), count=1) is None


def test_warnings_without_captions_are_those_with_captions_and_bad_pictures_are_left_out(
    captioner: BundleCaptioner,
) -> None:
    pictures = [*foreign_pictures(KINDS["drawings"], 9), *foreign_pictures(KINDS["scans"], 2)]
    said = [caption.unlike_training for caption in captioner.caption(pictures)]
    found = unlike_training(captioner, [*pictures[:3], b"no picture", *pictures[3:]])
    assert found.tolist() == pytest.approx(said, abs=1e-3)


def test_a_kind_of_your_own_is_measured_too(captioner: BundleCaptioner, monkeypatch: pytest.MonkeyPatch) -> None:
    def grey(rng: random.Random, index: int) -> Image.Image:
        return Image.new("L", (64, 64), rng.randrange(256))

    kind = type(KINDS["plots"])("plain grey", grey)
    monkeypatch.setitem(KINDS, "grey", kind)
    found = unfamiliar(captioner, material([0.0, 0.1]), count=2)
    assert found is not None and found.foreign[-1].title == "plain grey"
