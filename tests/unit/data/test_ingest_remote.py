"""Ingest from and to a store (Azurite), and from the web (a server of our own)."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("azure.storage.blob")

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits
from mezzetin.data.picture import load_picture
from mezzetin.data.readers.source import Slice
from mezzetin.errors import DatasetError, StoreRefused
from mezzetin.storage.paths import Place
from mezzetin.storage.web.store import fetcher
from tests.azure.azurite import Azurite, missing

Source = Callable[..., Path]
LIMITS = Limits(group_rows=4, part_rows=8)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    if reason := missing():
        pytest.skip(reason)
    with Azurite(tmp_path_factory.mktemp("azurite")) as azurite:
        yield azurite


@pytest.fixture
def azurite(running: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Azurite:
    """Azurite, its key in the environment, and a cache of the test's own."""
    running.start()
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", running.connection_string)
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "cache"))
    return running


@pytest.fixture
def source(flickr: Source) -> Path:
    made = flickr(30, train=range(20), dev=range(20, 30))
    (made / "Images" / "p004.jpg").unlink()
    (made / "Images" / "p005.jpg").write_bytes(b"\xff\xd8\xff broken")
    return made


def upload(azurite: Azurite, source: Path, folder: str = "set") -> str:
    container = azurite.container()
    for path in source.rglob("*"):
        if path.is_file():
            azurite.put(container, f"{folder}/{path.relative_to(source).as_posix()}", path.read_bytes())
    return container


def test_from_a_folders_link_it_makes_what_it_makes_from_the_disk(
    azurite: Azurite, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    container = upload(azurite, source)
    link = azurite.sas(container, folder="set")
    local = ingest(source, tmp_path / "local")
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")
    remote = ingest(link, tmp_path / "remote")
    assert (remote.digest, remote.rows) == (local.digest, local.rows)
    requests = [record.getMessage() for record in caplog.records]
    asked = [text for text in requests if "/Images/" in text and ".jpg" in text]
    # One request a picture, whatever is asked of the folder as a whole; one more says why the missing one is.
    assert len(asked) == 31
    assert not any('"HEAD ' in text for text in asked)
    told = (tmp_path / "remote" / "dataset.json").read_text() + json.dumps(remote.to_json()) + str(remote.lines())
    signature = link.partition("sig=")[2].partition("&")[0]
    assert signature not in told and "sig=" not in told
    assert ingest(azurite.sas(container, folder="set", expires_in=7200), tmp_path / "remote").state == "found"


def test_to_a_store_it_makes_what_it_makes_on_the_disk(azurite: Azurite, source: Path, tmp_path: Path) -> None:
    container = azurite.container()
    local = ingest(source, tmp_path / "local", limits=LIMITS)
    remote = ingest(source, f"az://{container}/made", limits=LIMITS)
    assert remote.digest == local.digest
    assert azurite.names(container) == [f"made/{path.name}" for path in sorted((tmp_path / "local").iterdir())]
    for path in (tmp_path / "local").iterdir():
        if path.name != "dataset.json":
            assert azurite.get(container, f"made/{path.name}") == path.read_bytes()
    assert ingest(source, f"az://{container}/made", limits=LIMITS).state == "found"
    assert not list((tmp_path / "cache" / "ingest").iterdir())
    with pytest.raises(DatasetError, match="not empty"):
        azurite.put(container, "full/thesis.doc", b"precious")
        ingest(source, f"az://{container}/full")


KILLED_AT = """
import os, signal, sys
from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits

def progress(done, total):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

ingest(sys.argv[1], sys.argv[2], limits=Limits(group_rows=4, part_rows=8), progress=progress)
"""


@pytest.mark.parametrize(("killed_at", "starts_at"), [(5, 0), (21, 16)])
def test_killed_it_goes_on_from_another_machine(
    azurite: Azurite,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_at: int,
    starts_at: int,
) -> None:
    link, target = azurite.sas(upload(azurite, source), folder="set"), f"az://{azurite.container()}/made"
    local = ingest(source, tmp_path / "local", limits=LIMITS)
    run = subprocess.run([sys.executable, "-c", KILLED_AT, link, target, str(killed_at)], check=False)
    assert run.returncode == -signal.SIGKILL
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "another"))
    heard: list[int] = []
    report = ingest(link, target, limits=LIMITS, progress=lambda done, _: heard.append(done))
    assert heard == list(range(starts_at, 31))
    assert report.digest == local.digest
    assert sum(1 for _ in Dataset.open(target, verify=True).rows(every=True)) == 30


