"""Tables of a collection: what is in them, for whom, and what no spreadsheet may run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin import api
from mezzetin.collection import people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, Sighting
from mezzetin.errors import InputError
from mezzetin.publication.rows import Selection, label, published, published_count, published_one, published_pages
from mezzetin.publication.tables import COLUMNS, harmless
from tests.unit.collection.making import ANNA, SMALL, put, said

BAD = '=HYPERLINK("http://x";"see")'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of ten: 1 edited, 2 approved, 3 given, 4 machine, 5 rejected, 6 deleted, 7 restricted, 8 gone, 9 two tongues."""
    path = tmp_path_factory.mktemp("house") / "c.sqlite"
    with Collection.open(path, create=True) as collection:
        for number in range(1, 11):
            source = "/cellar" if number == 10 else "/p"
            sighting = Sighting(source, f"{source}/{number}.jpg", sha256=f"{number:064x}", restricted=number == 7)
            with collection.writing(SMALL, "collect") as writing:
                assert pictures.see(writing, sighting).id == number
            if number != 3:
                put(collection, number, said(f"a dog {number}"))
        first = {one.picture_id: one for n in range(1, 11) for one in texts.of_picture(collection, n)}
        people.edit(collection, ANNA, first[1].id, BAD, version=1)
        for number in (2, 7, 8, 9, 10):
            people.approve(collection, ANNA, first[number].id, version=1)
        with collection.writing(Actor.machine("import"), "import") as writing:
            texts.put_given(writing, 3, "Ein Hund", lang="de")
        people.reject(collection, ANNA, first[5].id, version=1)
        people.delete(collection, ANNA, first[6].id, version=1)
        people.write(collection, ANNA, 9, 'Ein Hund,\nder "bellt"', lang="de-AT")
        people.write(collection, ANNA, 9, "A longer description", kind="description")
        with collection.writing(SMALL, "collect") as writing:
            writing.execute("UPDATE pictures SET status = 'gone' WHERE id = 8")
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def exported(house: Path, target: Path, **choices: object) -> list[tuple[int, str, str]]:
    api.export(house, target, format="jsonl", overwrite=True, **choices)  # type: ignore[arg-type]
    found = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    return [(one["picture_id"], one["lang"], one["label"]) for one in found]


def test_only_what_people_approved_leaves_the_house(house: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.jsonl"
    approved = [
        (1, "en", "person"),
        (2, "en", "approved"),
        (3, "de", "museum"),
        (9, "de-AT", "person"),
        (9, "en", "approved"),
        (9, "en", "person"),
        (10, "en", "approved"),
    ]
    assert sorted(exported(house, target)) == approved
    assert sorted(exported(house, target, texts="all")) == sorted([*approved, (4, "en", "machine")])
    assert sorted(exported(house, target, with_restricted=True)) == sorted([*approved, (7, "en", "approved")])
    assert exported(house, target, langs=["de"]) == [(3, "de", "museum"), (9, "de-AT", "person")]
    assert exported(house, target, sources=["/cellar"]) == [(10, "en", "approved")]
    assert exported(house, target, langs=["d"]) == exported(house, target, langs=["%"]) == []


def test_what_was_approved_by_sample_says_so_and_can_stay_behind(house: Path, tmp_path: Path) -> None:
    copy = tmp_path / "c.sqlite"
    api.backup(house, copy)
    with Collection.open(copy) as collection, collection.writing(ANNA, "sample") as writing:
        writing.execute(
            "UPDATE texts SET status = 'sampled', version = version + 1, act_id = ? WHERE picture_id = 4",
            (writing.act,),
        )
    assert (4, "en", "sampled") in exported(copy, tmp_path / "t.jsonl")
    assert 4 not in {one[0] for one in exported(copy, tmp_path / "t.jsonl", sampled=False, texts="all")}


def test_the_three_tables_say_the_same_and_csv_runs_nothing(house: Path, tmp_path: Path) -> None:
    for name in ("csv", "jsonl", "parquet"):
        done = api.export(house, tmp_path / f"t.{name}", format=name, texts="all")
        assert (done.pictures, done.texts, done.files["written"]) == (6, 8, 1)
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text("utf-8").splitlines()]
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.to_pylist() == lines
    assert tuple(table.column_names) == COLUMNS
    cells = rows(tmp_path / "t.csv")
    assert [one["text"] for one in cells[1:]] == [one["text"] for one in lines[1:]]
    assert (lines[0]["text"], cells[0]["text"]) == (BAD, f"'{BAD}")
    assert (cells[0]["restricted"], cells[0]["confidence"], cells[0]["sha256"]) == ("false", "0.5", f"{1:064x}")
    assert "anna" not in (tmp_path / "t.jsonl").read_text("utf-8")


@given(st.text())
def test_no_cell_begins_a_formula_and_every_cell_comes_back(text: str) -> None:
    cell = harmless(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert not cell.startswith(("\t", "\r", "\n"))
    stream = io.StringIO()
    csv.writer(stream).writerow([cell, "next"])
    back = next(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert back == [cell, "next"]
    assert len(cell) - len(text) in (0, 1)


def test_a_file_that_is_there_stays_but_with_overwrite(house: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    target.write_text("mine")
    with pytest.raises(InputError, match="--overwrite"):
        api.export(house, target, format="csv")
    assert target.read_text() == "mine"
    assert api.export(house, target, format="csv", overwrite=True, dry_run=True).texts == 7
    assert target.read_text() == "mine"
    api.export(house, target, format="csv", overwrite=True)
    assert len(rows(target)) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    ("choices", "advice"),
    [
        ({"format": "xlsx"}, "is no format"),
        ({"format": "csv", "texts": "some"}, "approved or all"),
        ({"format": "csv", "in_place": True}, "name a TARGET"),
        ({"format": "embed", "in_place": True}, "in place|without one|TARGET"),
    ],
)
def test_choices_that_make_no_sense_are_refused(
    house: Path, tmp_path: Path, choices: dict[str, object], advice: str
) -> None:
    with pytest.raises(InputError, match=advice):
        api.export(house, tmp_path / "t", **choices)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="folder: name a file"):
        api.export(house, tmp_path, format="csv")


def test_rows_are_read_one_by_one_from_anywhere(house: Path) -> None:
    with Collection.open(house) as collection:
        everything = Selection("all", with_restricted=True)
        found = list(published(collection, everything))
        assert [one.picture.id for one in found] == [1, 2, 3, 4, 7, 9, 10]
        assert published_count(collection, everything) == 7
        assert [one.picture.id for one in published(collection, everything, after=4)] == [7, 9, 10]
        nine = published_one(collection, 9)
        assert nine is not None
        assert [(one.kind, one.lang, label(one)) for one in nine.texts] == [
            ("alt", "de-AT", "person"),
            ("alt", "en", "approved"),
            ("description", "en", "person"),
        ]
        assert published_one(collection, 7) is None
        assert published_pages(collection, "/p/9.jpg") == [nine]
