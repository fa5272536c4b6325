"""IIIF as a folder: whole, resumed after a kill, never written over unasked, and without what was withdrawn."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mezzetin.collection import forgetting, people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Sighting
from mezzetin.errors import InputError
from mezzetin.publication import iiif
from mezzetin.publication.order import Problem
from mezzetin.publication.tree import MARKER
from tests.unit.publication.showable import (
    ANNA,
    APPROVED,
    MACHINE,
    RESTRICTED,
    SMALL,
    empty,
    house,
    order,
    order_all,
    tree_of,
)

BASE = "https://museum.example/iiif"


def test_the_folder_holds_what_people_approved_and_every_address_in_it_is_a_file(tmp_path: Path) -> None:
    done = empty("iiif")
    with house(tmp_path) as collection:
        iiif.write(collection, order(tmp_path / "out", base_url=BASE), done)
    files = tree_of(tmp_path / "out")
    told = json.loads(files["collection.json"])
    assert [item["id"] for item in told["items"]] == [f"{BASE}/{number}/manifest.json" for number in (1, 2, 3)]
    assert (done.pictures, dict(done.labels)) == (3, {"person": 1, "approved": 1, "museum": 3})
    assert b"bench 4" not in b"".join(files.values())
    for item in told["items"]:
        manifest = json.loads(files[item["id"].removeprefix(f"{BASE}/")])
        canvas = manifest["items"][0]
        assert canvas["items"][0]["items"][0]["body"]["id"].removeprefix(f"{BASE}/") in files
        page = json.loads(files[canvas["annotations"][0]["id"].removeprefix(f"{BASE}/")])
        assert page["items"] == canvas["annotations"][0]["items"]


def test_machine_texts_and_restricted_pictures_come_only_when_asked_for(tmp_path: Path) -> None:
    with house(tmp_path) as collection:
        iiif.write(collection, order_all(tmp_path / "out", base_url=BASE), empty("iiif"))
    files = tree_of(tmp_path / "out")
    assert f"{RESTRICTED}/manifest.json" in files
    page = json.loads(files[f"{MACHINE}/annotations.json"])
    assert page["items"][0]["label"]["en"] == ["Alternative text, written by a machine (small 1), nobody has read it"]


def test_a_picture_that_can_not_be_read_is_reported_and_left_out(tmp_path: Path) -> None:
    problems: list[Problem] = []
    done = empty("iiif")
    with house(tmp_path) as collection:
        (tmp_path / "originals" / "2.jpg").unlink()
        (tmp_path / "originals" / "3.jpg").write_bytes(b"\xff\xd8\xff no picture")
        iiif.write(collection, order_all(tmp_path / "out", problems, base_url=BASE), done)
    assert [one.error.code for one in problems] == ["missing", "undecodable"]
    assert done.pictures == 3
    assert not (tmp_path / "out" / "2").exists()


def test_nothing_is_written_over_unasked(tmp_path: Path) -> None:
    with house(tmp_path) as collection:
        with pytest.raises(InputError, match="--base-url"):
            iiif.write(collection, order(tmp_path / "out"), empty("iiif"))
        with pytest.raises(InputError, match="this is none"):
            iiif.write(collection, order(tmp_path / "out", base_url="https://a.example/?q"), empty("iiif"))
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine.txt").write_text("mine")
        with pytest.raises(InputError, match="holds other files"):
            iiif.write(collection, order(tmp_path / "out", base_url=BASE), empty("iiif"))
        iiif.write(collection, order(tmp_path / "out", overwrite=True, base_url=BASE), empty("iiif"))
        with pytest.raises(InputError, match="already"):
            iiif.write(collection, order(tmp_path / "out", base_url=BASE), empty("iiif"))
        with pytest.raises(InputError, match="another export"):
            iiif.write(collection, order(tmp_path / "out", base_url=f"{BASE}/b"), empty("iiif"))
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


def test_a_second_run_takes_away_what_may_not_be_shown_any_more_and_touches_nothing_else(tmp_path: Path) -> None:
    done = empty("iiif")
    with house(tmp_path) as collection:
        iiif.write(collection, order(tmp_path / "out", base_url=BASE), empty("iiif"))
        (tmp_path / "out" / "robots.txt").write_text("mine")
        text = texts.chosen(collection, APPROVED)
        assert text is not None
        people.reject(collection, ANNA, text.id, version=text.version)
        forgetting.forget(collection, ANNA, "3")
        iiif.write(collection, order(tmp_path / "out", overwrite=True, base_url=BASE), done)
    left = {name.partition("/")[0] for name in tree_of(tmp_path / "out")}
    assert left == {"1", "collection.json", "collection-1.json", "images", MARKER, "robots.txt"}
    assert [path.name[:2] for path in (tmp_path / "out" / "images").iterdir()] == ["1-"]
    assert done.files["removed"] == 6
    assert done.files["written"] == 2


def test_a_large_collection_is_a_collection_of_parts_that_keep_their_addresses(tmp_path: Path) -> None:
    with house(tmp_path) as collection:
        with collection.writing(SMALL, "collect") as writing:
            writing.execute("UPDATE sqlite_sequence SET seq = 1500 WHERE name = 'pictures'")
            place = str(tmp_path / "originals" / "1.jpg")
            far = pictures.see(writing, Sighting("drawn", place, page=1, sha256="f" * 64, width=64, height=48))
        assert far.id == 1501
        people.write(collection, ANNA, far.id, "Far away.")
        with collection.writing(SMALL, "collect") as writing:
            writing.execute("UPDATE pictures SET page = 0, uri = ? WHERE id = 1501", (f"{tmp_path}/originals/4.jpg x",))
        (tmp_path / "originals" / "4.jpg x").write_bytes((tmp_path / "originals" / "4.jpg").read_bytes())
        iiif.write(collection, order(tmp_path / "out", base_url=BASE), empty("iiif"))
    parts = [item["id"] for item in json.loads((tmp_path / "out" / "collection.json").read_text())["items"]]
    assert parts == [f"{BASE}/collection-1.json", f"{BASE}/collection-2.json"]
    second = json.loads((tmp_path / "out" / "collection-2.json").read_text())
    assert [item["id"] for item in second["items"]] == [f"{BASE}/1501/manifest.json"]


_RUN = """
import sys
from pathlib import Path
from mezzetin.collection.opening import Collection
from mezzetin.publication import {kind}
from tests.unit.publication.showable import empty, order
with Collection.open(sys.argv[1]) as collection:
    {kind}.write(collection, order(Path(sys.argv[2]), base_url="https://museum.example/iiif"), empty("{kind}"))
"""


@pytest.mark.parametrize("kind", ["iiif", "site"])
def test_killed_it_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path, kind: str) -> None:
    with house(tmp_path, count=60) as collection:
        path = collection.path
    command = [sys.executable, "-c", _RUN.format(kind=kind), str(path)]
    target = tmp_path / "killed"
    running = subprocess.Popen([*command, str(target)])
    until = time.monotonic() + 30
    while time.monotonic() < until and len(list(target.glob("images/*.jpg"))) < 8:
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert json.loads((target / MARKER).read_text())["state"] == "begun"
    for place in (target, tmp_path / "whole"):
        subprocess.run([*command, str(place)], check=True)
    assert list(target.rglob("*.part")) == []
    assert tree_of(target) == tree_of(tmp_path / "whole")
    with Collection.open(path) as collection:
        assert len(tree_of(target)) > len(list(pictures.each(collection)))
