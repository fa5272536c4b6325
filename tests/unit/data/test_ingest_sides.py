"""What stands on which side of the split: copies, look-alikes, series."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits
from mezzetin.errors import DatasetError

Source = Callable[..., Path]
LIMITS = Limits(group_rows=4, part_rows=8)


def photograph(number: int, quality: int = 90) -> bytes:
    """A smooth picture, as photographs are: another quality has other bytes and the same looks."""
    blocks = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(blocks).resize((160, 120), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


@pytest.fixture
def alike(tmp_path: Path) -> Path:
    """Forty photographs in a table without splits; the last twenty are the first twenty, saved again."""
    source = tmp_path / "alike"
    source.mkdir()
    lines = ["image,caption,series"]
    for number in range(40):
        (source / f"{number}.jpg").write_bytes(photograph(number % 20, 90 if number < 20 else 70))
        lines.append(f"{number}.jpg,picture {number},s{number // 4}")
    (source / "t.csv").write_text("\n".join(lines) + "\n")
    return source


def splits(folder: Path) -> dict[str, str]:
    return {row.image_id: row.split for row in Dataset.open(folder, verify=True).rows(images=False)}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def shared(flickr: Source) -> Path:
    source = flickr(24, train=range(16), dev=range(16, 24))
    for number in range(4):
        shutil.copy(source / "Images" / f"p{number:03}.jpg", source / "Images" / f"p{number + 18:03}.jpg")
    return source


def test_copies_in_two_splits_are_refused_and_the_work_is_kept(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        ingest(shared, tmp_path / "d", limits=LIMITS)
    told = str(caught.value)
    assert "4 pictures" in told and "--allow-shared-images" in told and "\n" not in told
    assert told.count("(train) is") == 3 and "p000.jpg (train) is p018.jpg (val)" in told
    assert not (tmp_path / "d" / "dataset.json").exists()
    heard: list[int] = []
    report = ingest(
        shared, tmp_path / "d", limits=LIMITS, allow_shared_images=True, progress=lambda done, _: heard.append(done)
    )
    assert (heard, report.state) == ([24], "resumed")
    assert report.defect_counts == {"duplicate_image": 4, "shared_image": 4}
    assert any("scores are too good" in warning for warning in report.warnings)


def test_a_copy_in_no_split_is_no_leak(flickr: Source, tmp_path: Path) -> None:
    source = flickr(6, train=range(3), dev=range(3, 5))
    shutil.copy(source / "Images" / "p000.jpg", source / "Images" / "p005.jpg")
    assert ingest(source, tmp_path / "d").defect_counts == {"duplicate_image": 1, "in_no_split": 1}


def test_look_alikes_across_the_sources_splits_are_a_warning(alike: Path, tmp_path: Path) -> None:
    rows = (alike / "t.csv").read_text().splitlines()
    marked = [f"{row},{'train' if number < 20 else 'val'}" for number, row in enumerate(rows[1:])]
    (alike / "t.csv").write_text("\n".join([f"{rows[0]},split", *marked]) + "\n")
    report = ingest(alike, tmp_path / "d")
    assert report.defect_counts == {"near_duplicate": 20}
    assert len(report.defects) == 10
    assert report.defects[0].name == "20.jpg" and "looks like 0.jpg in train" in report.defects[0].detail
    assert any("20 pictures look like one in another split" in warning for warning in report.warnings)


def test_look_alikes_are_kept_on_one_side_of_our_own_split(alike: Path, tmp_path: Path) -> None:
    report = ingest(alike, tmp_path / "d", limits=LIMITS)
    made = splits(tmp_path / "d")
    assert all(made[f"{number}.jpg"] == made[f"{number + 20}.jpg"] for number in range(20))
    assert len(set(made.values())) > 1 and report.splits["alike"] == 40
    assert "near_duplicate" not in report.defect_counts
    # Whatever the order in which they come.
    rows = (alike / "t.csv").read_text().splitlines()
    (alike / "t.csv").write_text("\n".join([rows[0], *reversed(rows[1:])]) + "\n")
    ingest(alike, tmp_path / "reversed")
    assert splits(tmp_path / "reversed") == made


def test_a_series_is_kept_on_one_side(flickr: Source, tmp_path: Path) -> None:
    source = flickr(60)
    rows = [f"Images/p{number:03}.jpg,blocks {number},s{number // 6}" for number in range(60)]
    (source / "t.csv").write_text("\n".join(["image,caption,series", *rows]) + "\n")
    ingest(source / "t.csv", tmp_path / "d", group_by="series")
    made = splits(tmp_path / "d")
    series = [{made[f"Images/p{6 * one + number:03}.jpg"] for number in range(6)} for one in range(10)]
    assert all(len(one) == 1 for one in series)
    assert len(set.union(*series)) > 1
    ingest(source / "t.csv", tmp_path / "without")
    assert splits(tmp_path / "without") != made
    with pytest.raises(DatasetError, match="no column 'serie'"):
        ingest(source / "t.csv", tmp_path / "e", group_by="serie")


def test_series_that_look_alike_are_one(alike: Path, tmp_path: Path) -> None:
    ingest(alike, tmp_path / "d", group_by="series")
    made = splits(tmp_path / "d")
    # Series 0 holds pictures 0 to 3, whose look-alikes 20 to 23 are series 5.
    assert all(len({made[f"{first + step}.jpg"] for step in (0, 1, 2, 3, 20, 21)}) == 1 for first in range(0, 20, 4))


KILLED_AT = """
import os, signal, sys
from mezzetin.data import finish, target
from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits

