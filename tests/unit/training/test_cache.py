"""The cache of rows: a kill loses at most the rows under way, and nothing wrong is ever read."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mezzetin.data.dataset import Dataset
from mezzetin.errors import EnvironmentProblem
from mezzetin.pixels import decode
from mezzetin.records import Progress
from mezzetin.training.cache import RowCache
from mezzetin.training.encoders import build_encoder
from mezzetin.training.pictures import cached_features
from mezzetin.training.recipe import EncoderRecipe

SHAPE = (2, 3)


def opened(folder: Path, capacity: int = 6, shape: tuple[int, ...] = SHAPE) -> RowCache:
    return RowCache(folder, "rows", capacity=capacity, shape=shape, dtype=np.float16)


def rows(*numbers: int) -> NDArray[np.float16]:
    return np.stack([np.full(SHAPE, number, np.float16) for number in numbers])


def test_rows_come_back_in_the_order_asked_for_and_numpy_opens_them_too(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    assert cache.missing(["a", "b", "a"]) == ["a", "b"]
    cache.write(["a", "b"], rows(1, 2))
    cache.write(["c"], rows(3))
    assert cache.missing(["c", "d"]) == ["d"]
    assert (cache.read(["c", "a", "c"]) == rows(3, 1, 3)).all()
    with pytest.raises(KeyError):
        cache.read(["d"])
    assert (np.load(tmp_path / "rows.npy", mmap_mode="r")[:3] == rows(1, 2, 3)).all()
    cache.close()


def test_a_row_whose_note_is_torn_is_written_again_in_its_place(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    cache.write(["first", "second", "third"], rows(1, 2, 3))
    cache.close()
    notes = tmp_path / "rows.keys"
    notes.write_bytes(notes.read_bytes()[:-3])
    cache = opened(tmp_path)
    assert cache.missing(["first", "second", "third"]) == ["third"]
    cache.write(["fourth"], rows(4))
    cache.close()
    cache = opened(tmp_path)
    assert (cache.read(["second", "fourth"]) == rows(2, 4)).all()
    assert cache.missing(["thi", "third"]) == ["thi", "third"]
    cache.close()


@pytest.mark.parametrize("damage", ["shape", "capacity", "empty", "short", "garbage", "no notes"])
def test_another_shape_or_a_damaged_file_starts_anew(tmp_path: Path, damage: str) -> None:
    cache = opened(tmp_path)
    cache.write(["a"], rows(1))
    cache.close()
    data = tmp_path / "rows.npy"
    whole = data.read_bytes()
    if damage in ("empty", "short", "garbage"):
        data.write_bytes({"empty": b"", "short": whole[:-1], "garbage": b"x" * len(whole)}[damage])
    elif damage == "no notes":
        (tmp_path / "rows.keys").unlink()
    cache = opened(tmp_path, 5 if damage == "capacity" else 6, (3, 2) if damage == "shape" else SHAPE)
    assert cache.missing(["a"]) == ["a"]
    cache.close()


def test_a_full_disk_is_one_line_and_with_more_room_the_cache_goes_on(small_disk: Callable[[str], Path]) -> None:
    wide = (100_000,)
    small = small_disk("1m")
    cache = opened(small, 9, wide)
    full = 0
    with pytest.raises(EnvironmentProblem, match="the disk is full") as caught:
        for full in range(9):
            cache.write([str(full)], np.full((1, *wide), full))
    assert "\n" not in str(caught.value)
    cache.close()
    assert 3 <= full <= 5
    assert small_disk("8m") == small
    cache = opened(small, 9, wide)
    left = cache.missing([str(number) for number in range(9)])
    assert left == [str(number) for number in range(full, 9)]
    cache.write(left, np.stack([np.full(wide, int(key)) for key in left]))
    assert [int(row[-1]) for row in cache.read([str(number) for number in range(9)])] == list(range(9))
    cache.close()


def open_files() -> int:
    listed = Path("/proc/self/fd")
    return len(list(listed.iterdir())) if listed.is_dir() else 0


def test_features_that_were_interrupted_are_completed_and_right(
    scenes: Dataset, weights: Callable[[str], Path], tmp_path: Path
) -> None:
    encoder = build_encoder(EncoderRecipe(name="test_efficientnet", weights=str(weights("test_efficientnet")), size=32))
    images = {row.sha256: row.image for row in scenes.rows({"train"}) if row.sha256 and row.image}
    keys = list(images)

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    # What others left open may be closed by the same collection of garbage.
    gc.collect()
    before = open_files()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mezzetin.training.pictures.ENCODE_AT_ONCE", 5)
        with pytest.raises(KeyboardInterrupt):
            cached_features(scenes, keys, encoder, tmp_path, mirror=True, report=interrupt)
        gc.collect()
        assert open_files() <= before
        told: list[Progress] = []
        pictures = cached_features(scenes, keys, encoder, tmp_path, mirror=True, report=told.append)
    assert told[-1].done == told[-1].total == len(keys) - 5
    flipped = np.arange(len(keys)) % 2 == 1
    features = pictures.features(keys, flipped, 0)
    # By the same fives: the last bit of a feature depends on how many are encoded at once.
    pixels = np.stack([decode(image, encoder.spec.preprocessing) for image in images.values()])
    fives = torch.split(torch.from_numpy(pixels), 5)
    with torch.inference_mode():
        seen, mirrored = (torch.cat([encoder(five) for five in way]) for way in (fives, [f.flip(2) for f in fives]))
    expected = torch.where(torch.from_numpy(flipped)[:, None, None], mirrored, seen)
    assert torch.equal(features, expected.half().float())
    plain = pictures.plain(keys)
    assert torch.equal(features[~flipped], plain[~flipped])
    assert not torch.isclose(features[flipped], plain[flipped]).all()
    pictures.close()
