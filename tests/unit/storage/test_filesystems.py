"""Other stores through fsspec: its own store in memory stands for them."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import pytest

from mezzetin.errors import MissingExtra, StoreRefused, StoreUnreachable
from mezzetin.storage.paths import Place


@pytest.fixture
def bucket() -> Place:
    return Place.of(f"memory://b{uuid.uuid4().hex}/pictures")


def test_a_file_is_written_and_read(bucket: Place) -> None:
    place = bucket / "a folder/ä.bin"
    assert not place.exists() and place.file_entry() is None
    place.write(b"12345")
    assert (place.read_bytes(), place.size(), place.name) == (b"12345", 5, "ä.bin")
    assert place.is_file() and bucket.is_folder() and bucket.file_entry() is None
    with place.open() as stream:
        stream.seek(3)
        assert stream.read() == b"45"
    place.delete()
    place.delete()
    assert not place.exists()


def test_large_files_come_and_go_in_pieces(bucket: Place, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000
    (tmp_path / "large").write_bytes(content)
    (bucket / "large").put(tmp_path / "large")
    (bucket / "large").get(tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


def test_a_tree_is_listed_below_its_folder_only(bucket: Place) -> None:
    for name in ("a.jpg", "deep/b.jpg", "deep/er/c.jpg"):
        (bucket / name).write(name.encode())
    (bucket.parent / "pictures-too/d.jpg").write(b"")
    assert sorted(place.relative_to(bucket) for place in bucket.walk()) == ["a.jpg", "deep/b.jpg", "deep/er/c.jpg"]
    assert sorted(place.name for place in bucket.children()) == ["a.jpg", "deep"]
    assert {place.name: entry.size for place, entry in bucket.walk_entries()} == {"a.jpg": 5, "b.jpg": 10, "c.jpg": 13}


def test_a_missing_file_is_a_missing_file(bucket: Place) -> None:
    for ask in (bucket.read_bytes, bucket.open, lambda: list(bucket.children())):
        with pytest.raises(FileNotFoundError):
            ask()


@pytest.mark.parametrize(
    ("raised", "ours", "says"),
    [
        (PermissionError("Forbidden: key=c2VjcmV0"), StoreRefused, "refused to read"),
        (ConnectionError("https://host?sig=c2VjcmV0"), StoreUnreachable, "ConnectionError"),
        (ValueError("a library's own"), StoreUnreachable, "ValueError"),
    ],
)
def test_what_a_library_raises_becomes_one_line(
    bucket: Place, monkeypatch: pytest.MonkeyPatch, raised: Exception, ours: type[Exception], says: str
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    def fail(*arguments: object, **options: object) -> bytes:
        raise raised

    monkeypatch.setattr(MemoryFileSystem, "cat_file", fail)
    with pytest.raises(ours, match=says) as caught:
        (bucket / "a.jpg").read_bytes()
    assert "c2VjcmV0" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("url", "library", "extra"), [("s3://b/x", "s3fs", "s3"), ("gs://b/x", "gcsfs", "gcs")])
def test_a_store_whose_library_is_not_installed(
    url: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=rf"mezzetin\[{extra}\]"):
        Place.of(url.replace("//b", f"//b{uuid.uuid4().hex}")).read_bytes()


def test_databricks_from_outside_needs_to_be_told_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    with pytest.raises(StoreRefused, match="DATABRICKS_HOST and DATABRICKS_TOKEN"):
        Place.of("dbfs:/mnt/pictures/a.jpg").read_bytes()
