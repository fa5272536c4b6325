"""A copy that does not go well: damage, a full disk, refusals, interruption; and the bounds that it keeps."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mezzetin
from mezzetin.errors import EnvironmentProblem, InputError, StoreRefused
from mezzetin.records import Progress
from mezzetin.storage.copying.listing import files_below
from mezzetin.storage.copying.report import StoreReport
from mezzetin.storage.filesystems import FilesystemStore
from mezzetin.storage.local import LocalStore
from mezzetin.storage.paths import Place
from tests.unit.storage.trees import counts, held, make


@pytest.fixture
def bucket() -> Place:
    return Place.of(f"memory://b{uuid.uuid4().hex}/pictures")


def test_what_was_damaged_on_the_way_is_not_shown(
    tmp_path: Path, bucket: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make(tmp_path / "source")
    get = LocalStore.get

    def damaged(self: LocalStore, path: str, target: Path) -> None:
        get(self, path, target)
        if path.endswith("a.jpg"):
            target.write_bytes(b"two")

    monkeypatch.setattr(LocalStore, "get", damaged)
    report = mezzetin.store(source, tmp_path / "target")
    assert counts(report) == (3, 0, 0, 1) and "not what is there" in report.problems[0].message
    assert "a.jpg" not in held(tmp_path / "target") and len(list((tmp_path / "target").iterdir())) == 2

    put = FilesystemStore.put

    def cut(self: FilesystemStore, path: str, file: Path) -> None:
        put(self, path, file)
        if path.endswith("a.jpg"):
            self.write(path, b"on")

    monkeypatch.setattr(FilesystemStore, "put", cut)
    assert "something else than was sent" in mezzetin.store(source, str(bucket)).problems[0].message


def test_a_full_disk_ends_the_copy_in_one_line(tmp_path: Path, small_disk: Any) -> None:
    disk = small_disk("1m")
    source = make(tmp_path / "source", {f"{number}.bin": os.urandom(300_000) for number in range(8)})
    with pytest.raises(EnvironmentProblem, match="the disk is full"):
        mezzetin.store(source, disk / "target", jobs=1)
    for path in (disk / "target").iterdir():
        assert path.read_bytes() == (source / path.name).read_bytes()
    small_disk("8m")
    report = mezzetin.store(source, disk / "target")
    assert report.complete and report.copied + report.there == 8 and report.there > 0


def test_a_refusal_ends_the_copy(tmp_path: Path, bucket: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: FilesystemStore, path: str, file: Path) -> None:
        raise StoreRefused("no")

    monkeypatch.setattr(FilesystemStore, "put", refused)
    with pytest.raises(StoreRefused, match="no"):
        mezzetin.store(make(tmp_path / "source"), str(bucket))


def test_an_interrupted_copy_leaves_nothing_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = make(tmp_path / "source", {f"{n}.bin": bytes([n]) * 1000 for n in range(20)}), tmp_path / "target"
    release, get = threading.Event(), LocalStore.get

    def stuck(self: LocalStore, path: str, file: Path) -> None:
        get(self, path, file)
        if path.endswith("7.bin"):
            release.wait(20)

    monkeypatch.setattr(LocalStore, "get", stuck)
    monkeypatch.setattr("mezzetin.storage.copying.crew._PATIENCE_S", 0.2)

    def interrupt(progress: Progress) -> None:
        if progress.done >= 6:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        mezzetin.store(source, target, jobs=2, report=interrupt)
    there = held(target)
    assert 0 < len(there) < 20 and all(content == (source / name).read_bytes() for name, content in there.items())
    release.set()
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(held(target)) == set(there)
    monkeypatch.undo()
    report = mezzetin.store(source, target)
    assert (report.copied, report.there) == (20 - len(there), len(there))


def test_bytes_under_way_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(tmp_path / "source", {f"{n}.bin": bytes(1000) for n in range(12)})
    monkeypatch.setattr("mezzetin.storage.copying.run._UNDER_WAY", 2500)
    under_way, most, lock, get = 0, 0, threading.Lock(), LocalStore.get

    def counted(self: LocalStore, path: str, file: Path) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.005)
        get(self, path, file)
        with lock:
            under_way -= 1

    monkeypatch.setattr(LocalStore, "get", counted)
    assert mezzetin.store(source, tmp_path / "target", jobs=8).copied == 12
    assert most == 2


def test_the_listing_is_not_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(tmp_path / "source", {f"{n:03}.bin": b"1" for n in range(200)})
    seen, done, furthest = 0, 0, 0

    def counted(place: Place) -> Iterator[Any]:
        nonlocal seen
        for one in files_below(place):
            seen += 1
            yield one

    def progress(said: Progress) -> None:
        nonlocal done, furthest
        done, furthest = said.done, max(furthest, seen - said.done)

    monkeypatch.setattr("mezzetin.storage.copying.run.files_below", counted)
    mezzetin.store(source, tmp_path / "target", jobs=3, report=progress)
    assert (seen, done) == (200, 200)
    assert furthest < 60


def test_a_file_of_the_web(tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(connection: socket.socket, request: bytes) -> bool:
        found = request.split()[1] in (b"/a%20b.jpg", b"/a%20b.jpg?size=2")
        status, body = ("200 OK", b"picture") if found else ("404 Not Found", b"")
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return True

    server = serve(answer)
    monkeypatch.setenv("MEZZETIN_FETCH_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("MEZZETIN_FETCH_PORTS", str(server.port))
    from mezzetin.storage.web.store import fetcher

    fetcher.cache_clear()
    assert counts(mezzetin.store(f"{server.url}/a%20b.jpg?size=2", f"{tmp_path}/target/")) == (1, 0, 0, 0)
    assert held(tmp_path / "target") == {"a b.jpg": b"picture"}
    with pytest.raises(InputError, match="is not there"):
        mezzetin.store(f"{server.url}/none.jpg", tmp_path / "target")
    fetcher.cache_clear()


def test_two_runs_do_not_write_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(tmp_path / "source")
    get = LocalStore.get
    inner: list[StoreReport] = []

    def meanwhile(self: LocalStore, path: str, target: Path) -> None:
        get(self, path, target)
        if path.endswith("a.jpg") and not inner:
            inner.append(mezzetin.store(source, tmp_path / "target", include=["a.jpg"]))

    monkeypatch.setattr(LocalStore, "get", meanwhile)
    report = mezzetin.store(source, tmp_path / "target")
    assert counts(report) == (4, 0, 0, 0)
    assert counts(inner[0]) == (0, 0, 0, 1) and "another run is writing it" in inner[0].problems[0].message
    assert held(tmp_path / "target") == held(source)
