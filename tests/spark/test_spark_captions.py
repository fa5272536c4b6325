"""Captions by Spark: the same as on one machine, whatever is killed meanwhile, and no signature in a listing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin import api
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.errors import InputError
from mezzetin.spark import caption, ingest, opened, pictures
from mezzetin.spark.captioning import Wanted, caption_of, caption_table, entries
from mezzetin.spark.collecting import collect as collect_there
from mezzetin.spark.hiding import Secrets, found, told
from mezzetin.spark.ingesting import ingest as ingest_there
from mezzetin.spark.isolation import Describer, Item, settings_of
from mezzetin.spark.listing import Entry, parts
from mezzetin.spark.session import checked
from mezzetin.spark.tasks import read_part
from mezzetin.storage.paths import Place
from tests.unit.collection_sources.museum import painted

SAS = "https://house.blob.core.windows.net/pictures/a.jpg?sv=2024-01-01&sig=VERYSECRET"


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Spark on this machine with two workers, one a test process."""
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("there is no Java: Spark needs 17")
    with opened("local[2]") as session:
        yield session


@pytest.fixture(scope="module")
def captioner() -> BundleCaptioner:
    return load_captioner(beam=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("house") / "pictures"
    made.mkdir()
    for number in range(40):
        (made / f"p{number:02}.jpg").write_bytes(painted(number))
    (made / "broken.jpg").write_bytes(b"no picture at all")
    return made


def test_a_table_says_what_one_machine_says_and_is_renewed_in_part(
    spark: Any, captioner: BundleCaptioner, folder: Path, tmp_path: Path
) -> None:
    table = caption_table(spark, [folder], tmp_path / "t", Wanted(captioner))
    rows = [row for name in _names(tmp_path / "t") for row in read_part(Place.of(tmp_path / "t"), name)]
    here = {name: one.text for name, one in api.caption([folder], captioner=captioner)}
    assert {row["uri"]: row["caption"] for row in rows} == here and len(rows) == 41
    assert (table.rows, table.failed, table.resumed) == (41, {"unsupported_format": 1}, 0)
    assert caption_of(next(row for row in rows if row["error"])).error is not None
    again = caption_table(spark, [folder], tmp_path / "t", Wanted(captioner))
    assert (again.rows, again.resumed, again.digest) == (41, 41, table.digest)
    with pytest.raises(InputError, match="choose a new folder"):
        caption_table(spark, [folder], folder, Wanted(captioner))


def test_frames_keep_their_other_columns_and_bad_rows_are_errors(
    spark: Any, captioner: BundleCaptioner, folder: Path
) -> None:
    big = 2**60 + 1
    rows = [(str(folder / "p01.jpg"), big), (str(folder / "none.jpg"), None), (None, 3)]
    frame = spark.createDataFrame(rows, "uri string, n bigint")
    said = {row.uri: row for row in caption(frame, captioner=captioner).collect()}
    assert said[rows[0][0]].n == big and said[rows[0][0]].caption
    assert [said[row[0]].error.code for row in rows[1:]] == ["missing", "missing"]
    looked = {row.uri: row.status for row in ingest(pictures(spark, folder)).collect()}
    assert looked.pop(str(folder / "broken.jpg")) == "unsupported_format" and set(looked.values()) == {"ok"}


def test_a_killed_python_worker_costs_no_row(
    spark: Any, captioner: BundleCaptioner, folder: Path, tmp_path: Path
) -> None:
    listed = [folder / f"p{number % 40:02}.jpg" for number in range(240)]
    killed: list[int] = []

    def kill() -> None:
        while not killed and time.monotonic() < begun + 60:
            killed.extend(_workers()[:1])
            time.sleep(0.05)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    begun = time.monotonic()
    thread = threading.Thread(target=kill)
    thread.start()
    table = caption_table(spark, listed, tmp_path / "t", Wanted(load_captioner(beam=2)))
    thread.join()
    rows = [row["uri"] for name in _names(tmp_path / "t") for row in read_part(Place.of(tmp_path / "t"), name)]
    assert killed and table.rows == 240 and sorted(rows) == sorted(map(str, listed))


def test_a_picture_that_hangs_or_kills_is_an_error_row(
    captioner: BundleCaptioner, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every Python below sees this module when it starts; opening the pictures does what a broken decoder would.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys, time\n"
        "def look(event, details):\n"
        "    name = str(details[0]) if event == 'open' else ''\n"
        "    if name.endswith('killer.jpg'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    if name.endswith('sleeper.jpg'):\n"
        "        time.sleep(60)\n"
        "sys.addaudithook(look)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in ("killer.jpg", "sleeper.jpg"):
        shutil.copy(folder / "p20.jpg", tmp_path / name)
    names = [f"p{number:02}.jpg" for number in range(12)] + ["killer.jpg", "p12.jpg", "sleeper.jpg", "p13.jpg"]
    places = [tmp_path / name if "er" in name else folder / name for name in names]
    items = [Item(where=told(Place.of(place), Secrets()), secrets=("",)) for place in places]
    describer = Describer(settings_of(captioner), patience=5)
    rows = dict(zip(names, describer.rows(items), strict=True))
    describer.close()
    failed = {name: row["error"]["code"] for name, row in rows.items() if row["error"]}
    assert failed == {"killer.jpg": "undecodable", "sleeper.jpg": "undecodable"}
    assert all(row["caption"] for name, row in rows.items() if name not in failed)


def test_a_collection_and_a_dataset_are_those_of_one_machine(
    spark: Any, captioner: BundleCaptioner, folder: Path, tmp_path: Path
) -> None:
    there = collect_there(spark, folder, tmp_path / "there.sqlite", captioners=[captioner])
    here = api.collect(folder, tmp_path / "here.sqlite", captioners=[captioner])
    assert (there.described, there.what["new"], there.failed) == (here.described, here.what["new"], here.failed)
    assert _texts(tmp_path / "there.sqlite") == _texts(tmp_path / "here.sqlite")
    assert not (tmp_path / "there.sqlite.spark").exists()
    # Captions beside the pictures, as Kaggle's layout of Flickr8k has them.
    source = tmp_path / "source"
    (source / "Images").mkdir(parents=True)
    for number in range(20):
        (source / "Images" / f"p{number}.jpg").write_bytes(painted(number))
    lines = [f"p{number}.jpg,A shape number {number} .\n" for number in range(20)]
    (source / "captions.txt").write_text("image,caption\n" + "".join(lines))
    one, two = api.ingest(source, tmp_path / "one"), ingest_there(spark, source, tmp_path / "two")
    assert one.digest == two.digest and not (tmp_path / "two.spark").exists()


def test_a_signature_is_in_no_listing_and_no_repr() -> None:
    secrets = Secrets()
    listing = list(parts([Entry("a", Place.of(SAS))], secrets, "s"))
    assert b"VERYSECRET" not in listing[0].text
    assert found(told(Place.of(SAS), secrets), secrets.all()) == Place.of(SAS)
    other = list(parts([Entry("a", Place.of(SAS.replace("VERY", "NEW")))], Secrets(), "s"))
    assert other[0].name == listing[0].name


def test_a_picture_that_is_added_changes_its_part_alone_or_a_neighbour(folder: Path) -> None:
    def names(count: int) -> set[str]:
        listed = [Entry(f"{number}", None, about={"error": ["a", "b"]}) for number in range(3000) if number != count]
        return {part.name for part in parts(listed, Secrets(), "s")}

    before, after = names(-1), names(1500)
    assert 1 <= len(before - after) <= 2 and len(before) > 10
    assert len(list(entries([folder]))) == 41


@pytest.mark.parametrize(("given", "taken"), [("local", "local[*,4]"), ("local[2]", "local[2,4]"), ("yarn", "yarn")])
def test_a_local_spark_tries_again(given: str, taken: str) -> None:
    assert checked(given) == taken
    with pytest.raises(InputError, match="names no Spark"):
        checked("nonsense")


def _names(table: Path) -> list[str]:
    return [path.stem.removeprefix("part-") for path in sorted(table.glob("part-*.parquet"))]


def _texts(collection: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(collection) as table:
        return table.execute(
            "SELECT p.uri, p.sha256, p.stamp, p.width, p.status, t.text, t.confidence FROM pictures p"
            " LEFT JOIN texts t ON t.picture_id = p.id ORDER BY 1, 6"
        ).fetchall()


def _workers() -> list[int]:
    """Python workers of Spark that have a captioning process of a beam of two."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if b"mezzetin.spark.child" in command and b'"beam": 2' in command:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                # The test's own process is nobody's worker.
                found += [parent] if parent != os.getpid() else []
        except OSError:
            continue
    return found