def test_a_store_that_dies_and_comes_back_costs_nothing(azurite: Azurite, source: Path, tmp_path: Path) -> None:
    link, target = azurite.sas(upload(azurite, source), folder="set"), f"az://{azurite.container()}/made"
    local = ingest(source, tmp_path / "local", limits=LIMITS)
    timers = []

    def progress(done: int, total: int | None) -> None:
        if done == 12:
            azurite.kill()
            timers.append(threading.Timer(0.5, azurite.start))
            timers[0].start()

    report = ingest(link, target, limits=LIMITS, progress=progress)
    timers[0].join()
    assert (report.digest, report.rows) == (local.digest, local.rows)


def test_a_link_that_expires_ends_the_run_and_another_goes_on(azurite: Azurite, source: Path, tmp_path: Path) -> None:
    container = upload(azurite, source)
    local = ingest(source, tmp_path / "local", limits=LIMITS)
    short = azurite.sas(container, folder="set", expires_in=3)

    def slow(done: int, total: int | None) -> None:
        if done == 10:
            time.sleep(3.5)

    with pytest.raises(StoreRefused, match="the link expired") as caught:
        ingest(short, tmp_path / "d", limits=LIMITS, progress=slow)
    assert "sig" not in str(caught.value)
    heard: list[int] = []
    report = ingest(
        azurite.sas(container, folder="set"),
        tmp_path / "d",
        limits=LIMITS,
        progress=lambda done, _: heard.append(done),
    )
    # What was under way when the link expired had been read already.
    assert 8 <= heard[0] < 30 and report.digest == local.digest


def test_many_are_loaded_by_processes_with_the_operators_key(azurite: Azurite, flickr: Source, tmp_path: Path) -> None:
    source = flickr(300, train=range(300))
    container = upload(azurite, source)
    local = ingest(source, tmp_path / "local", processes=1)
    assert ingest(f"az://{container}/set", tmp_path / "remote", processes=2).digest == local.digest


def test_a_wrong_folder_is_noticed_before_all_of_it_is_asked_for(
    azurite: Azurite, flickr: Source, tmp_path: Path
) -> None:
    source = flickr(400)
    shutil.rmtree(source / "Images")
    (source / "Images").mkdir()
    (source / "Images" / "readme.txt").write_text("moved")
    link = azurite.sas(upload(azurite, source), folder="set")
    heard: list[int] = []
    with pytest.raises(DatasetError, match="put the pictures in place"):
        ingest(link, tmp_path / "d", progress=lambda done, _: heard.append(done))
    assert max(heard) < 300


def test_a_slice_of_a_remote_tar_is_read_by_itself(azurite: Azurite, source: Path) -> None:
    container, data = azurite.container(), (source / "Images" / "p000.jpg").read_bytes()
    azurite.put(container, "a.tar", b"x" * 1000 + data + b"y" * 1000)
    tar = Place.of(azurite.sas(container, folder="a.tar"))
    assert load_picture(Slice(tar, 1000, len(data))).image == data
    assert load_picture(Slice(tar, 1000, len(data) + 5000)).status == "unreadable"
    assert load_picture(Slice(tar.parent / "none.tar", 0, 5)).status == "missing"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which a server offers it; the operator allows fetching from there."""
    folder = tmp_path / "web"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MEZZETIN_FETCH_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("MEZZETIN_FETCH_PORTS", str(server.server_port))
    fetcher.cache_clear()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    fetcher().close()
    fetcher.cache_clear()


def test_addresses_in_a_table_are_fetched_and_failures_are_rows(
    web: tuple[Path, str], tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    folder, address = web
    (folder / "a.jpg").write_bytes(picture(1))
    rows = [
        f"{address}/a.jpg?sig=SECRET,a picture",
        f"{address}/none.jpg?sig=SECRET,gone",
        "http://169.254.169.254/latest/meta-data?token=SECRET,metadata",
        "http://127.0.0.1:9/a.jpg,another port",
    ]
    (tmp_path / "t.csv").write_text("\n".join(["image,caption", *rows]) + "\n")
    report = ingest(tmp_path / "t.csv", tmp_path / "d")
    assert (report.images, report.defect_counts) == (1, {"unreachable": 3})
    assert "3 pictures could not be fetched (http_status 1, refused_address 1, refused_port 1)" in report.warnings
    table = {row.status: row for row in Dataset.open(tmp_path / "d").rows(every=True)}
    assert table["ok"].image == picture(1)
    told = b"".join(path.read_bytes() for path in (tmp_path / "d").iterdir()) + json.dumps(report.to_json()).encode()
    assert b"SECRET" not in told
