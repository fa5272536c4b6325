"""What tests share: the folder of real data, a captioner, photographs that Pillow draws, and small disks.

Files of tests that take long are begun first, so that no worker is left with one when the others have nothing to do.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from mezzetin.bundle import bundled_captioner
from tests.one_java import java_process, one_java

__all__ = ["java_process", "one_java"]

# How long an example takes says how busy the machine is; the tests' own limit catches what hangs.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

REPOSITORY = Path(__file__).parents[1]
Photographs = Callable[..., Path]
#: Files that take more than ten seconds of a quiet machine, the longest first.
LONG = (
    "spark/test_distributor.py",
    "roads/test_distributed_training.py",
    "roads/test_eight_steps.py",
    "unit/registry/test_registry_mlflow.py",
    "roads/test_training_road.py",
    "roads/test_sweep_road.py",
    "spark/test_databricks_files.py",
    "spark/test_spark_losses.py",
    "azure/test_azureml_deploy.py",
    "azure/test_azureml_troubles.py",
    "azure/test_azureml_registry.py",
    "azure/test_ingest_azure.py",
    "azure/test_artefacts_azure.py",
    "unit/registry/test_promotion.py",
    "azure/test_aci_deploy.py",
    "unit/training/test_export.py",
    "unit/registry/test_tracking.py",
    "unit/deployment/test_kubernetes_target.py",
    "unit/training/test_encoders_families.py",
    "unit/cli/test_cli_datasets.py",
    "roads/test_deploy_local.py",
    "unit/evaluation/test_evaluation_run.py",
    "golden/test_metrics_golden.py",
    "roads/test_review_road.py",
    "roads/test_serve_road.py",
    "roads/test_collect_road.py",
)
# SQLite waits for the disk at each commit, and so does a registry at each of a hundred migrations. Pytest keeps the
# folders of three runs, which is a few gigabytes, and what lies there is memory that the tests' processes lack.
MEMORY, NEEDED = Path("/dev/shm"), 12 << 30  # noqa: S108 - pytest makes a folder there that is nobody else's


def room(place: Path) -> int:
    """Bytes that a file system in memory can take: it promises what others have used since."""
    (available,) = re.findall(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    return min(shutil.disk_usage(place).free, int(available) << 10)


if MEMORY.is_dir() and room(MEMORY) > NEEDED:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_configure(config: pytest.Config) -> None:
    """Hand files out in the order that they stand in, not those of many tests first."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first; the others stay where they were."""
    places = {REPOSITORY / "tests" / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


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
