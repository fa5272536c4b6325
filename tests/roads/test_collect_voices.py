"""Collecting beside people and other captioners: whose words stay, who is asked, what comes from elsewhere."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mezzetin import api
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import people, pictures, texts
from mezzetin.collection.collecting.merging import MergeRow, merge_rows
from mezzetin.collection.collecting.options import Collected
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor
from mezzetin.external import External, external_captioner
from tests.unit.external.services import KEY, chat, served

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


def test_what_a_person_decided_stays_whatever_the_next_runs_do(
    tmp_path: Path, photographs: Photographs, run: Run
) -> None:
    folder, path = photographs(4), tmp_path / "c.sqlite"
    run(folder)
    with Collection.open(path) as collection:
        edited, approved, deleted, untouched = (
            texts.of_picture(collection, found.id)[0]
            for name in range(4)
            for found in pictures.find(collection, f"p{name}.jpg")
        )
        people.edit(collection, ANNA, edited.id, "A bench.", version=1)
        people.approve(collection, ANNA, approved.id, version=1)
        people.delete(collection, ANNA, deleted.id, version=1)
    for name in range(4):
        Image.new("RGB", (90, 70), (20 * name, 90, 20)).save(folder / f"p{name}.jpg")
    other = load_captioner(beam=2, max_words=4)
    again = run(folder, captioners=[other], verify=True, refresh=True)
    assert again.what == {"changed": 4} and again.texts.total() == 1
    kept = told(path)
    assert (kept["p0.jpg"], kept["p1.jpg"], kept["p2.jpg"]) == ("A bench.", approved.text, None)
    assert kept["p3.jpg"] != untouched.text
    assert statuses(path) == {"p0.jpg": "changed", "p1.jpg": "changed", "p2.jpg": "changed", "p3.jpg": "done"}


def test_a_person_edits_while_a_run_writes_and_neither_loses_anything(
    tmp_path: Path, photographs: Photographs, run: Run
) -> None:
    folder, path = photographs(40), tmp_path / "c.sqlite"
    run(folder)
    for name in range(40):
        os.utime(folder / f"p{name}.jpg", (1, 1))
    photographs(60, "more")
    for name in range(40, 60):
        shutil.copy(tmp_path / "more" / f"p{name}.jpg", folder)
    results: list[Collected] = []
    thread = threading.Thread(target=lambda: results.append(run(folder, verify=True, refresh=True)))
    thread.start()
    with Collection.open(path) as collection:
        for number in range(1, 31):
            (text,) = texts.of_picture(collection, number)
            people.edit(collection, ANNA, text.id, f"Anna's text {number}.", version=text.version)
    thread.join()
    assert results[0].what["new"] == 20 and not results[0].failed
    with Collection.open(path) as collection:
        kept = [texts.of_picture(collection, number)[0] for number in range(1, 31)]
        assert [one.text for one in kept] == [f"Anna's text {number}." for number in range(1, 31)]
        assert collection.one("SELECT count(*) FROM texts WHERE status = 'machine'")[0] == 30  # type: ignore[index]


def test_several_captioners_keep_texts_side_by_side_and_restricted_pictures_stay(
    tmp_path: Path, photographs: Photographs, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photographs(3)
    (folder / "private").mkdir()
    (folder / "p2.jpg").rename(folder / "private" / "p2.jpg")
    with served(chat) as service:
        monkeypatch.setenv("MEZZETIN_EXTERNAL_CHAT_KEY", KEY)
        settings = {"kind": "openai_chat", "endpoint": f"{service.url}/v1", "model": "m", "price_per_call": 0.5}
        with asked(settings) as other:
            done = run(folder, others={"chat": other}, restricted=["*/private/*"])
            assert (done.described, done.restricted, done.silent) == (3, 1, {})
            assert (done.texts["chat"], len(service.requests)) == (2, 2)
            # Another run without the pattern remembers that the picture is restricted.
            assert run(folder, others={"chat": other}, verify=True).texts["chat"] == 0
            assert len(service.requests) == 2
    with Collection.open(tmp_path / "c.sqlite") as collection:
        (found,) = pictures.find(collection, "private/p2.jpg")
        assert found.restricted
        sources = {
            one.source for picture in pictures.each(collection) for one in texts.of_picture(collection, picture.id)
        }
    assert len(sources) == 2 and "chat" in sources


def asked(settings: Mapping[str, Any]) -> External:
    return external_captioner("chat", {"chat": dict(settings)})


def test_rows_that_were_made_elsewhere_are_merged_and_harm_nothing_twice(tmp_path: Path) -> None:
    model = {"name": "small", "version": "2", "signature": "abc", "licence": "MIT"}
    rows: list[MergeRow] = [
        {"uri": f"/p/{n}.jpg", "sha256": f"{n:064x}", "caption": f"a dog {n}", "language": "en", "confidence": 0.5,
         "alternatives": [("a cat", -2.0)], "model": model}
        for n in range(450)
    ]  # fmt: skip
    rows.append({"uri": "/p/bad.jpg", "error": {"code": "undecodable", "message": "cut short"}, "model": model})
    with Collection.open(tmp_path / "c.sqlite", create=True) as collection:
        assert merge_rows(collection, rows, source="/p", who="spark") == {"written": 450, "failed": 1}
        (text,) = texts.of_picture(collection, 1)
        people.edit(collection, ANNA, text.id, "Anna's.", version=1)
        rows[0]["caption"] = "another"
        assert merge_rows(collection, rows, source="/p", who="spark") == {"same": 449, "kept": 1, "failed": 1}
        assert pictures.counts(collection) == {"done": 450, "failed": 1}
        assert texts.of_picture(collection, 2)[0].source == "small"
