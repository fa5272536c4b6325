"""What tests share: the folder of real data, a captioner, photographs that Pillow draws, and small disks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from mezzetin.bundle import bundled_captioner

# How long an example takes says how busy the machine is; the tests' own limit catches what hangs.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file system in memory of a given size; asked again, the same one gets another size."""
    place = tmp_path / "disk"

    def mount(size: str) -> Path:
        options = f"remount,size={size}" if place.exists() else f"size={size}"
        place.mkdir(exist_ok=True)
        try:
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
            )
        except FileNotFoundError:
            pytest.skip("there is no mount command")
        if done.returncode != 0:
            pytest.skip("mounting a file system needs rights that this user lacks")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)
