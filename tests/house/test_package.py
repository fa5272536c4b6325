"""What a user installs is whole: the wheel holds captioner, templates, types and licences, and captions as it is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mezzetin.bundle import MANIFEST, REQUIRED
from mezzetin.scenes import draw_new

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "mezzetin"
CAPTIONER = SOURCE / "captioners" / "small"
LARGEST_CAPTIONER = 12_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    kept = (path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert names == {path.relative_to(ROOT / "src").as_posix() for path in kept}


@pytest.mark.parametrize("name", ["mezzetin/py.typed", "mezzetin/pages/contact_sheet.html", "mezzetin/pages/style.css"])
def test_the_wheel_holds_what_is_no_python(wheel: Path, name: str) -> None:
    assert name in zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("name", [MANIFEST, *REQUIRED, "LICENSE.md", "scores.json"])
def test_the_wheel_holds_the_bundled_captioner(wheel: Path, name: str) -> None:
    assert f"mezzetin/captioners/small/{name}" in zipfile.ZipFile(wheel).namelist()


def test_the_wheel_names_both_licences(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    lines = archive.read(metadata).decode().splitlines()
    assert "License-Expression: Apache-2.0 AND LicenseRef-research-only" in lines
    assert {line for line in lines if line.startswith("License-File: ")} == {
        "License-File: LICENSE",
        "License-File: src/mezzetin/captioners/small/LICENSE.md",
    }


def test_an_unpacked_wheel_captions_a_picture_by_itself(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (picture,) = draw_new(tmp_path, count=1, seed=5)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from mezzetin import load_captioner\n"
        "captioner = load_captioner()\n"
        "print(captioner.bundle.folder)\n"
        f"print(captioner.caption([{str(picture)!r}])[0].text)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder, text = done.stdout.splitlines()
    assert Path(folder).is_relative_to(tmp_path / "site")
    assert len(text.split()) >= 3


def test_the_bundled_captioner_is_small() -> None:
    sizes = {path.name: path.stat().st_size for path in CAPTIONER.rglob("*") if path.is_file()}
    assert sizes, f"{CAPTIONER} holds no captioner"
    assert sum(sizes.values()) <= LARGEST_CAPTIONER, sizes
