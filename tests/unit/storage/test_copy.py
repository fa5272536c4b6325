"""Copying between places: a disk, and fsspec's store in memory, which stands for those without digests."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mezzetin
from mezzetin.errors import InputError
from mezzetin.storage.copying.names import Names
from mezzetin.storage.filesystems import FilesystemStore
from mezzetin.storage.paths import Place
from tests.unit.storage.trees import FILES, counts, held, make


@pytest.fixture
def bucket() -> Place:
    return Place.of(f"memory://b{uuid.uuid4().hex}/pictures")


@pytest.fixture(params=["disk", "store"])
def target(request: pytest.FixtureRequest, tmp_path: Path, bucket: Place) -> Place:
    return bucket if request.param == "store" else Place.of(tmp_path / "target")


def test_a_folder_goes_and_the_second_time_is_there(tmp_path: Path, target: Place) -> None:
    source = make(tmp_path / "source")
    first = mezzetin.store(source, str(target))
    assert counts(first) == (4, 0, 0, 0) and first.complete
    assert first.copied_bytes == sum(map(len, FILES.values()))
    assert held(target) == FILES
    again = mezzetin.store(source, str(target))
    assert counts(again) == (0, 4, 0, 0) and again.copied_bytes == 0


def test_back_from_a_store_and_from_store_to_store(tmp_path: Path, bucket: Place) -> None:
    mezzetin.store(make(tmp_path / "source"), str(bucket))
    other = f"memory://{uuid.uuid4().hex}"
    assert counts(mezzetin.store(str(bucket), other)) == (4, 0, 0, 0)
    assert counts(mezzetin.store(other, tmp_path / "back")) == (4, 0, 0, 0)
    assert held(tmp_path / "back") == FILES


def test_other_content_is_left_unless_it_may_be_overwritten(tmp_path: Path, target: Place) -> None:
    source = make(tmp_path / "source")
    (target / "a.jpg").write(b"ONE")
    (target / "deep/b c.JPG").write(b"longer")
    (target / "own.jpg").write(b"not in the source")
    report = mezzetin.store(source, str(target))
    assert counts(report) == (2, 0, 2, 0) and not report.complete
    assert {problem.name for problem in report.problems} == {"a.jpg", "deep/b c.JPG"}
    assert (target / "a.jpg").read_bytes() == b"ONE"
    assert counts(mezzetin.store(source, str(target), overwrite=True)) == (2, 2, 0, 0)
    assert held(target) == {**FILES, "own.jpg": b"not in the source"}


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path, target: Place) -> None:
    source = make(tmp_path / "source")
    dry = mezzetin.store(source, str(target), dry_run=True)
    assert counts(dry) == (4, 0, 0, 0) and dry.dry_run and "would be copied" in dry.lines()[0]
    assert not target.exists()


@pytest.mark.parametrize(("into", "name"), [("folder/", "folder/a.jpg"), ("new.jpg", "new.jpg")])
def test_one_file(tmp_path: Path, target: Place, into: str, name: str) -> None:
    source = make(tmp_path / "source")
    assert counts(mezzetin.store(source / "a.jpg", f"{target}/{into}")) == (1, 0, 0, 0)
    assert held(target) == {name: b"one"}


def test_one_file_into_a_folder_that_is_there(tmp_path: Path, target: Place) -> None:
    (target / "x").write(b"")
    mezzetin.store(make(tmp_path / "source") / "a.jpg", str(target))
    assert held(target) == {"x": b"", "a.jpg": b"one"}


@pytest.mark.parametrize(
    ("include", "names"),
    [
        ("*.jpg", {"a.jpg", "deep/b c.JPG"}),
        (["*.txt", "a.*"], {"a.jpg", "deep/er/ü#?%.txt"}),
        ("deep/*", {"deep/b c.JPG", "deep/er/ü#?%.txt"}),
    ],
)
def test_only_what_a_pattern_fits(tmp_path: Path, include: Any, names: set[str]) -> None:
    mezzetin.store(make(tmp_path / "source"), tmp_path / "target", include=include)
    assert set(held(tmp_path / "target")) == names


def test_what_is_no_file_is_named_and_stops_nothing(tmp_path: Path) -> None:
    source = make(tmp_path / "source", {"a.jpg": b"one"})
    os.mkfifo(source / "pipe")
    (source / "dangling").symlink_to("nowhere")
    (source / "self").symlink_to("self")
    (source / "up").symlink_to(tmp_path)
    (source / "alias.jpg").symlink_to("a.jpg")
    report = mezzetin.store(source, tmp_path / "target")
    assert counts(report) == (2, 0, 0, 3) and report.links == 1
    assert {(problem.name, problem.kind) for problem in report.problems} == {
        ("pipe", "failed"),
        ("dangling", "failed"),
        ("self", "failed"),
        ("up/", "link"),
    }
    assert held(tmp_path / "target") == {"a.jpg": b"one", "alias.jpg": b"one"}
    with pytest.raises(InputError, match="no files"):
        mezzetin.store(source, tmp_path / "other", include="*.png")


NASTY = ["../out", "deep/../../out", "/absolute", "a//b", "./a", "a\\..\\b", "ü" * 128, "x\0y"]


class Listing(FilesystemStore):
    """A store whose listing names what no path of ours would."""

    names: tuple[str, ...] = ()

    def walk(self, path: str) -> Iterator[Any]:
        for entry in super().walk(path):
            for name in self.names:
                yield type(entry)(f"{path}/{name}", is_folder=False, size=entry.size)


def test_names_never_lead_out_of_the_target(tmp_path: Path, bucket: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (bucket / "seed").write(b"!")
    monkeypatch.setattr(Listing, "names", tuple(NASTY))
    monkeypatch.setattr("mezzetin.storage.paths._store", Listing)
    target = tmp_path / "deep" / "target"
    report = mezzetin.store(str(bucket), target)
    assert counts(report) == (0, 0, 0, len(NASTY))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert {problem.name for problem in report.problems} == set(NASTY)


@pytest.mark.parametrize("name", ["file:/tmp/evil", "az://other/evil", "https://evil.example/x.jpg"])
def test_a_name_that_looks_like_an_address_is_a_name(
    tmp_path: Path, bucket: Place, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plain = name.replace("//", "/")
    Place(bucket.address.down(plain)).write(b"!")
    assert counts(mezzetin.store(str(bucket), tmp_path / "target")) == (1, 0, 0, 0)
    assert (tmp_path / "target" / plain).read_bytes() == b"!"


def test_names_that_a_disk_takes_for_one(tmp_path: Path) -> None:
    names = Names(tmp_path, one_case=True)
    assert names.trouble("Deep/A.jpg") is None and names.trouble("deep/b.jpg") is None
    for twin in ("deep/a.JPG", "DEEP/B.jpg"):
        assert "another file" in str(names.trouble(twin))
    assert names.trouble("é.jpg") is None
    assert names.trouble("e\u0301.jpg") is not None
    assert Names(tmp_path).trouble("Deep/a.jpg") is None


def test_a_name_that_is_no_utf8_can_not_go_to_a_store(tmp_path: Path, bucket: Place) -> None:
    source = make(tmp_path / "source")
    Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9.jpg")).write_bytes(b"latin")
    report = mezzetin.store(source, str(bucket))
    assert counts(report) == (4, 0, 0, 1) and "not UTF-8" in report.problems[0].message
    assert counts(mezzetin.store(source, tmp_path / "target")) == (5, 0, 0, 0)
    assert json.dumps(report.to_json())


@pytest.mark.parametrize(("one", "other"), [(".", "."), (".", "deep/new"), ("deep", ".")])
def test_places_that_overlap_are_refused(tmp_path: Path, one: str, other: str) -> None:
    source = make(tmp_path / "source")
    with pytest.raises(InputError, match="overlap"):
        mezzetin.store(source / one, source / other)
    (tmp_path / "alias").symlink_to(source)
    with pytest.raises(InputError, match="overlap"):
        mezzetin.store(source / one, tmp_path / "alias" / other)
    assert held(source) == FILES


def test_a_file_onto_itself_is_refused(tmp_path: Path, bucket: Place) -> None:
    (bucket / "a").write(b"1")
    for source, target in ((make(tmp_path / "s") / "a.jpg", tmp_path / "s"), (f"{bucket}/a", f"{bucket}/")):
        with pytest.raises(InputError, match="overlap"):
            mezzetin.store(source, target)
    assert counts(mezzetin.store(f"{bucket}/a", f"{bucket}-2/a")) == (1, 0, 0, 0)


@pytest.mark.parametrize("source", ["none", "empty"])
def test_nothing_to_copy_is_the_users_error(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="check the path"):
        mezzetin.store(tmp_path / source, tmp_path / "target")


def test_the_web_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be written to"):
        mezzetin.store(make(tmp_path / "s"), "https://museum.example/pictures")
