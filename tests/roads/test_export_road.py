"""Exporting as a house does it: the command, killed in the middle and run again, into a folder and in place."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from mezzetin import cli
from mezzetin.collection import people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, MachineText, Sighting
from mezzetin.collection.sources.options import local_stamp
from mezzetin.publication.embedding import open_container
from mezzetin.publication.packets import spoken
from mezzetin.storage.files import file_sha256

COUNT = 120
ANNA, SMALL = Actor.person("anna"), Actor.machine("small")
Digests = dict[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of 120 pictures of four formats with a text each: half of them approved."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "pictures").mkdir()
    with Collection.open(folder / "c.sqlite", create=True) as collection:
        with collection.writing(SMALL, "collect") as writing:
            for number in range(COUNT):
                suffix = ("jpg", "png", "webp", "tif")[number % 4]
                path = folder / "pictures" / f"{number:03}.{suffix}"
                Image.new("RGB", (64, 48), (number, 255 - number, 90)).save(path, lossless=True)
                sighting = Sighting(
                    str(path.parent), str(path), sha256=file_sha256(path), stamp=local_stamp(path), title=f"No {number}"
                )
                seen = pictures.see(writing, sighting)
                assert seen.id
                texts.put_machine(writing, seen.id, MachineText(f"=a dog {number}", "en", "small", confidence=0.5))
        for number in range(1, COUNT + 1, 2):
            people.approve(collection, ANNA, texts.of_picture(collection, number)[0].id, version=1)
    return folder


@pytest.fixture
def copy(house: Path, tmp_path: Path) -> Path:
    """The same house in a place of its own."""
    shutil.copytree(house / "pictures", tmp_path / "pictures", copy_function=shutil.copy2)
    with Collection.open(house / "c.sqlite") as collection, collection.alone() as connection:
        connection.execute("VACUUM INTO ?", (str(tmp_path / "c.sqlite"),))
    with Collection.open(tmp_path / "c.sqlite") as moved, moved.writing(SMALL, "collect") as writing:
        old = (str(house / "pictures"), str(tmp_path / "pictures"))
        writing.execute("UPDATE pictures SET uri = replace(uri, ?, ?), source = replace(source, ?, ?)", (*old, *old))
    return tmp_path


def command(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mezzetin", "export", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def killed_after(folder: Path, changed: int, *arguments: str) -> None:
    """Run the command and kill it once `changed` files of a folder are new."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    process, deadline = command(*arguments), time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        now = [path for path in folder.rglob("[0-9]*") if path.is_file()]
        if sum(1 for path in now if before.get(path) != path.stat().st_mtime_ns) >= changed:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def finished(*arguments: str) -> dict[str, object]:
    process = command(*arguments, "--json")
    out, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    last: dict[str, object] = json.loads(out.splitlines()[-1])
    return last


def digests(folder: Path) -> Digests:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("[0-9]*")
        if path.is_file()
    }


def test_killed_in_the_middle_the_same_command_ends_as_if_it_never_was(house: Path, tmp_path: Path) -> None:
    asked = [str(house / "c.sqlite"), "--format", "embed", "--texts", "all"]
    (tmp_path / "out").mkdir()
    killed_after(tmp_path / "out", 10, *asked, str(tmp_path / "out"))
    half = digests(tmp_path / "out")
    assert 10 <= len(half) < COUNT
    done = finished(*asked, str(tmp_path / "out"))
    assert done["labels"] == {"approved": COUNT // 2, "machine": COUNT // 2}
    written = done["files"]
    assert isinstance(written, dict)
    assert written["written"] + written["same"] == COUNT
    assert written["same"] >= len(half) - 1
    finished(*asked, str(tmp_path / "whole"))
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    assert len(digests(tmp_path / "whole")) == COUNT
    assert not list(tmp_path.rglob("*.part"))


def test_killed_in_place_no_picture_is_harmed(copy: Path) -> None:
    shown = {path.name: Image.open(path).convert("RGB").tobytes() for path in (copy / "pictures").iterdir()}
    asked = [str(copy / "c.sqlite"), "--format", "embed", "--in-place"]
    killed_after(copy / "pictures", 8, *asked)
    finished(*asked)
    for path in (copy / "pictures").iterdir():
        number = int(path.stem)
        assert Image.open(path).convert("RGB").tobytes() == shown[path.name]
        with path.open("rb") as stream:
            held = spoken(open_container(stream).packets(0))
        expected = {"x-default": f"=a dog {number}", "en": f"=a dog {number}"} if number % 2 == 0 else {}
        assert dict(held.get("AltTextAccessibility", [])) == expected
    with Collection.open(copy / "c.sqlite") as collection:
        for one in pictures.each(collection):
            assert one.stamp == local_stamp(Path(one.uri))


def test_the_command_says_what_it_did(house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collection, target = str(house / "c.sqlite"), tmp_path / "texts.csv"
    assert cli.run(["export", collection, str(target)]) == 0
    assert capsys.readouterr().out.splitlines() == ["60 texts of 60 pictures: 60 approved", f"1 file written {target}"]
    rows = list(csv.DictReader(io.StringIO(target.read_text("utf-8-sig"), newline="")))
    assert (len(rows), rows[0]["text"], rows[0]["label"]) == (60, "'=a dog 0", "approved")
    assert cli.run(["export", collection, str(target)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert cli.run(["export", collection]) == 2
    assert "TARGET" in capsys.readouterr().err
    assert cli.run(["export", collection, str(tmp_path / "x"), "--format", "pdf"]) == 2
    assert "csv" in capsys.readouterr().err
    assert cli.run(["export", str(tmp_path / "none.sqlite"), str(tmp_path / "x.csv")]) == 2
    assert cli.run(["export", collection, str(tmp_path / "de.csv"), "--lang", "de"]) == 0
    assert "--texts all" in capsys.readouterr().out


def test_a_problem_is_a_line_of_its_own(house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "000.jpg.xmp").write_text("mine")
    assert cli.run(["export", str(house / "c.sqlite"), str(tmp_path / "out"), "--format", "xmp", "--json"]) == 1
    first, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["code"], last["files"], last["problems"]) == ("exists", {"written": 59}, {"exists": 1})
    assert (tmp_path / "out" / "000.jpg.xmp").read_text() == "mine"
