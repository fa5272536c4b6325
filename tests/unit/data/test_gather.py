from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mezzetin.data.gather import Gathering
from mezzetin.data.readers.record import Record
from mezzetin.storage.paths import Place


def said(name: str, *captions: str, split: str | None = None, language: str = "en", image: str | None = "x") -> Record:
    return Record(name, Place.of(image) if image else None, name, captions, split, language)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.text(st.characters(codec="utf-8"))), max_size=30))
def test_every_caption_is_kept_with_its_picture_or_counted(rows: list[tuple[str, str]]) -> None:
    gathering = Gathering((said(name, caption) for name, caption in rows), "en")
    entries = list(gathering)
    assert [entry.image_id for entry in entries] == list(dict.fromkeys(name for name, _ in rows))
    for entry in entries:
        wanted = [" ".join(text.split()) for name, text in rows if name == entry.image_id]
        assert list(entry.captions) == [text for text in wanted if text]
        assert len(entry.defects) == len(entry.captions) - len(set(entry.captions))
    empty = sum(not text.strip() for _, text in rows)
    assert [defect.kind for defect in gathering.defects()] == ["empty_caption"] * empty
    gathering.close()


def test_pictures_without_captions_come_last_by_name() -> None:
    records = [said("z"), said("b", "two"), said("c", split="val", image=None), said("a", "one"), said("c")]
    gathering = Gathering(records, "de")
    assert [entry.image_id for entry in gathering] == ["b", "a", "c", "z"]
    c = list(gathering)[2]
    assert (c.image, c.split, c.language, len(gathering), gathering.captioned()) == (
        Place.of("x"),
        "val",
        "de",
        4,
        2,
    )
    assert gathering.from_source
    gathering.close()


def test_contradictions_are_named() -> None:
    records = [said("a", "one", split="train"), said("a", "eins", language="de"), said("a", split="test")]
    (entry,) = Gathering(records, "en")
    assert (entry.captions, entry.language, entry.split) == (("one",), "en", "test")
    assert [defect.kind for defect in entry.defects] == ["other_language", "two_splits"]


def test_the_fingerprint_is_of_what_is_said_not_of_where() -> None:
    here = Gathering([said("a", "one", image="/here/a"), said("b", "two")], "en").fingerprint()
    assert here == Gathering([said("a", "one", image="/there/a"), said("b", "two")], "en").fingerprint()
    assert here != Gathering([said("a", "one"), said("b", "zwei")], "en").fingerprint()
