"""Backups are sound, a restore keeps what was forgotten forgotten, and forgetting leaves no byte."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from mezzetin.collection import people, pictures, texts
from mezzetin.collection.forgetting import forget, remember
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Seen, Sighting
from mezzetin.collection.safekeeping import backup, restore
from mezzetin.errors import EnvironmentProblem, FormatError, InputError
from tests.unit.collection.making import ANNA, SMALL, filled, put, said

PRIVATE = "zanzibarlighthouse"


def with_secret(path: Path) -> Collection:
    """Forty pictures; the second names a secret in every column of every table, in many versions."""
    collection = filled(path, 40)
    seen = Sighting("folder", "/p/2.jpg", title=f"{PRIVATE} title", artist=PRIVATE, extra={"note": PRIVATE * 300})
    with collection.writing(SMALL, "collect") as writing:
        pictures.see(writing, seen)
        pictures.mark_failed(writing, 2, "x", PRIVATE, captioner="azure")
        pictures.see(
            writing, Sighting("folder", f"/{PRIVATE}/2.jpg", sha256=f"{2:064x}"), still_there=lambda uri: False
        )
    for number in range(6):
        put(collection, 2, said(f"{PRIVATE} {number} " * 40, signature=f"s{number}"))
    text = texts.of_picture(collection, 2)[0]
    text = people.edit(collection, ANNA, text.id, f"Of {PRIVATE}.", version=text.version)
    people.delete(collection, ANNA, text.id, version=text.version)
    people.write(collection, ANNA, 2, f"Long {PRIVATE}.", kind="description")
    return collection


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())


@pytest.mark.parametrize("image", ["2", f"/{PRIVATE}/2.jpg", f"{2:064x}", "2.jpg"])
def test_forgetting_leaves_no_byte_and_the_next_run_does_not_bring_it_back(tmp_path: Path, image: str) -> None:
    with with_secret(tmp_path / "c.sqlite") as collection:
        assert PRIVATE.encode() in bytes_of(tmp_path)
        assert forget(collection, ANNA, image).pictures == 1
        assert PRIVATE.encode() not in bytes_of(tmp_path)
        assert f"{2:064x}".encode() not in bytes_of(tmp_path)
        with collection.writing(SMALL, "collect") as writing:
            assert pictures.see(writing, Sighting("f", f"/{PRIVATE}/2.jpg")) == Seen(None, "forgotten")
            assert pictures.see(writing, Sighting("f", "/else.jpg", sha256=f"{2:064x}")) == Seen(None, "forgotten")
        assert pictures.counts(collection) == {"done": 39}
        assert remember(collection, ANNA, sha256=f"{2:064x}")
        with collection.writing(SMALL, "collect") as writing:
            assert pictures.see(writing, Sighting("f", "/else.jpg", sha256=f"{2:064x}")).what == "new"
    assert PRIVATE.encode() not in bytes_of(tmp_path)


def test_every_table_about_pictures_is_reached_by_forgetting(tmp_path: Path) -> None:
    with with_secret(tmp_path / "c.sqlite") as collection:
        about = [
            row[0]
            for row in collection.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
            if any(column["name"] == "picture_id" for column in collection.rows(f'PRAGMA table_info("{row[0]}")'))
        ]
        filled_tables = [name for name in about if collection.one(f'SELECT 1 FROM "{name}" WHERE picture_id = 2')]  # noqa: S608
        assert {"texts", "history", "failures", "picture_history", "changes"} <= set(filled_tables)
        forget(collection, ANNA, "2")
        for name in about:
            assert collection.one(f'SELECT 1 FROM "{name}" WHERE picture_id = 2') is None, name  # noqa: S608


def test_all_pages_and_copies_of_a_forgotten_file_go(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 1) as collection:
        with collection.writing(SMALL, "collect") as writing:
            for page in (0, 1, 2):
                pictures.see(writing, Sighting("f", "/t.tif", page=page, pages=3, sha256="a" * 64))
            pictures.see(writing, Sighting("f", "/copy.tif", sha256="a" * 64))
        assert forget(collection, ANNA, "/t.tif").pictures == 4
        with collection.writing(SMALL, "collect") as writing:
            assert pictures.see(writing, Sighting("f", "/copy.tif")).what == "forgotten"


def test_a_name_that_fits_several_pictures_forgets_none(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 1) as collection:
        with collection.writing(SMALL, "collect") as writing:
            pictures.see(writing, Sighting("f", "/other/1.jpg", sha256="b" * 64))
        with pytest.raises(InputError, match="fits 2 pictures"):
            forget(collection, ANNA, "1.jpg")
        with pytest.raises(InputError, match="no such picture"):
            forget(collection, ANNA, "nowhere.jpg")


def test_a_backup_is_whole_while_others_write(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 300) as collection:
        stop = threading.Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                # Both or neither: a copy that holds one without the other is of no moment.
                with collection.writing(SMALL, "collect") as writing:
                    for one in (1, 2):
                        texts.put_machine(writing, one, said(f"words {number}", signature=f"s{number}"))

        thread = threading.Thread(target=write)
        thread.start()
        try:
            made = [backup(tmp_path / "c.sqlite", tmp_path / f"b{number}.sqlite") for number in range(3)]
        finally:
            stop.set()
            thread.join()
        for one in made:
            assert one.pictures == 300
            with Collection.open(one.path) as copy:
                first, second = (texts.chosen(copy, number) for number in (1, 2))
                assert first is not None
                assert second is not None
                assert first.signature == second.signature
    assert not list(tmp_path.glob(".*"))


def test_a_backup_comes_back_and_a_damaged_one_does_not(tmp_path: Path) -> None:
    filled(tmp_path / "c.sqlite", 50).close()
    made = backup(tmp_path / "c.sqlite", tmp_path / "b.sqlite")
    with pytest.raises(InputError, match="--overwrite"):
        backup(tmp_path / "c.sqlite", made.path)
    assert restore(made.path, tmp_path / "new.sqlite").pictures == 50
    content = bytearray(made.path.read_bytes())
    content[len(content) // 2] ^= 1
    made.path.write_bytes(content)
    with pytest.raises(EnvironmentProblem, match="not as it was written"):
        restore(made.path, tmp_path / "newer.sqlite")
    assert not (tmp_path / "newer.sqlite").exists()


def test_a_restore_over_a_collection_in_use_keeps_it_beside_and_what_was_forgotten_forgotten(tmp_path: Path) -> None:
    with filled(tmp_path / "c.sqlite", 4) as collection:
        made = backup(tmp_path / "c.sqlite", tmp_path / "b.sqlite")
        people.edit(collection, ANNA, 1, "Later words.", version=1)
        forget(collection, ANNA, "3")
        with pytest.raises(InputError, match="backed up before"):
            restore(made.path, tmp_path / "c.sqlite")
        restore(made.path, tmp_path / "c.sqlite", overwrite=True)
        first = texts.get(collection, 1)
        assert first is not None
        assert first.text == "a dog 1"
        assert pictures.get(collection, 3) is None
        assert pictures.counts(collection) == {"done": 3}
    with Collection.open(tmp_path / "c.sqlite.before-restore.backup") as before:
        kept = texts.get(before, 1)
        assert kept is not None
        assert kept.text == "Later words."


def test_what_is_no_collection_is_neither_copied_nor_restored(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.execute("CREATE TABLE t (x)")
    other.close()
    (tmp_path / "text").write_text("no database at all, but long enough to be read as a header of one\n" * 10)
    for name in ("other.sqlite", "text"):
        with pytest.raises(FormatError, match=r"no (collection|database)"):
            backup(tmp_path / name, tmp_path / "b")
        with pytest.raises(FormatError, match=r"no (collection|database)"):
            restore(tmp_path / name, tmp_path / "b")
        assert not (tmp_path / "b").exists()
