"""Manifests: written last, digest of content alone, and everything that was altered is noticed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import BundleError, DatasetError, FormatError, MezzetinError
from mezzetin.storage.files import file_sha256, write_atomically
from mezzetin.storage.manifest import content_digest, read_manifest, write_manifest

FORMAT = "mezzetin.thing"
CONTENT: dict[str, Any] = {"name": "x", "sizes": [1, 2.5], "nested": {"é": None}}


def folder_of(place: Path, **files: bytes) -> Path:
    place.mkdir(parents=True)
    for name, content in (files or {"a": b"one", "b": b"two"}).items():
        (place / name).write_bytes(content)
    return place


def write(folder: Path, content: dict[str, Any] | None = None, *, version: int = 1, format: str = FORMAT) -> str:
    names = [path.name for path in folder.iterdir() if path.name != "thing.json"]
    own = CONTENT if content is None else content
    return write_manifest(folder / "thing.json", format=format, version=version, content=own, files=names)


def read(folder: Path, *, format: str = FORMAT, verify: bool = True) -> dict[str, Any]:
    return read_manifest(folder / "thing.json", format=format, version=1, verify=verify)


def refusal(folder: Path, kind: type[MezzetinError] = BundleError, *, format: str = FORMAT) -> str:
    with pytest.raises(kind) as caught:
        read(folder, format=format)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    digest = write(folder)
    body = read(folder)
    assert body["digest"] == digest and body["format"] == FORMAT and body["version"] == 1
    assert {key: body[key] for key in CONTENT} == CONTENT
    assert body["files"] == [{"name": name, "size": 3, "sha256": file_sha256(folder / name)} for name in ("a", "b")]
    assert {path.name for path in folder.iterdir()} == {"a", "b", "thing.json"}


def test_the_digest_is_of_content_alone(tmp_path: Path) -> None:
    here, there = folder_of(tmp_path / "here"), folder_of(tmp_path / "deep" / "there")
    os.utime(there / "a", (1, 1))
    (there / "b").chmod(0o600)
    first = write(here, {**CONTENT, "provenance": {"when": "today", "folder": str(here)}})
    second = write(there, {**dict(reversed(CONTENT.items())), "provenance": {"when": "tomorrow"}})
    assert first == second == write(here, CONTENT)
    assert write(here, {**CONTENT, "name": "y"}) != first
    assert write(here, version=2) != first
    (here / "a").write_bytes(b"One")
    assert write(here) != first


@given(st.dictionaries(st.text(max_size=4), st.floats(allow_nan=False) | st.text() | st.booleans(), max_size=4))
def test_the_digest_survives_json(content: dict[str, Any]) -> None:
    entries = [{"sha256": "00"}, {"sha256": "ff"}]
    again = json.loads(json.dumps(content, ensure_ascii=False))
    assert content_digest(again, entries[::-1]) == content_digest(content, entries)


def alter(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    body = json.loads((folder / "thing.json").read_bytes())
    change(body)
    (folder / "thing.json").write_text(json.dumps(body))


@pytest.mark.parametrize("content", [b"One", b"onee", b""])
def test_an_altered_file_is_named(tmp_path: Path, content: bytes) -> None:
    folder = folder_of(tmp_path / "f")
    write(folder)
    (folder / "a").write_bytes(content)
    assert refusal(folder).startswith(f"{folder / 'a'} was altered")


def test_without_verifying_only_sizes_are_compared(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    write(folder)
    (folder / "a").write_bytes(b"One")
    assert read(folder, verify=False)["name"] == "x"
    (folder / "a").write_bytes(b"longer")
    with pytest.raises(BundleError, match="altered"):
        read(folder, verify=False)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    write(folder)
    (folder / "b").unlink()
    assert refusal(folder).startswith(f"{folder / 'b'} is missing")
    (folder / "b").mkdir()
    assert refusal(folder).startswith(f"{folder / 'b'} is missing")


def test_the_manifest_itself_is_covered_except_its_provenance(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    write(folder, {**CONTENT, "provenance": {"when": "today"}})
    alter(folder, lambda body: body.update(provenance={}))
    assert read(folder)["provenance"] == {}
    alter(folder, lambda body: body.update(name="another"))
    assert refusal(folder).startswith(f"{folder / 'thing.json'} was altered")


@pytest.mark.parametrize("name", ["../a", "/etc/hostname", "x/../../a", "..\\a", ""])
def test_a_file_outside_the_folder_is_refused_before_it_is_looked_at(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path / "f")
    write(folder)
    alter(folder, lambda body: body["files"][0].update(name=name))
    assert "outside its folder" in refusal(folder)


def test_a_newer_format_is_refused_by_name_and_version_whatever_it_looks_like(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    write(folder, version=2)
    newer = refusal(folder, FormatError)
    assert "mezzetin.thing version 2" in newer and "up to version 1" in newer and "update" in newer
    alter(folder, lambda body: body.update(files={"moved": "elsewhere"}, version=3))
    assert "version 3" in refusal(folder, FormatError)


def test_a_foreign_format_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    write(folder, format="mezzetin.dataset")
    assert "describes a mezzetin.dataset, not a mezzetin.thing" in refusal(folder, FormatError)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"7",
        b"{}",
        b'{"format": "mezzetin.thing", "version": "one", "files": []}',
        b'{"format": "mezzetin.thing", "version": Infinity, "files": []}',
        b'{"format": "mezzetin.thing", "version": null, "files": []}',
        b'{"format": "mezzetin.thing", "version": 1}',
        b'{"format": "mezzetin.thing", "version": 1, "files": ["a"]}',
        b'{"format": "mezzetin.thing", "version": 1, "files": [{"name": "a", "size": Infinity, "sha256": ""}]}',
        b'{"format": "mezzetin.thing", "version": 1, "files": 3}',
        b'{"format": "mezzetin.thing", "version": 1, "files": []}',
        b"[" * 200_000,
    ],
)
def test_what_is_no_manifest_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    folder = folder_of(tmp_path / "f")
    (folder / "thing.json").write_bytes(content)
    assert "make or fetch it again" in refusal(folder)


def test_a_missing_manifest_means_unfinished_and_the_error_is_of_its_kind(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    assert "no finished thing" in refusal(folder)
    assert "no finished dataset" in refusal(folder, DatasetError, format="mezzetin.dataset")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"first")
    with path.open("rb") as reader:
        write_atomically(path, b"second, and longer")
        assert reader.read() == b"first"
    assert path.read_bytes() == b"second, and longer"
    assert list(tmp_path.iterdir()) == [path]


def test_the_sum_of_a_file_that_is_larger_than_a_chunk(tmp_path: Path) -> None:
    # From sha256sum: two MiB and one byte of zeros.
    (tmp_path / "zeros").write_bytes(bytes((2 << 20) + 1))
    assert file_sha256(tmp_path / "zeros") == "e9a099c75ef837c28bc91683bee127e463fa0ee10c11fd816f8d2d428c0d610e"
