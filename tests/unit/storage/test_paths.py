from __future__ import annotations

from pathlib import Path

import pytest

from mezzetin.errors import DatasetError, EnvironmentProblem, InputError
from mezzetin.storage.paths import Place, reading, writing


def test_a_place_reads_what_a_path_holds(tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "ä.bin").write_bytes(b"12345")
    place = Place.of(str(tmp_path)) / "a folder/ä.bin"
    assert place.exists() and place.is_file() and not place.is_folder()
    assert (place.name, place.size(), place.read_bytes()) == ("ä.bin", 5, b"12345")
    with place.open() as stream:
        assert stream.read(2) == b"12"
    assert list(place.parent.children()) == [place]
    assert place.local_path() == tmp_path / "a folder" / "ä.bin"


def test_a_file_url_is_a_local_path(tmp_path: Path) -> None:
    assert Place.of((tmp_path / "a b").as_uri()) == Place.of(tmp_path / "a b")


def test_a_drive_letter_is_no_scheme() -> None:
    assert str(Place.of("C:/pictures")) == "C:/pictures"


@pytest.mark.parametrize("name", ["a%20b.jpg", "a#b.jpg", "a?b.jpg", "sig=1&x", "-", "a:b"])
def test_a_local_name_is_kept_as_it_is(tmp_path: Path, name: str) -> None:
    (Place.of(tmp_path) / name).write(b"1")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (Place.of(tmp_path) / name).relative_to(Place.of(tmp_path)) == name


def test_a_table_on_this_machine_may_name_other_places(tmp_path: Path) -> None:
    assert str(Place.of(tmp_path) / "https://host/a.jpg") == "https://host/a.jpg"
    assert str(Place.of(tmp_path) / "az://container/a.jpg") == "az://container/a.jpg"
    assert Place.of(tmp_path) / (tmp_path / "a.jpg").as_uri() == Place.of(tmp_path / "a.jpg")


def test_a_table_in_a_store_may_not_name_this_machines_files() -> None:
    store = Place.of("memory://bucket/pictures")
    assert str(store / "https://host/a.jpg") == "https://host/a.jpg"
    with pytest.raises(InputError, match="outside"):
        store / "file:/etc/passwd"


def test_a_place_in_a_store_is_not_on_this_machine() -> None:
    place = Place.of("https://name.blob.core.windows.net/c/a?sv=1&sig=SECRET")
    assert not place.is_local
    with pytest.raises(InputError, match="not on this machine") as caught:
        place.local_path()
    assert "SECRET" not in str(caught.value)
    with pytest.raises(ValueError, match="does not lie in"):
        place.relative_to(Place.of("https://name.blob.core.windows.net/c/b?sv=1&sig=SECRET"))


def test_small_content_comes_as_bytes_and_large_as_a_file(tmp_path: Path) -> None:
    for place in (Place.of(tmp_path) / "a", Place.of("memory://content/a")):
        place.write(b"12345")
        with place.content(in_memory=5) as content:
            assert content == b"12345"
        with place.content(in_memory=4) as content:
            assert isinstance(content, Path) and content.read_bytes() == b"12345"


def test_what_is_written_is_whole_or_not_there(tmp_path: Path) -> None:
    place = Place.of(tmp_path) / "deep/er/a"
    place.write(b"old")
    (tmp_path / "source").write_bytes(b"new")
    place.put(tmp_path / "source")
    assert place.read_bytes() == b"new"
    with pytest.raises(FileNotFoundError):
        place.put(tmp_path / "none")
    assert place.read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "deep/er").iterdir()] == ["a"]


def test_a_loop_of_links_is_nothing_and_is_not_walked(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "a").touch()
    assert not (Place.of(tmp_path) / "self").exists()
    assert {place.name for place in Place.of(tmp_path).walk()} == {"a", "self"}
    assert (Place.of(tmp_path) / "a").file_entry() is not None and Place.of(tmp_path).file_entry() is None


def test_children_of_a_missing_folder_and_a_missing_file_are_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="check the path"), reading(tmp_path):
        list(Place.of(tmp_path / "none").children())
    with pytest.raises(DatasetError, match="directory"), reading(tmp_path):
        (tmp_path).read_bytes()


def test_what_the_machine_refuses_is_an_environment_problem(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="choose a folder"), writing(tmp_path):
        raise PermissionError(13, "Permission denied")
    with pytest.raises(EnvironmentProblem, match="check its permissions"), reading(tmp_path):
        raise PermissionError(13, "Permission denied")
