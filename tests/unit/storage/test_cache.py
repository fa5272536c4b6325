from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from mezzetin.errors import DatasetError, InputError
from mezzetin.storage.cache import FileCache, cache_folder, limit_bytes
from mezzetin.storage.paths import Place


def remote(name: str, content: bytes) -> tuple[Place, str]:
    """A file in the store that a process has in its memory, and its digest."""
    place = Place.of(f"memory://cache-test/{name}")
    place.write(content)
    return place, hashlib.sha256(content).hexdigest()


def read(cache: FileCache, file: tuple[Place, str]) -> bytes:
    with cache.open(*file) as stream:
        return stream.read()


def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    file = remote("a", b"first")
    cache = FileCache(tmp_path, 1000)
    assert read(cache, file) == b"first"
    file[0].delete()
    assert read(cache, file) == b"first"


def test_what_was_used_longest_ago_goes_first_and_the_folder_stays_small(tmp_path: Path) -> None:
    files = [remote(str(number), bytes([number]) * 100) for number in range(4)]
    cache = FileCache(tmp_path, 250)
    for number, file in enumerate(files[:2]):
        read(cache, file)
        os.utime(tmp_path / file[1], (number, number))
    read(cache, files[0])
    read(cache, files[2])
    assert {path.name for path in tmp_path.iterdir()} == {files[0][1], files[2][1]}
    read(cache, files[3])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 250


def test_an_open_file_outlives_its_place_in_the_cache(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 100)
    with cache.open(*remote("old", b"o" * 100)) as old:
        read(cache, remote("new", b"n" * 100))
        assert len(list(tmp_path.iterdir())) == 1
        assert old.read() == b"o" * 100


def test_a_file_larger_than_the_whole_cache_is_read_all_the_same(tmp_path: Path) -> None:
    assert read(FileCache(tmp_path, 10), remote("large", b"x" * 50)) == b"x" * 50


def test_an_altered_or_missing_file_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1000)
    place, _ = remote("altered", b"other")
    with pytest.raises(DatasetError, match="was altered"):
        cache.open(place, "0" * 64)
    place.delete()
    with pytest.raises(DatasetError, match="is missing"):
        cache.open(place, "1" * 64)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEZZETIN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("parts") == tmp_path / "mezzetin" / "parts"
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "own"))
    assert cache_folder("parts") == tmp_path / "own" / "parts"
    assert (tmp_path / "own" / "parts").is_dir()


@pytest.mark.parametrize("size", ["", "much", "0", "-1", "inf", "nan"])
def test_a_limit_that_is_no_size_is_refused(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZETIN_CACHE_GB", size)
    with pytest.raises(InputError, match="set a number above 0"):
        limit_bytes()


def test_a_limit_is_in_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZETIN_CACHE_GB", "0.5")
    assert limit_bytes() == 500_000_000