keep, calls = target.Target.keep, [0]

def dying(self, name):
    calls[0] += 1
    if calls[0] == int(sys.argv[3]) and sys.argv[4] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    keep(self, name)
    if calls[0] == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

target.Target.keep = dying
ingest(sys.argv[1], sys.argv[2], limits=Limits(group_rows=4, part_rows=8))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", [1, 5, 6, 7])
def test_killed_while_parts_are_kept_or_written_again(alike: Path, tmp_path: Path, call: int, moment: str) -> None:
    ingest(alike, tmp_path / "whole", limits=LIMITS)
    command = [sys.executable, "-c", KILLED_AT, str(alike), str(tmp_path / "d"), str(call), moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    ingest(alike, tmp_path / "d", limits=LIMITS)
    assert content(tmp_path / "d") == content(tmp_path / "whole")


def test_parts_were_written_again_in_the_test_above(alike: Path, tmp_path: Path) -> None:
    """Five parts and the defects are kept once each; what is more was written again."""
    kept: list[str] = []
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    program = (
        "import sys\nfrom mezzetin.data import target\nfrom mezzetin.data.ingest import ingest\n"
        "from mezzetin.data.parts import Limits\nkeep = target.Target.keep\n"
        "target.Target.keep = lambda self, name: (print(name), keep(self, name))[1]\n"
        "ingest(sys.argv[1], sys.argv[2], limits=Limits(group_rows=4, part_rows=8))\n"
    )
    command = [sys.executable, "-c", program, str(alike), str(tmp_path / "d")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    kept = done.stdout.split()
    assert len(kept) > len(set(kept)) == 6


def test_tiny_pictures_and_overlong_captions_are_kept_and_named(flickr: Source, tmp_path: Path) -> None:
    source = flickr(3, train=range(3))
    Image.new("RGB", (31, 200), "red").save(source / "Images" / "p000.jpg")
    with (source / "captions.txt").open("a") as stream:
        stream.write(f"p001.jpg,{'word ' * 51}\n")
    report = ingest(source, tmp_path / "d")
    assert (report.defect_counts, report.images) == ({"overlong_caption": 1, "tiny": 1}, 3)
    lines = [json.loads(line) for line in (tmp_path / "d" / "defects.jsonl").read_text().splitlines()]
    assert {(line["kind"], line["name"]) for line in lines} == {("tiny", "p000.jpg"), ("overlong_caption", "p001.jpg")}
