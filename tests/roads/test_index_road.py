"""From a collection without vectors to one that is searched by meaning: what lacks is made, cut off it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mezzetin import api
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.cli import run
from mezzetin.collection import pictures, vectors
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, Sighting
from mezzetin.records import Progress
from tests.unit.meaning.conftest import make_model

Photographs = Callable[..., Path]
PROGRAM = "import sys\nfrom mezzetin.cli import main\nsys.argv = ['mezzetin', *sys.argv[1:]]\nmain()"


@pytest.fixture(scope="module")
def captioner() -> BundleCaptioner:
    return load_captioner(beam=1, alternatives=0)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "tiny-bert")


@pytest.fixture
def collected(tmp_path: Path, photographs: Photographs, captioner: BundleCaptioner) -> Path:
    """Six described pictures."""
    api.collect(photographs(6), tmp_path / "museum.sqlite", captioners=[captioner])
    return tmp_path / "museum.sqlite"


def counted(path: Path) -> dict[str, int]:
    with Collection.open(path) as collection:
        return vectors.spaces(collection)


def drop(path: Path) -> None:
    """As if another captioner had described the pictures."""
    with Collection.open(path) as collection, collection.writing(Actor.machine("test"), "test") as writing:
        writing.execute("DELETE FROM vectors")


def rows(path: Path) -> dict[int, bytes]:
    with Collection.open(path) as collection:
        return {
            row[0]: row[1] for row in collection.rows("SELECT picture_id, vector FROM vectors WHERE text_id IS NULL")
        }


def test_collect_keeps_vectors_and_index_makes_the_same(collected: Path, captioner: BundleCaptioner) -> None:
    assert counted(collected) == {captioner.space: 6}
    made = rows(collected)
    assert api.index(collected, captioner=captioner, sentences="none").pictures == 0
    drop(collected)
    done = api.index(collected, captioner=captioner, sentences="none")
    assert (done.pictures, done.texts, done.has_failures) == (6, 0, False)
    again = rows(collected)
    for number, vector in made.items():
        difference = np.abs(np.frombuffer(vector, np.int8).astype(int) - np.frombuffer(again[number], np.int8))
        assert difference.max() <= 1


def test_texts_get_theirs_from_a_sentence_model(collected: Path, captioner: BundleCaptioner, sentences: Path) -> None:
    done = api.index(collected, captioner=captioner, sentences=sentences)
    assert (done.pictures, done.texts, done.notes) == (0, 6, [])
    (space,) = counted(collected).keys() - {captioner.space}
    assert space.startswith("sentence:")
    assert api.index(collected, captioner=captioner, sentences=sentences).texts == 0
    done = api.index(collected, captioner=captioner, sentences=sentences, rebuild=True)
    assert (done.pictures, done.texts) == (6, 6)


def test_a_changed_picture_loses_its_vector_until_it_is_collected_again(
    collected: Path, captioner: BundleCaptioner, tmp_path: Path
) -> None:
    before = rows(collected)
    Image.new("RGB", (90, 90), (200, 30, 30)).save(tmp_path / "pictures" / "p2.jpg")
    drop(collected)
    done = api.index(collected, captioner=captioner, sentences="none")
    assert done.pictures == 5 and done.failed == {"changed": 1} and "collect" in done.examples["changed"]
    api.collect(tmp_path / "pictures", collected, captioners=[captioner])
    after = rows(collected)
    assert len(after) == 6
    assert sum(before[number] != after[number] for number in before) >= 1


def test_what_can_not_be_read_is_told_and_costs_the_others_nothing(
    collected: Path, captioner: BundleCaptioner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(collected)
    (tmp_path / "pictures" / "p0.jpg").unlink()
    (tmp_path / "pictures" / "p1.jpg").write_bytes(b"no picture")
    assert run(["index", str(collected), "--sentences", "none", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["pictures"] == 4 and said["failed"] == {"missing": 1, "unsupported_format": 1}
    assert any("sentence model" in note for note in said["notes"])
    assert counted(collected) == {captioner.space: 4}


def test_forgotten_pictures_get_no_vector(collected: Path, captioner: BundleCaptioner) -> None:
    drop(collected)
    with Collection.open(collected) as collection:
        one = next(iter(pictures.each(collection)))
    api.forget(str(collected), str(one.id), who="anna")
    assert api.index(collected, captioner=captioner, sentences="none").pictures == 5
    assert one.id not in rows(collected)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.sqlite"], "is not there"),
        (["museum.sqlite", "--sentences", "nowhere"], "there is no sentence model"),
        (["museum.sqlite", "--model", "nowhere"], "nowhere"),
    ],
)
def test_wrong_input_is_one_line(
    collected: Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(collected.parent)
    assert run(["index", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_killed_it_goes_on(tmp_path: Path, photographs: Photographs, captioner: BundleCaptioner) -> None:
    folder, path = photographs(1, "many"), tmp_path / "museum.sqlite"
    random = np.random.default_rng(1)
    for number in range(290):
        Image.fromarray(random.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(folder / f"n{number}.png")
    with Collection.open(path, create=True) as collection:
        _enter(collection, sorted(folder.iterdir()))
    command = [sys.executable, "-c", PROGRAM, "index", str(path), "--sentences", "none", "--plain"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 60
    while not counted(path):
        assert time.monotonic() < limit and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    made = counted(path)[captioner.space or ""]
    assert 0 < made <= 291
    done = api.index(path, captioner=captioner, sentences="none")
    assert counted(path) == {captioner.space: 291}
    assert done.pictures == 291 - made and not done.has_failures


def test_interrupted_it_keeps_what_was_made(tmp_path: Path, captioner: BundleCaptioner) -> None:
    path = tmp_path / "museum.sqlite"
    for number in range(60):
        Image.new("RGB", (24, 24), (number, 90, 90)).save(tmp_path / f"n{number:02}.png")
    with Collection.open(path, create=True) as collection:
        _enter(collection, sorted(tmp_path.glob("*.png")))

    def stop(progress: Progress) -> None:
        if progress.done == 55:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.index(path, captioner=captioner, sentences="none", report=stop)
    made = counted(path)[captioner.space or ""]
    assert 0 < made < 60
    assert api.index(path, captioner=captioner, sentences="none").pictures == 60 - made


def _enter(collection: Collection, files: list[Path]) -> None:
    """Pictures as an import enters them: nobody has looked at them."""
    with collection.writing(Actor.machine("import"), "import") as writing:
        for file in files:
            pictures.see(writing, Sighting(source="import", uri=str(file)))


def test_pictures_behind_a_signature_are_read_with_it(captioner: BundleCaptioner) -> None:
    from mezzetin.collection.indexing import Indexed, _Run
    from mezzetin.collection.sources import Web
    from mezzetin.storage.paths import Place

    source = "https://house.blob.core.windows.net/photos?sv=2024-11-04&sr=c&sp=rl&sig=c2VjcmV0"
    nobody: Any = None
    with Web() as web:
        work = _Run(nobody, captioner, web, [Place.of(source)], Indexed(), lambda progress: None)
        inside = work._place("https://house.blob.core.windows.net/photos/a/b.jpg")
        assert inside.address.path.endswith("a/b.jpg") and "sig=c2VjcmV0" in inside.unredacted()
        other = work._place("https://house.blob.core.windows.net/others/b.jpg")
        assert "sig=" not in other.unredacted()
        assert "sig=" not in str(inside)
