"""Collecting a folder: killed, resumed, renewed, with pages, failures and files that move."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mezzetin import api, cli
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import pictures, runs, texts
from mezzetin.collection.collecting.options import Collected
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor
from mezzetin.errors import EnvironmentProblem, FormatError, InputError

Photographs = Callable[..., Path]
Run = Callable[..., Collected]
ANNA = Actor.person("anna")


@pytest.fixture(scope="module")
def captioner() -> BundleCaptioner:
    return load_captioner(beam=2, alternatives=1)


@pytest.fixture
def run(tmp_path: Path, captioner: BundleCaptioner) -> Run:
    def collect(source: str | Path, name: str = "c.sqlite", **choices: Any) -> Collected:
        return api.collect(source, tmp_path / name, **{"captioners": [captioner], **choices})

    return collect


def told(path: Path, column: str = "text") -> dict[str, Any]:
    """What is kept of each file's short text, by the file's name."""
    with Collection.open(path) as collection:
        rows = collection.rows(
            f"SELECT uri, page, texts.{column} FROM pictures JOIN texts ON texts.picture_id = pictures.id"  # noqa: S608
            " WHERE kind = 'alt' AND texts.status <> 'withdrawn'"
        )
        return {f"{Path(row[0]).name}{f'#{row[1]}' if row[1] else ''}": row[2] for row in rows}


def statuses(path: Path) -> dict[str, str]:
    with Collection.open(path) as collection:
        return {Path(one.uri).name: one.status for one in pictures.each(collection)}


def test_every_picture_is_kept_with_its_words_and_the_next_run_takes_only_what_is_new(
    tmp_path: Path, photographs: Photographs, run: Run, captioner: BundleCaptioner
) -> None:
    folder = photographs(5)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (folder / "notes.txt").write_text("not a picture")
    first = run(folder)
    assert (first.pictures, first.described, first.failed) == (6, 5, {"undecodable": 1})
    assert "broken.jpg" in first.examples["undecodable"]
    offline = [caption.text for caption in captioner.caption(sorted(folder.glob("p*.jpg")))]
    assert told(tmp_path / "c.sqlite") == {f"p{n}.jpg": text for n, text in enumerate(offline)}
    with Collection.open(tmp_path / "c.sqlite") as collection:
        (found,) = pictures.find(collection, "p0.jpg")
        (text,) = texts.of_picture(collection, found.id)
    assert (found.width, found.height, found.format, found.status, len(found.sha256 or "")) == (
        160,
        120,
        "jpeg",
        "done",
        64,
    )
    assert (text.status, text.kind, text.lang, text.source) == ("machine", "alt", "en", captioner.info.name)
    assert text.confidence is not None and len(text.alternatives) == 1 and text.tokens
    photographs(8, "more")
    shutil.copy(tmp_path / "more" / "p7.jpg", folder / "p7.jpg")
    second = run(folder)
    assert (second.described, second.what["new"], second.what["same"], second.failed_before) == (1, 1, 6, 1)
    assert not second.failed and not second.has_failures


def test_only_the_failed_are_taken_again_when_that_is_asked_for(
    tmp_path: Path, photographs: Photographs, run: Run
) -> None:
    folder = photographs(2)
    good = (folder / "p0.jpg").read_bytes()
    (folder / "p0.jpg").write_bytes(b"")
    assert run(folder).failed == {"empty": 1}
    again = run(folder, retry_failed=True)
    assert (again.failed, again.described, again.what["same"]) == ({"empty": 1}, 0, 2)
    # A file that was mended has another size, and needs no asking.
    (folder / "p0.jpg").write_bytes(good)
    assert run(folder).described == 1
    assert statuses(tmp_path / "c.sqlite") == {"p0.jpg": "done", "p1.jpg": "done"}


def test_files_that_move_change_go_and_come_back_are_told_apart(
    tmp_path: Path, photographs: Photographs, run: Run
) -> None:
    folder, collection = photographs(5), tmp_path / "c.sqlite"
    run(folder)
    before = told(collection)
    (folder / "deep").mkdir()
    (folder / "p0.jpg").rename(folder / "deep" / "renamed.jpg")
    shutil.copy(folder / "p1.jpg", folder / "copy.jpg")
    Image.new("RGB", (90, 70), "purple").save(folder / "p2.jpg")
    away = (folder / "p3.jpg").rename(tmp_path / "p3.jpg")
    os.utime(folder / "p4.jpg", (1, 1))
    changed = run(folder)
    assert changed.what == {"moved": 1, "new": 1, "changed": 1, "same": 2}
    assert (changed.gone, changed.described) == (1, 2)
    after = told(collection)
    assert after["renamed.jpg"] == before["p0.jpg"] and after["copy.jpg"] == before["p1.jpg"]
    assert statuses(collection) == {
        "renamed.jpg": "done", "p1.jpg": "done", "copy.jpg": "done", "p2.jpg": "done", "p3.jpg": "gone",
        "p4.jpg": "done",
    }  # fmt: skip
    away.rename(folder / "p3.jpg")
    back = run(folder)
    assert (back.what["back"], back.described, back.gone) == (1, 0, 0)
    assert told(collection)["p3.jpg"] == before["p3.jpg"]


def test_a_change_that_a_listing_does_not_show_is_found_by_verify(
    tmp_path: Path, photographs: Photographs, run: Run
) -> None:
    folder = photographs(2)
    run(folder)
    victim = folder / "p0.jpg"
    stamp = victim.stat()
    content = bytearray(victim.read_bytes())
    content[-20] ^= 1
    victim.write_bytes(content)
    os.utime(victim, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert run(folder).what == {"same": 2}
    assert run(folder, verify=True).what == {"same": 1, "changed": 1}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "mezzetin", *map(str, arguments)]


def kept_so_far(path: Path) -> int:
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM texts").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_killed_in_the_middle_nothing_is_lost_and_nothing_doubled(tmp_path: Path, photographs: Photographs) -> None:
    folder, path = photographs(320, size=(640, 480)), tmp_path / "c.sqlite"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for kill in range(2):
        working = subprocess.Popen(
            command("collect", folder, path, "--plain", "--beam", "2"), env=environment, stderr=subprocess.DEVNULL
        )
        before, end = kept_so_far(path), time.monotonic() + 60
        while kept_so_far(path) <= before and time.monotonic() < end and working.poll() is None:
            time.sleep(0.01)
        working.send_signal(signal.SIGKILL)
        assert working.wait() == -signal.SIGKILL, "it was done before it could be killed"
        assert before < kept_so_far(path) < 320, kill
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM pictures WHERE status <> 'done'").fetchone()[0] == 0
    kept = kept_so_far(path)
    done = subprocess.run(
        command("collect", folder, path, "--json", "--beam", "2"), env=environment, capture_output=True, check=True
    )
    result = json.loads(done.stdout)
    assert (result["described"], result["new"], result["same"]) == (320 - kept, 320 - kept, kept)
    assert len(told(path)) == kept_so_far(path) == 320
    with Collection.open(path) as collection:
        assert collection.one("SELECT max(version) FROM texts")[0] == 1  # type: ignore[index]
        assert collection.one("SELECT count(*) FROM history")[0] == 320  # type: ignore[index]
        assert next(one.state for one in runs.latest(collection)) == "done"


def test_two_runs_at_once_are_one_too_many(tmp_path: Path, photographs: Photographs, run: Run) -> None:
    folder, lock = photographs(2), tmp_path / "c.sqlite.collecting"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(EnvironmentProblem, match="another run"):
            run(folder)
    assert run(folder).described == 2
    assert not lock.exists()


def test_every_page_of_a_tiff_is_a_picture_when_that_is_asked_for(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "masters"
    folder.mkdir()
    random = np.random.default_rng(1)
    frames = [Image.fromarray(random.integers(0, 255, (30, 40, 3), dtype=np.uint8)) for _ in range(3)]
    frames[0].save(folder / "three.tif", save_all=True, append_images=frames[1:])
    first = run(folder)
    assert (first.pictures, first.described, first.more_pages) == (1, 1, 2)
    all_pages = run(folder, pages="all")
    assert (all_pages.pictures, all_pages.described, all_pages.what["new"]) == (3, 2, 2)
    assert set(told(tmp_path / "c.sqlite")) == {"three.tif", "three.tif#1", "three.tif#2"}
    assert run(folder).gone == 0
    assert run(folder, pages="all").described == 0
    (folder / "three.tif").rename(folder / "moved.tif")
    moved = run(folder, pages="all")
    assert (moved.what, moved.described, moved.gone) == ({"moved": 3}, 0, 0)


def test_a_dry_run_counts_and_times_and_writes_nothing(
    tmp_path: Path, photographs: Photographs, run: Run, captioner: BundleCaptioner
) -> None:
    folder = photographs(6)
    found = api.foresee(folder, tmp_path / "c.sqlite", captioners=[captioner])
    assert (found.pictures, found.new, found.to_read, found.sampled) == (6, 6, 6, 6)
    assert found.seconds is not None and found.seconds > 0
    assert not (tmp_path / "c.sqlite").exists()
    run(folder)
    again = api.foresee(folder, tmp_path / "c.sqlite", captioners=[captioner])
    assert (again.new, again.same, again.to_read, again.seconds) == (0, 6, 0, 0.0)


def test_the_command_says_what_happened_and_ends_with_the_right_code(
    tmp_path: Path, photographs: Photographs, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photographs(2)
    assert cli.run(["collect", str(folder), str(tmp_path / "c.sqlite"), "--beam", "1"]) == 0
    assert "2 pictures of" in (out := capsys.readouterr().out) and "2 new" in out
    (folder / "x.png").write_text("no")
    assert cli.run(["collect", str(folder), str(tmp_path / "c.sqlite"), "--beam", "1", "--json"]) == 1
    told_json = json.loads(capsys.readouterr().out)
    assert (told_json["failed"], told_json["same"]) == ({"unsupported_format": 1}, 2)
    assert cli.run(["collect", str(folder), str(tmp_path / "c.sqlite"), "--dry-run", "--beam", "1"]) == 0
    assert "1 failed before" in capsys.readouterr().out
    assert cli.run(["collect", str(tmp_path / "none"), str(tmp_path / "d.sqlite")]) == 2
    assert not (tmp_path / "d.sqlite").exists()


def test_what_is_no_source_or_no_collection_is_refused_and_left_alone(
    tmp_path: Path, photographs: Photographs, run: Run
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        run(tmp_path / "empty")
    (tmp_path / "c.sqlite").write_bytes(b"my diary, not a database at all, and long enough to be one" * 20)
    with pytest.raises(FormatError):
        run(photographs(1))
    assert (tmp_path / "c.sqlite").read_bytes().startswith(b"my diary")


def test_sixty_photographs_are_described_as_caption_would(tmp_path: Path, shared: Path, run: Run) -> None:
    names = (shared / "data" / "flickr8k" / "Flickr_8k.devImages.txt").read_text().split()[:60]
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shared / "data" / "flickr8k" / "Images" / name)
    captioner = load_captioner()
    assert run(folder, captioners=[captioner]).described == 60
    offline = {Path(name).name: row.text for name, row in api.caption([folder], captioner=captioner)}
    assert told(tmp_path / "c.sqlite") == offline
