from __future__ import annotations

from pathlib import Path

import pytest

from mezzetin.data.readers.names import Pictures
from mezzetin.storage.paths import Place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Images/a.jpg", "Images/B.JPG", "Images/caf\u00e9.png", "deep/er/d.jpg", "top.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a.jpg", "Images/a.jpg"),
        (".\\Images\\a.jpg", "Images/a.jpg"),
        ("Images\\a.jpg", "Images/a.jpg"),
        ("./top.jpg", "top.jpg"),
        (" A.JPG ", "Images/a.jpg"),
        ("images/b.jpg", "Images/B.JPG"),
        ("cafe\u0301.PNG", "Images/caf\u00e9.png"),
        ("C:\\Users\\me\\set\\deep\\er\\D.jpg", "deep/er/d.jpg"),
        ("C:/elsewhere/a.jpg", "Images/a.jpg"),
        ("\\\\server\\share\\top.jpg", "top.jpg"),
        ("/home/me/set/deep/er/d.jpg", "deep/er/d.jpg"),
        ("C:\\gone\\z.jpg", "z.jpg"),
        ("gone.jpg", "gone.jpg"),
        ("deep//er/d.jpg", "deep/er/d.jpg"),
    ],
)
def test_the_file_that_is_meant(folder: Path, written: str, meant: str) -> None:
    with Pictures(Place.of(folder)) as pictures:
        assert pictures.best(written, ("", "Images")) == meant


def test_an_absolute_path_of_this_machine_is_kept(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    with Pictures(Place.of(folder)) as pictures:
        assert pictures.best(f"{other}/a.jpg") == f"{other}/a.jpg"


def test_an_exact_name_is_preferred_to_another_case(folder: Path) -> None:
    (folder / "Images" / "b.jpg").write_bytes(b"y")
    if len(list((folder / "Images").iterdir())) == 3:
        pytest.skip("this file system does not tell letter cases apart")
    with Pictures(Place.of(folder)) as pictures:
        assert pictures.best("Images/b.jpg") == "Images/b.jpg"
        assert pictures.best("Images/B.JPG") == "Images/B.JPG"


def test_a_folder_is_listed_once_and_not_beyond_a_number(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    real = Place.children

    def counted(self: Place) -> object:
        listed.append(str(self))
        return real(self)

    monkeypatch.setattr(Place, "children", counted)
    monkeypatch.setattr("mezzetin.data.readers.names._MOST_FOLDERS", 2)
    with Pictures(Place.of(folder)) as pictures:
        for _ in range(50):
            assert pictures.best("images/A.jpg") == "Images/a.jpg"
            assert pictures.best("DEEP/er/d.jpg") == "DEEP/er/d.jpg"
    assert listed == [str(folder), str(folder / "Images")]


def test_a_folder_that_can_not_be_listed_is_taken_as_written(tmp_path: Path) -> None:
    with Pictures(Place.of(tmp_path / "none")) as pictures:
        assert pictures.best("x\\a.jpg", ("Images", "")) == "Images/x/a.jpg"
        assert list(pictures.names()) == []
