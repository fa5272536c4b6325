"""A collection as a source: what people vouch for, and nothing that must stay in the house."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mezzetin.collection import bulk, people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter
from mezzetin.collection.rows import Actor, MachineText, Sighting
from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.readers import choose_layout
from mezzetin.errors import DatasetError
from mezzetin.scenes import draw_new
from mezzetin.storage.paths import Place

ANNA = Actor.person("anna")
SMALL = Actor.machine("small")
Read = Callable[..., dict[str, tuple[str, ...]]]


@pytest.fixture
def museum(tmp_path: Path) -> Path:
    """Edited, untouched, approved after an edit, machine, rejected, sampled, given, restricted, changed: nine."""
    path = tmp_path / "museum.sqlite"
    with Collection.open(path, create=True) as collection:
        with collection.writing(SMALL, "collect") as writing:
            for number, file in enumerate(draw_new(tmp_path / "pictures", count=9, seed=4), 1):
                sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
                artist = "Ada" if number < 4 else "Bo"
                sighting = Sighting("folder", str(file), sha256=sha256, artist=artist, restricted=number == 8)
                seen = pictures.see(writing, sighting)
                assert seen.id is not None
                if number == 7:
                    texts.put_given(writing, seen.id, "As the museum says.", lang="en")
                else:
                    texts.put_machine(writing, seen.id, MachineText(f"Thing {number}.", "en", "small"))
        people.edit(collection, ANNA, 1, "A red boat.", version=1)
        people.approve(collection, ANNA, 2, version=1)
        people.edit(collection, ANNA, 3, "A tree.", version=1)
        people.approve(collection, ANNA, 3, version=2)
        people.reject(collection, ANNA, 5, version=1)
        bulk.apply(collection, ANNA, Filter(words="Thing 6"), "sample")
        for number in (8, 9):
            people.approve(collection, ANNA, number, version=1)
        people.write(collection, ANNA, 4, "Un bateau.", lang="fr")
        with collection.writing(SMALL, "collect") as writing:
            known = pictures.get(writing, 9)
            assert known is not None
            pictures.see(writing, Sighting("folder", known.uri, sha256="f" * 64))
    return path


@pytest.fixture
def read(museum: Path, tmp_path: Path) -> Read:
    def captions(name: str = "d", **options: Any) -> dict[str, tuple[str, ...]]:
        ingest(museum, tmp_path / name, processes=1, **options)
        return {Path(row.image_id).name: row.captions for row in Dataset.open(tmp_path / name).rows()}

    return captions


def test_what_people_vouch_for_becomes_a_dataset(read: Read, museum: Path, tmp_path: Path) -> None:
    assert choose_layout(Place.of(museum)) == "collection"
    usual = {"new_1.jpg": ("A red boat.",), "new_2.jpg": ("Thing 2.",), "new_3.jpg": ("A tree.",)}
    assert read() == usual
    told = Dataset.open(tmp_path / "d").manifest
    assert told.defect_counts == {"untouched": 1, "withheld": 4}
    assert [Path(one.name).name for one in told.defects if one.kind == "untouched"] == ["new_2.jpg"]
    row = next(Dataset.open(tmp_path / "d").rows())
    assert row.image == Path(row.image_id).read_bytes()
    del usual["new_2.jpg"]
    assert read("human", leave_out=("untouched",)) == usual
    assert read("all", include=("sampled", "given"), leave_out=("untouched",)) == usual | {
        "new_6.jpg": ("Thing 6.",),
        "new_7.jpg": ("As the museum says.",),
    }
    assert read("french", language="fr") == {"new_4.jpg": ("Un bateau.",)}


def test_a_group_stays_on_one_side(read: Read, tmp_path: Path) -> None:
    read("grouped", group_by="artist", seed=3)
    data = Dataset.open(tmp_path / "grouped")
    assert len({row.split for row in data.rows()}) == 1
    assert data.manifest.splits["group_by"] == "artist"


def test_nothing_is_written_to_the_collection(read: Read, museum: Path) -> None:
    before = hashlib.sha256(museum.read_bytes()).hexdigest()
    read()
    assert hashlib.sha256(museum.read_bytes()).hexdigest() == before


def test_what_can_not_be_is_refused(read: Read, tmp_path: Path) -> None:
    for options, why in (
        ({"language": "de"}, "choose with --language from en, fr"),
        ({"leave_out": ("bad",)}, "never 'bad'"),
        ({"columns": {"caption": "x"}}, "no column 'caption'"),
    ):
        with pytest.raises(DatasetError, match=why):
            read(**options)
    with pytest.raises(DatasetError, match="leave --include"):
        ingest(
            draw_new(tmp_path / "plain", count=1, seed=1)[0].parent,
            tmp_path / "x",
            layout="imagefolder",
            include=("given",),
        )
    Collection.open(tmp_path / "none.sqlite", create=True).close()
    with pytest.raises(DatasetError, match="nobody has approved"):
        ingest(tmp_path / "none.sqlite", tmp_path / "x", processes=1)
