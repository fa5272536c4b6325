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
    assert Place.of("C:/pictures").uri == "C:/pictures"


@pytest.mark.parametrize(
    "uri",
    [
        "az://container/prefix",
        "https://name.blob.core.windows.net/c?sv=1&sig=SECRET",
        "s3://SECRET@bucket/x",
        "dbfs:/SECRET",
    ],
)
def test_a_remote_address_is_one_line_without_secrets(uri: str) -> None:
    with pytest.raises(InputError) as caught:
        Place.of(uri)
    assert "copy the files to a local folder first" in str(caught.value)
    assert "SECRET" not in str(caught.value) and "\n" not in str(caught.value)


def test_going_down_to_an_address_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Place.of(tmp_path) / "https://host/a.jpg"


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
