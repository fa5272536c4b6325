"""Pictures met once and again: new, moved, changed, gone and back; failures; what still waits for a captioner."""

from __future__ import annotations

from pathlib import Path

import pytest

from mezzetin.collection import people, pictures, runs, texts, waiting
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Seen, Sighting
from mezzetin.errors import InputError
from tests.unit.collection.making import ANNA, SMALL, filled, put, said

HOSTILE = [
    "<script>alert(1)</script>",
    "'); DROP TABLE pictures; --",
    "\u202egnp.exe \u05e9\u05dc\u05d5\u05dd",
    "x" * 10_000,
    "before\0after",
    "%_\\ \r\n\t \U0001f3a8",
]


def see(collection: Collection, sighting: Sighting, run: int | None = None, there: bool = True) -> Seen:
    with collection.writing(SMALL, "collect", run) as writing:
        return pictures.see(writing, sighting, still_there=lambda uri: there)


@pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_are_kept_to_the_letter(tmp_path: Path, title: str) -> None:
    with Collection.open(tmp_path / "c.sqlite", create=True) as collection:
        seen = see(
            collection,
            Sighting(title, f"/{title}.jpg", record_id=title, title=title, artist=title, extra={title: title}),
        )
        assert seen.id is not None
        put(collection, seen.id, said(title, source="small"))
        found = pictures.get(collection, seen.id)
        assert found is not None
        assert (found.source, found.uri, found.record_id, found.title, found.artist) == (
            title, f"/{title}.jpg", title, title, title,
        )  # fmt: skip
        assert found.extra == {title: title}
        text = people.edit(collection, ANNA, 1, title, version=1)
        assert (text.text, text.machine_text, text.alternatives[0].text) == (title, title, f"{title} too")
        assert pictures.find(collection, title) == [found]
        assert see(collection, Sighting(title, f"/{title}.jpg", title=title)) == Seen(seen.id, "same")


def test_half_a_character_is_replaced_in_a_title_and_refused_in_an_address(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "c.sqlite", create=True) as collection:
        see(collection, Sighting("f", "/a.jpg", title="caf\udce9"))
        found = pictures.at(collection, "/a.jpg")
        assert found is not None
        assert found.title == "caf\ufffd"
        with pytest.raises(InputError, match="rename the file"):
            see(collection, Sighting("f", "/caf\udce9.jpg"))


def test_a_moved_file_keeps_its_number_and_texts(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 1) as collection:
        moved = Sighting("folder", "/new/1.jpg", sha256=f"{1:064x}")
        assert see(collection, moved, there=False) == Seen(1, "moved")
        assert see(collection, moved) == Seen(1, "same")
        assert texts.chosen(collection, 1) is not None
        event = pictures.picture_history(collection, 1)[0]
        assert (event.what, event.old, event.new) == ("moved", "/p/1.jpg", "/new/1.jpg")
        copied = see(collection, Sighting("folder", "/copy/1.jpg", sha256=f"{1:064x}"))
        assert copied == Seen(2, "new")


def test_other_bytes_are_described_again_but_not_over_a_person(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 2) as collection:
        people.approve(collection, ANNA, 2, version=1)
        for number in (1, 2):
            seen = see(collection, Sighting("folder", f"/p/{number}.jpg", sha256="f" * 63 + str(number)))
            assert seen == Seen(number, "changed")
        assert [one.id for one in waiting.waiting(collection, "small", signature="s1")] == [1]
        assert put(collection, 1, said("a dog 1")) == "written"
        assert put(collection, 2, said("new")) == "kept"
        assert pictures.counts(collection) == {"done": 1, "changed": 1}
        people.approve(collection, ANNA, 2, version=2)
        assert pictures.counts(collection) == {"done": 2}


def test_gone_and_back(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 2) as collection:
        run = runs.start(collection, "collect", "small").id
        see(collection, Sighting("folder", "/p/1.jpg"), run)
        with collection.writing(SMALL, "collect", run) as writing:
            assert pictures.mark_gone(writing, "folder") == 1
        assert pictures.counts(collection) == {"done": 1, "gone": 1}
        assert see(collection, Sighting("folder", "/p/2.jpg")) == Seen(2, "back")
        assert pictures.counts(collection) == {"done": 2}
        assert [one.what for one in pictures.picture_history(collection, 2)] == ["gone", "back"]


def test_failures_wait_until_they_are_asked_for(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "c.sqlite", create=True) as collection:
        for number in (1, 2, 3):
            see(collection, Sighting("folder", f"/p/{number}.jpg"))
        with collection.writing(SMALL, "collect") as writing:
            pictures.mark_failed(writing, 1, "undecodable", "no picture")
            pictures.mark_failed(writing, 2, "content_filtered", "held back", captioner="azure")
        waits = {name: [one.id for one in waiting.waiting(collection, name)] for name in ("small", "azure")}
        assert waits == {"small": [2, 3], "azure": [3]}
        assert waiting.waiting_count(collection, "azure", retry_failed=True) == 3
        assert pictures.counts(collection) == {"failed": 2, "pending": 1}
        put(collection, 2, said("a dog"))
        assert pictures.counts(collection) == {"done": 1, "failed": 1, "pending": 1}
        assert [one.id for one in waiting.waiting(collection, "azure", retry_failed=True)] == [1, 2, 3]


def test_a_new_model_is_let_at_machine_and_rejected_texts_alone(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 4) as collection:
        people.approve(collection, ANNA, 1, version=1)
        people.reject(collection, ANNA, 2, version=1)
        people.delete(collection, ANNA, 3, version=1)
        for signature, refresh, expected in (
            ("s1", False, []),
            ("s2", False, []),
            ("s2", True, [2, 4]),
            ("s1", True, []),
        ):
            found = waiting.waiting(collection, "small", signature=signature, refresh=refresh)
            assert [one.id for one in found] == expected
        put(collection, 2, said("other", signature="s2"))
        put(collection, 4, said("other", signature="s2"))
        assert not list(waiting.waiting(collection, "small", signature="s2", refresh=True))
        assert [one.id for one in waiting.waiting(collection, "large", signature="s2")] == [1, 2, 4]


def test_whoever_keeps_an_index_hears_of_every_change(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 3) as collection:
        seq = max(one for one, _ in pictures.changed_since(collection, 0))
        see(collection, Sighting("folder", "/p/1.jpg"))
        assert pictures.changed_since(collection, seq) == []
        people.approve(collection, ANNA, 2, version=1)
        see(collection, Sighting("folder", "/p/1.jpg", title="Gilles"))
        assert [picture for _, picture in pictures.changed_since(collection, seq)] == [2, 1]
