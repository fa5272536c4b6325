from __future__ import annotations

from pathlib import Path

import pytest

from mezzetin.errors import InputError
from mezzetin.records import ItemError
from mezzetin.storage.paths import Place
from mezzetin.storage.pictures import find_pictures


def names(*places: str | Path) -> list[str]:
    return [name for name, _ in find_pictures(places)]


def test_a_folder_on_disk_and_one_in_a_store_are_searched_alike(tmp_path: Path) -> None:
    store = Place.of("memory://found/album")
    for name in ("b.JPG", "deep/er/a.png", "notes.txt", "deep/c.webp"):
        (Place.of(tmp_path) / name).write(b"x")
        (store / name).write(b"x")
    here = [str(tmp_path / name) for name in ("b.JPG", "deep/c.webp", "deep/er/a.png")]
    assert names(tmp_path) == here
    there = names(str(store))
    assert sorted(there) == [str(store / name) for name in ("b.JPG", "deep/c.webp", "deep/er/a.png")]
    assert sorted(names(tmp_path, str(store))) == sorted([*here, *there])


def test_what_is_named_is_taken_whatever_it_is_called() -> None:
    place = Place.of("memory://found/odd/picture.dat")
    place.write(b"x")
    assert list(find_pictures([str(place)])) == [(str(place), place)]


def test_what_is_not_there_is_a_row_among_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    found = dict(find_pictures([tmp_path / "a.jpg", "memory://found/nowhere", ""]))
    assert [name for name, what in found.items() if isinstance(what, ItemError)] == ["memory://found/nowhere", ""]


def test_nothing_but_an_empty_folder_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no pictures"):
        list(find_pictures([tmp_path]))
