"""What tests share: the folder of real data, a captioner, and photographs that Pillow draws."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mezzetin.bundle import bundled_captioner

REPOSITORY = Path(__file__).parents[1]
Photographs = Callable[..., Path]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data and weights that is no part of the repository."""
    folder = Path(os.environ.get("MEZZETIN_SHARED") or REPOSITORY.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}: set MEZZETIN_SHARED to the folder that holds data/ and weights/")
    return folder


@pytest.fixture(scope="session")
def bundle_path() -> Path:
    """A captioner's folder: the one named in MEZZETIN_TEST_BUNDLE, otherwise the bundled one."""
    named = os.environ.get("MEZZETIN_TEST_BUNDLE")
    return Path(named) if named else bundled_captioner().folder


@pytest.fixture
def photographs(tmp_path: Path) -> Photographs:
    """Make a folder of JPEG photographs, p0.jpg, p1.jpg…: a horizon, a sky and two blurred figures each."""

    def make(count: int = 3, name: str = "pictures", size: tuple[int, int] = (160, 120)) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for number in range(count):
            random = np.random.default_rng(number)
            small = random.integers(60, 200, (6, 8, 3), dtype=np.uint8)
            small[:3] = small[:3] // 2 + np.array([40, 80, 127], np.uint8)
            Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(folder / f"p{number}.jpg")
        return folder

    return make
