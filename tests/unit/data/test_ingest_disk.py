"""Full and read-only disks, for real: small file systems in memory, where this machine lets us mount them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits
from mezzetin.errors import EnvironmentProblem

Picture = Callable[..., bytes]
Source = Callable[..., Path]


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode != 0:
        pytest.skip("mounting a file system needs rights that this user lacks")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def heavy(tmp_path: Path) -> Path:
    """Thirty pictures of noise, 100 kB each."""
    from numpy.random import default_rng
    from PIL import Image

    lines = ["image,caption"]
    for number in range(30):
        noise = default_rng(number).integers(0, 256, (180, 180, 3), dtype="uint8")
        (tmp_path / "heavy").mkdir(exist_ok=True)
        Image.fromarray(noise).save(tmp_path / "heavy" / f"{number}.png")
        lines.append(f"{number}.png,noise {number}")
    (tmp_path / "heavy" / "t.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "heavy"


def problem(source: Path, dataset: Path) -> str:
    with pytest.raises(EnvironmentProblem) as caught:
        ingest(source, dataset, limits=Limits(group_rows=2, part_rows=4))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_full_disk_is_one_line_and_with_more_room_it_goes_on(heavy: Path, tmp_path: Path) -> None:
    whole = ingest(heavy, tmp_path / "whole", limits=Limits(group_rows=2, part_rows=4))
    with mounted(tmp_path / "small", "size=1m") as small:
        assert "the disk is full" in problem(heavy, small / "d")
        kept = sorted(path.name for path in (small / "d").iterdir())
        assert kept == ["ingest.jsonl", "part-00000.parquet", "part-00001.parquet"]
        subprocess.run(["mount", "-o", "remount,size=16m", str(small)], check=True)
        report = ingest(heavy, small / "d", limits=Limits(group_rows=2, part_rows=4))
        assert (report.state, report.digest) == ("resumed", whole.digest)


def test_a_read_only_disk_is_one_line(heavy: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "fixed", "ro") as fixed:
        assert "choose a folder that you may write to" in problem(heavy, fixed / "d")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_place_where_nothing_can_be_made_is_one_line(flickr: Source) -> None:
    assert "can't be written" in problem(flickr(2), Path("/proc/mezzetin"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else_is_one_line(flickr: Source, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o500)
    assert "choose a folder that you may write to" in problem(flickr(2), tmp_path / "theirs" / "d")
