"""`mezzetin search` as it is typed: by words, like a picture, narrowed down, and while another process writes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mezzetin import api
from mezzetin.captioner import load_captioner
from mezzetin.cli import run
from mezzetin.collection import people, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor
from mezzetin.retrieval.finder import Finder
from mezzetin.scenes import draw_new

Search = Callable[..., tuple[int, list[dict[str, Any]], str]]
WRITING = """
import sys
from mezzetin.collection import pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, MachineText, Sighting

with Collection.open(sys.argv[1]) as collection:
    print("begun", flush=True)
    for number in range(400):
        with collection.writing(Actor.machine("other"), "collect") as writing:
            seen = pictures.see(writing, Sighting("later", f"/later/{number}.jpg", sha256=f"{number:x}"))
            words = f"A zeppelin number n{number} above a town."
            texts.put_machine(writing, seen.id, MachineText(words, "en", "other"))
"""


@pytest.fixture(scope="module")
def museum(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn scenes; the first two have a person's text."""
    folder = tmp_path_factory.mktemp("search")
    draw_new(folder / "masters", count=6, seed=4)
    api.collect(folder / "masters", folder / "museum.sqlite", captioners=[load_captioner(beam=1)])
    with Collection.open(folder / "museum.sqlite") as collection:
        for number, words in ((1, "A lutenist on a bench."), (2, "Two sailors mend a net.")):
            text = texts.chosen(collection, number)
            assert text is not None
            people.edit(collection, Actor.person("anna"), text.id, words, version=text.version)
    return folder / "museum.sqlite"


@pytest.fixture
def search(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Search:
    monkeypatch.setenv("MEZZETIN_SENTENCES", "none")

    def asked(*words: object) -> tuple[int, list[dict[str, Any]], str]:
        code = run(["search", *map(str, words), "--json"])
        out, told = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], told

    return asked


def test_words_and_what_is_said_of_a_hit(museum: Path, search: Search, capsys: pytest.CaptureFixture[str]) -> None:
    code, (hit, *_), told = search("lutenist on a bench", museum)
    assert code == 0 and hit["picture"] == 1 and "words" in hit["why"]
    assert (hit["text"], hit["status"], hit["lang"]) == ("A lutenist on a bench.", "edited", "en")
    assert "no sentence model" in told
    assert run(["search", "sailors net", str(museum), "--plain"]) == 0
    assert "Two sailors mend a net.  [edited]" in capsys.readouterr().out


def test_narrowed_down(museum: Path, search: Search) -> None:
    assert [hit["picture"] for hit in search('"mend a net"', museum, "--status", "edited")[1]] == [2]
    code, hits, told = search('"mend a net"', museum, "--status", "approved")
    assert (code, hits) == (0, []) and "nothing found" in told


def test_like_a_picture_and_by_one(museum: Path, search: Search, tmp_path: Path) -> None:
    with Collection.open(museum) as collection:
        row = collection.one("SELECT uri FROM pictures WHERE id = 3")
    assert row is not None
    likes = [hit["picture"] for hit in search(museum, "--like", 3, "-n", 2)[1]]
    assert len(likes) == 2 and 3 not in likes
    assert [hit["picture"] for hit in search(museum, "--like", Path(row["uri"]).name, "-n", 2)[1]] == likes
    Image.open(row["uri"]).save(tmp_path / "copy.png")
    assert search(museum, "--picture", tmp_path / "copy.png", "-n", 1)[1][0]["picture"] == 3


def test_the_captioner_is_asked_again(museum: Path, search: Search) -> None:
    plain = search("a man on a bench", museum)[1]
    again = search("a man on a bench", museum, "--rerank", 10)[1]
    assert {hit["picture"] for hit in plain} == {hit["picture"] for hit in again}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("dog", "none.sqlite"), "none.sqlite is not there"),
        (("{museum}",), "name a query, in quotes, and a collection"),
        (("a", "dog", "{museum}"), "name a query, in quotes, and a collection"),
        (("dog", "{museum}", "--like", "3"), "name a query, in quotes, and a collection"),
        (("{museum}", "--like", "no-such.jpg"), "there is no such picture in this collection"),
        (("{museum}", "--picture", "no-such.jpg"), "no-such.jpg"),
        (("dog", "{museum}", "--status", "nice"), "is no status: choose among"),
        (("dog", "{museum}", "--from", "yesterday"), "is no date"),
        (("dog", "{museum}", "--sentences", "/nowhere"), "there is no sentence model"),
    ],
)
def test_what_was_asked_wrongly(museum: Path, search: Search, words: tuple[str, ...], told: str) -> None:
    code, (line,), _ = search(*(word.format(museum=museum) for word in words))
    assert code == 2 and told in line["error"]["message"]


def test_what_is_no_collection(search: Search, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("image,caption\n")
    code, (line,), _ = search("dog", tmp_path / "table.csv")
    assert code == 2 and "table.csv" in line["error"]["message"]


def test_a_search_while_another_process_writes(museum: Path, tmp_path: Path) -> None:
    """No error and no half a state: each picture that is counted is found by its own words, whoever looks."""
    path = tmp_path / "busy.sqlite"
    api.backup(str(museum), str(path))
    command = [sys.executable, "-c", WRITING, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other, Collection.open(path) as collection:
        assert other.stdout is not None and other.stdout.readline() == b"begun\n"
        counts: list[int] = []
        with Finder.open(collection) as finder:
            while other.poll() is None and len(counts) < 2000:
                found = finder.search("zeppelin town", limit=1000)
                assert all(hit.text and "zeppelin" in str(hit.text.text) for hit in found.hits)
                counts.append(len(found.hits))
                time.sleep(0.01)
            assert other.wait(60) == 0
            assert len(finder.search("zeppelin town", limit=1000).hits) == 400
            assert len(finder.search("zeppelin n399").hits) == 1
    assert counts == sorted(counts) and any(0 < count < 400 for count in counts)
